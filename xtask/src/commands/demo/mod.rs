//! `cargo xtask demo`: brings up one Dataset on a real JuiceFS, from nothing, and prints everything
//! that happens.

mod kubectl;
mod operations;
mod operator;
mod pods;
mod progress;
mod serving;

use std::io::IsTerminal;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use wasser_test_cluster::install::NAMESPACE as SYSTEM;
use wasser_test_cluster::machine::debian::{self, Need};
use wasser_test_cluster::machine::process::wait;
use wasser_test_cluster::machine::{self, paths};
use wasser_test_cluster::packages::guests;
use wasser_test_cluster::{self as cluster, Cluster, DEFAULT_NAME, Node, Options};

use super::environment::{Environment, REDIS};
use super::{build, interrupt};
use kubectl::{NAME, NAMESPACE, create, kubectl, path, say};
use progress::Progress;
use serving::Serving;

/// The manifest that is applied.
const EXAMPLE: &str = "docs/examples/juicefs.yaml";
/// How long the Dataset may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// Shows one Dataset becoming Bound on a real JuiceFS, on a real node where that is possible.
///
/// Builds what is missing, brings up a cluster and a Redis, installs Wasser by its chart, applies
/// docs/examples/juicefs.yaml, and starts one pod that writes and another that reads. Then the data
/// is loaded into a second, cold cache, and copied into a directory, which is compared. The cluster
/// stays until `cargo xtask cluster down`. With fake nodes, and with KUBECONFIG set, wasser is a
/// process of this machine that runs until Ctrl-C, and no pod mounts anything.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Do not wait for Ctrl-C at the end; the default if the output is not a terminal
    #[arg(long)]
    once: bool,
    /// Build wasser with optimisation
    #[arg(long)]
    release: bool,
    /// The name of the cluster; one that runs already is used
    #[arg(long, default_value = DEFAULT_NAME, value_parser = cluster::name)]
    name: String,
    /// The kind of node that runs the pods [default: real if this machine allows it]
    #[arg(long, value_enum)]
    node: Option<Node>,
}

