//! `cargo xtask cluster up|down|status`

use anyhow::Result;
use clap::Subcommand;
use wasser_test_cluster::machine;
use wasser_test_cluster::{self as cluster, Cluster, DEFAULT_NAME, Options, State};

/// The action on the cluster.
#[derive(Debug, Subcommand)]
pub enum Args {
    /// Start the cluster, after building and installing what is missing; with KUBECONFIG set, use
    /// that cluster
    Up(Options),
    /// Stop exactly what `up` has started, and leave nothing behind
    Down {
        /// The name of the cluster
        #[arg(long, default_value = DEFAULT_NAME, value_parser = cluster::name)]
        name: String,
    },
    /// Show what runs
    Status {
        /// The name of the cluster
        #[arg(long, default_value = DEFAULT_NAME, value_parser = cluster::name)]
        name: String,
    },
}

pub fn run(args: Args) -> Result<()> {
    match args {
        Args::Up(options) => up(&options),
        Args::Down { name } => {
            let stopped = Cluster::down(&name)?;
            println!(
                "{}",
                if stopped {
                    format!("the cluster {name} is gone")
                } else {
                    format!("there is no cluster {name}")
                }
            );
            Ok(())
        }
        Args::Status { name } => status(&name),
    }
}

fn up(options: &Options) -> Result<()> {
    let cluster = Cluster::up(options)?;
    println!("export KUBECONFIG={}", cluster.kubeconfig().display());
    if let Some(state) = cluster.state()
        && !machine::has_program("kubectl")
    {
        println!("export PATH=\"$PATH:{}\"", state.programs().display());
    }
    Ok(())
}

fn status(name: &str) -> Result<()> {
    let Some(state) = State::load(name)? else {
        println!("there is no cluster {name}; start it with: cargo xtask cluster up");
        for other in State::others(name)? {
            println!(
                "there is {0}; see it with: cargo xtask cluster status --name {0}",
                other.name
            );
        }
        return Ok(());
    };
    println!(
        "{name}: {} node, {}, KUBECONFIG={}",
        if state.node == cluster::Node::Real {
            "real"
        } else {
            "fake"
        },
        state.server,
        state.kubeconfig().display()
    );
    if let Some(service) = state.services.first() {
        println!("  Redis for its pods: {}", service.url);
    }
    if state.node == cluster::Node::Real {
        println!("  the node's files: {}", cluster::real::root(&state).display());
    }
    for process in state
        .processes
        .iter()
        .chain(state.services.iter().map(|service| &service.process))
    {
        let word = if process.runs() { "runs" } else { "has ended" };
        println!(
            "  {:<24} {:>8}  {word:<9}  {}",
            process.name,
            process.pid,
            state.log(&process.name).display()
        );
    }
    match Cluster::find(name)? {
        Some(cluster) => print!("{}", cluster.kubectl(&["get", "nodes", "-o", "wide"])?),
        None => println!("it is not complete; `cargo xtask cluster up` starts it again"),
    }
    Ok(())
}
