//! The options of `cargo xtask test` that concern its clusters.

use wasser_test_cluster::{self as cluster, Node};

/// The cluster to test on.
#[derive(Debug, Clone, clap::Args)]
pub struct ClusterOptions {
    /// The name of the cluster; one that runs already is used and left running
    #[arg(long, default_value = "cluster-test", value_parser = cluster::name)]
    pub name: String,
    /// The kind of node that runs the pods [default: real if this machine allows it]
    #[arg(long, value_enum)]
    pub node: Option<Node>,
    /// Leave the cluster running afterwards
    #[arg(long)]
    pub keep: bool,
}
