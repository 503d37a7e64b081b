//! The options of `cargo xtask test` that concern its clusters.

use xtask::cluster::{self, Node};

/// The cluster to test on.
#[derive(Debug, Clone, clap::Args)]
pub struct ClusterOptions {
    /// Which cluster; one that runs already is used and left running
    #[arg(long, default_value = "cluster-test", value_parser = cluster::name)]
    pub name: String,
    /// What runs the pods [default: real where that is possible]
    #[arg(long, value_enum)]
    pub node: Option<Node>,
    /// Leave the cluster running afterwards
    #[arg(long)]
    pub keep: bool,
}
