//! Which cluster is wanted.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The name of the cluster that is meant when none is given.
pub const DEFAULT_NAME: &str = "cluster";
/// The kind of node that runs the pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Node {
    /// kubelet, containerd and runc, in separate namespaces; needs root
    Real,
    /// kwok: pods become ready without containers
    Fake,
}

/// The cluster that is wanted.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The name of the cluster; its state is below target/NAME
    #[arg(long, default_value = DEFAULT_NAME, value_parser = name)]
    pub name: String,
    /// The kind of node that runs the pods [default: real if this machine allows it]
    #[arg(long, value_enum)]
    pub node: Option<Node>,
    /// The number of fake nodes
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub nodes: u32,
    /// On fake nodes, let the programs in tests/cluster/stand-ins answer commands in pods of their
    /// cache systems
    #[arg(long)]
    pub stand_ins: bool,
}

impl Options {
    /// Returns the options of a cluster with fake nodes.
    pub fn fake(name: &str, nodes: u32) -> Self {
        Self {
            name: name.to_owned(),
            node: Some(Node::Fake),
            nodes,
            stand_ins: false,
        }
    }
}

/// Checks the name of a cluster, which is part of a path and of a cgroup's name.
pub fn name(text: &str) -> Result<String, String> {
    let fine = !text.is_empty()
        && text.len() <= 20
        && text.starts_with("cluster")
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fine {
        Ok(text.to_owned())
    } else {
        Err("it must be `cluster` or begin so, such as cluster-2: at most 20 of a-z, 0-9 and -".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths() {
        assert!(name("cluster-bench").is_ok());
        for wrong in ["", "a", "cluster/..", "cluster-with-a-name-too-long", "CLUSTER"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
