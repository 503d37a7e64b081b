//! A `wasser-serve webhook` that is a process of this machine, to which the API server comes.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::json;
use wasser_test_cluster::machine::ports::free_ports;
use wasser_test_cluster::webhook::configuration;

use crate::fake_cluster::{FakeCluster, SYSTEM};
use crate::objects::NAMESPACE;
use crate::usage::Usage;

/// The name of the configuration.
const CONFIGURATION: &str = "bench";
/// The Secret with the certificates.
const SECRET: &str = "webhook-certs";

/// A running webhook, which is killed when this is dropped.
pub struct Webhook {
    child: Child,
    log: PathBuf,
}

impl Webhook {
    /// Starts it, and waits until it has told the API server whom to trust.
    pub fn start(fake: &FakeCluster) -> Result<Self> {
        let [port] = free_ports(Ipv4Addr::LOCALHOST)?;
        let configuration = configuration(CONFIGURATION, port, NAMESPACE);
        fake.create_list(&json!({"apiVersion": "v1", "kind": "List", "items": [configuration]}))?;
        let log = fake.directory().join("webhook.log");
        let output = File::create(&log).with_context(|| format!("creating {}", log.display()))?;
        let program = fake.program().with_file_name("wasser-serve");
        let child = Command::new(&program)
            .args(["webhook", "--namespace", SYSTEM, "--secret", SECRET])
            .args(["--configuration", CONFIGURATION, "--name", "127.0.0.1"])
            .args(["--addr", &format!("127.0.0.1:{port}")])
            .env("KUBECONFIG", fake.cluster().kubeconfig())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(output)
            .spawn();
        let child = child.with_context(|| format!("starting {}", program.display()))?;
        let webhook = Self { child, log };
        let bundles = "jsonpath={.webhooks[*].clientConfig.caBundle}";
        let kind = "mutatingwebhookconfiguration";
        let told = fake.cluster().wait(
            "whom the API server trusts",
            &["get", kind, CONFIGURATION, "-o", bundles],
            |said| !said.is_empty(),
        );
        told.with_context(|| format!("the webhook's log is {}", webhook.log.display()))?;
        Ok(webhook)
    }

    /// What the process has used so far.
    pub fn usage(&self) -> Result<Usage> {
        let usage = Usage::of(self.child.id());
        usage.with_context(|| format!("asking for the webhook's usage; its log is {}", self.log.display()))
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        // The process may have ended by itself, which the benchmark has noticed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
