//! What the developer commands are made of, for the tests and benchmarks too: the cluster, the tools that it is built from, the packages of
//! the plugins, and the chart that installs Wasser.

pub mod bench;
pub mod cluster;
pub mod machine;
pub mod packages;
