//! `cargo xtask test faults`: an operator whose connection to a real API server is bad, and which
//! is killed again and again, while users create, scale and delete Datasets. Its end is compared
//! with that of an operator which nothing happens to.
//!
//! [`weather`] says what happens when, the same for the same seed; [`proxy`] does it to the
//! connections; [`storm`] goes through the life of the Datasets; [`state`] looks at the cluster,
//! past the proxy. The cluster has to be there, and nothing else may serve it.

mod numbers;
mod operator;
mod proxy;
mod state;
mod storm;
mod weather;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;
use serde_json::json;
use wasser_bench::objects::System;
use wasser_bench::register;
use wasser_test_cluster::Cluster;
use wasser_test_cluster::machine::paths;
use wasser_test_cluster::packages::guests;

use operator::{NAMESPACE, Operator};
use proxy::{Proxy, Upstream};
use storm::{Plan, Storms};

/// How long everything may take to come right after a storm: longer than the pauses that grow while
/// it lasts.
const CALM: Duration = Duration::from_secs(180);

/// Storms between an operator and its API server. The counts are one JSON object on standard
/// output; it fails if anything is not as it should be.
#[derive(Debug, Parser)]
struct Args {
    /// A running cluster of `cargo xtask cluster` with fake nodes
    #[arg(long)]
    cluster: String,
    /// The program `wasser`
    #[arg(long)]
    wasser: PathBuf,
    /// The number of Datasets
    #[arg(long)]
    count: u32,
    /// Decides what happens when
    #[arg(long)]
    seed: u64,
    /// How many seconds each of the three storms lasts
    #[arg(long)]
    seconds: u64,
    /// The cache systems that serve the Datasets, by turns
    #[arg(long, value_enum, value_delimiter = ',')]
    mix: Vec<System>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let cluster = Cluster::find(&args.cluster)?;
    let cluster = cluster.with_context(|| format!("there is no cluster {}", args.cluster))?;
    let directory = paths::target().join("faults");
    fs::create_dir_all(&directory).with_context(|| format!("creating {}", directory.display()))?;
    let mut systems = args.mix.clone();
    systems.sort_unstable();
    systems.dedup();
    let names: Vec<String> = systems.iter().map(|system| system.plugin().to_owned()).collect();
    let packages = guests::build(paths::root(), &names)?;
    register(&cluster, NAMESPACE, &systems, &packages, &directory)?;

    let runtime = tokio::runtime::Runtime::new().context("starting the proxy")?;
    let upstream = Upstream::of(cluster.kubeconfig())?;
    let proxy = runtime.block_on(Proxy::start(upstream, args.seed))?;
    let kubeconfig = directory.join("kubeconfig");
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "faults",
        "clusters": [{"name": "faults", "cluster": {"server": format!("http://{}", proxy.address())}}],
        "users": [{"name": "faults", "user": {}}],
        "contexts": [{"name": "faults", "context": {"cluster": "faults", "user": "faults"}}],
    });
    fs::write(&kubeconfig, config.to_string()).with_context(|| format!("writing {}", kubeconfig.display()))?;

    let plan = Plan {
        count: args.count,
        systems: args.mix,
        seed: args.seed,
        lasts: Duration::from_secs(args.seconds),
        calm: CALM,
    };
    let operator = Operator::start(&args.wasser, &kubeconfig, &directory)?;
    let (report, fine) = Storms::new(&cluster, &directory, &proxy, operator, &plan).run()?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(if fine { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