pub fn run(args: &Args) -> Result<()> {
    interrupt::listen()?;
    debian::prepare(&Need::DEMO);
    say("building the JuiceFS plugin");
    guests::build(paths::root(), &["juicefs".to_owned()])?;
    interrupt::check()?;
    say("bringing up a cluster");
    let cluster = Cluster::up(&Options {
        name: args.name.clone(),
        node: args.node,
        nodes: 3,
        stand_ins: false,
    })?;
    interrupt::check()?;
    let environment = Environment::of(&cluster)?;
    interrupt::check()?;
    if !environment.real {
        println!(
            "    its nodes are fake: pods become ready without containers, so that nothing is really mounted, \
             and sizes stay unknown"
        );
    }
    let Some(redis) = &environment.redis else {
        bail!(
            "JuiceFS needs a metadata engine: set {REDIS} to the URL of a Redis that pods of this cluster reach, \
             redis://HOST:6379/1"
        );
    };

    let mut serving = Serving::start(&cluster, &environment, args.release)?;
    wait_for_verdict(&cluster, &serving)?;

    say(&format!("creating a Secret with {redis}, and applying {EXAMPLE}"));
    create(
        &cluster,
        &[
            "create",
            "secret",
            "generic",
            "jfs-secret",
            "-n",
            NAMESPACE,
            &format!("--from-literal=metaurl={redis}"),
        ],
    )?;
    let began = Instant::now();
    print!(
        "{}",
        kubectl(&cluster, &["apply", "-n", NAMESPACE, "-f", &path(EXAMPLE)])?
    );
    let mut progress = Progress::new(&cluster, NAMESPACE, began);
    let mut outcome = progress.wait_until_bound(NAME, environment.real, PATIENCE, || serving.check());
    if outcome.is_ok() && serving.mounts() {
        outcome = pods::run(&cluster, &mut progress)
            .and_then(|()| build::wasser(args.release))
            .and_then(|program| operations::run(&cluster, &program, &mut progress));
    }
    show(&cluster, &environment, &serving);
    outcome?;
    let stays = matches!(serving, Serving::Process(_)) && !args.once && std::io::stdout().is_terminal();
    outlook(args, &cluster, &environment, stays || serving.mounts());
    if stays {
        println!("\nwasser runs until Ctrl-C; its log is {}", serving.log());
        while !interrupt::interrupted() {
            serving.check()?;
            progress.print_changes()?;
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    serving.stop()
}

/// Waits for the verdict on the registration.
fn wait_for_verdict(cluster: &Cluster, serving: &Serving) -> Result<()> {
    let annotation = |name: &str| {
        let jsonpath = format!(r"jsonpath={{.metadata.annotations.wasser\.fluid\.io/{name}}}");
        cluster.kubectl(&["get", "configmap", "juicefs", "-n", SYSTEM, "-o", &jsonpath])
    };
    let mut verdict = String::new();
    let judged = wait(PATIENCE, || {
        verdict = annotation("verdict").unwrap_or_default();
        !verdict.is_empty() || interrupt::interrupted()
    });
    interrupt::check()?;
    ensure!(
        judged,
        "wasser has not judged the registration; its log is {}",
        serving.log()
    );
    println!("    {verdict}: {}", annotation("message")?);
    ensure!(
        verdict == "loaded" || verdict == "last-good",
        "the plugin does not serve; wasser's log is {}",
        serving.log()
    );
    Ok(())
}

/// Prints what there is now.
fn show(cluster: &Cluster, environment: &Environment, serving: &Serving) {
    let commands: [&[&str]; 5] = [
        &["get", "dataset", NAME, "-n", NAMESPACE],
        &["get", "juicefsruntime", NAME, "-n", NAMESPACE, "-o", "wide"],
        &["get", "statefulset,daemonset,pod,pvc", "-n", NAMESPACE],
        &["get", "pv"],
        &["events", "-n", NAMESPACE],
    ];
    for arguments in commands {
        println!("\n$ kubectl {}", arguments.join(" "));
        println!(
            "{}",
            cluster
                .kubectl(arguments)
                .unwrap_or_else(|error| format!("{error:#}\n"))
                .trim_end()
        );
    }
    println!("\n$ helm ls -n {NAMESPACE}");
    let mut helm = Command::new(environment.programs.join("helm"));
    helm.args(["ls", "-n", NAMESPACE])
        .env("KUBECONFIG", cluster.kubeconfig());
    let helm = machine::run(&mut helm);
    println!("{}", helm.unwrap_or_else(|error| format!("{error:#}\n")).trim_end());
    println!("\nwasser's log is {}", serving.log());
}

/// Prints what to try next.
fn outlook(args: &Args, cluster: &Cluster, environment: &Environment, stays: bool) {
    println!("\n==> what to try next");
    if !stays {
        println!("    cargo xtask demo                             # in a terminal: wasser runs on, for what follows");
    }
    println!("    export PATH={}:$PATH", environment.programs.display());
    if environment.real {
        println!("    kubectl exec {NAME}-worker-0 -- df -h        # the file system, mounted in the worker");
        println!("    kubectl exec reader -- ls -l /data         # and in a pod that uses it");
        println!("    kubectl get dataset,dataload,datamigrate    # what was loaded and copied");
        println!("    kubectl delete pod -l role=juicefs-fuse    # the pods get their data back by themselves");
    } else {
        // On the one real node, a second worker would wait for the ports of the first.
        println!("    kubectl scale juicefsruntime {NAME} --replicas=2");
    }
    println!("    kubectl delete statefulset {NAME}-worker     # it is put back");
    println!("    helm get values {NAME}");
    println!(
        "    kubectl delete dataset {NAME}                # once no pod uses it, everything goes, labels of nodes too"
    );
    if cluster.state().is_some() {
        println!(
            "    cargo xtask cluster down{}           # the end of the cluster",
            if args.name == DEFAULT_NAME {
                String::new()
            } else {
                format!(" --name {}", args.name)
            }
        );
    }
}
