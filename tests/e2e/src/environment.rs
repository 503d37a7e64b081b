//! The variables that `cargo xtask test` sets for the tests.

use std::path::PathBuf;

pub use wasser_test_cluster::machine::paths::root;

/// Where cargo put this test, and what else it built.
fn built() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    test.ancestors()
        .nth(2)
        .expect("a test is in target/debug/deps")
        .to_owned()
}

/// A directory for logs and caches that outlive a test.
pub fn scratch() -> PathBuf {
    let path = built().join("e2e");
    std::fs::create_dir_all(&path).expect("creating a directory next to the tests");
    path
}

/// `WASSER_BIN`, or what cargo built next to this test.
pub fn wasser() -> PathBuf {
    std::env::var_os("WASSER_BIN").map_or_else(|| built().join("wasser"), PathBuf::from)
}

/// The program `wasser-serve`, which cargo puts beside it.
pub fn serve() -> PathBuf {
    wasser().with_file_name("wasser-serve")
}

/// `WASSER_NODE`: whether pods have containers.
pub fn has_real_node() -> bool {
    std::env::var("WASSER_NODE").is_ok_and(|node| node == "real")
}

/// Fails where pods have no containers: what the test wants to see cannot happen there.
pub fn needs_a_real_node() {
    assert!(
        has_real_node(),
        "this test needs a real node: run it with `cargo xtask test e2e`, with WASSER_NODE=real"
    );
}

/// `WASSER_REDIS`: the URL of a Redis that pods reach. Where pods have no containers, nobody asks
/// whether it exists.
pub fn redis() -> String {
    std::env::var("WASSER_REDIS").unwrap_or_else(|_| "redis://redis.invalid:6379/1".to_owned())
}

/// `WASSER_CHART`: the chart that installs Wasser, of one build with the image that the nodes have.
pub fn chart() -> PathBuf {
    std::env::var_os("WASSER_CHART").map_or_else(|| root().join("target/charts/wasser"), PathBuf::from)
}

/// `WASSER_CLUSTER`: the name of the cluster, if it was brought up by `cargo xtask`, so that its
/// processes may be tampered with.
pub fn own_cluster() -> Option<String> {
    std::env::var("WASSER_CLUSTER").ok().filter(|name| !name.is_empty())
}

/// A program that is named by a variable, or to be found in `PATH`.
pub fn program(variable: &str, default: &str) -> PathBuf {
    std::env::var_os(variable).map_or_else(|| default.into(), PathBuf::from)
}

/// `WASSER_S3`: an S3 server that pods reach, with the keys of its administrator:
/// `http://access:secret@host:port`.
pub fn s3() -> String {
    std::env::var("WASSER_S3")
        .expect("this test needs an S3 server: run it with `cargo xtask test e2e`, or set WASSER_S3")
}
