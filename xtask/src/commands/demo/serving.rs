//! The Wasser that serves the demo: the chart's on a real node, or else a process of this machine.

use anyhow::Result;
use wasser_test_cluster::install::{NAMESPACE as SYSTEM, RELEASE};
use wasser_test_cluster::machine::paths;
use wasser_test_cluster::packages::{guests, images};
use wasser_test_cluster::{Cluster, install};

use super::kubectl::{create, kubectl, path, say};
use super::operator::Operator;
use crate::commands::environment::Environment;
use crate::commands::{build, interrupt};

/// A running Wasser.
pub enum Serving {
    /// `wasser run`, with the CRDs and the registration applied by hand. Pods cannot mount
    /// anything: there is no node plugin.
    Process(Operator),
    /// The release of the chart, with its node plugin.
    Release,
}

impl Serving {
    /// Builds and starts Wasser. The nodes of the cluster of `KUBECONFIG` cannot be given an image,
    /// so that it gets the process.
    pub fn start(cluster: &Cluster, environment: &Environment, release: bool) -> Result<Self> {
        say("building wasser");
        let program = build::wasser(release)?;
        if environment.real && cluster.state().is_some() {
            let packages = guests::build(paths::root(), &[])?;
            interrupt::check()?;
            install::load(cluster, &images::wasser(&program, &packages, install::VERSION)?)?;
            let chart = install::build(&packages)?.directory;
            say(&format!(
                "installing Wasser: helm install {RELEASE} {} -n {SYSTEM}",
                chart.display()
            ));
            install::install(cluster, &chart, &[])?;
            print!(
                "{}",
                kubectl(cluster, &["get", "deployment,daemonset,pod", "-n", SYSTEM])?
            );
            return Ok(Self::Release);
        }
        say("installing the CRDs, and running wasser");
        kubectl(
            cluster,
            &["apply", "--server-side", "--force-conflicts", "-f", &path("crds")],
        )?;
        create(cluster, &["create", "namespace", SYSTEM])?;
        let mut operator = Operator::start(&program, cluster, SYSTEM)?;
        operator.ready(release)?;
        say("registering the JuiceFS plugin: kubectl apply --server-side -f target/plugins/juicefs.yaml");
        let plugin = path("target/plugins/juicefs.yaml");
        kubectl(
            cluster,
            &[
                "apply",
                "--server-side",
                "--force-conflicts",
                "-n",
                SYSTEM,
                "-f",
                &plugin,
            ],
        )?;
        Ok(Self::Process(operator))
    }

    /// Fails if the process has ended.
    pub fn check(&mut self) -> Result<()> {
        match self {
            Self::Process(operator) => operator.check(),
            Self::Release => Ok(()),
        }
    }

    /// Whether pods can mount Datasets.
    pub fn mounts(&self) -> bool {
        matches!(self, Self::Release)
    }

    /// Returns the path of its log, or the command that prints it.
    pub fn log(&self) -> String {
        match self {
            Self::Process(operator) => operator.log().display().to_string(),
            Self::Release => format!("kubectl logs -n {SYSTEM} deployment/{RELEASE}"),
        }
    }

    /// Ends the process. The release stays.
    pub fn stop(self) -> Result<()> {
        match self {
            Self::Process(operator) => operator.stop(),
            Self::Release => Ok(()),
        }
    }
}
