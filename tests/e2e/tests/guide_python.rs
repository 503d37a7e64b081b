//! What docs/writing-a-runtime.md says about Python, done on a real node: its commands lead to a Dataset that
//! is bound, and that a pod reads.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use wasser_e2e::languages::{Language, journey};

#[tokio::test]
#[ignore = "needs a cluster: cargo xtask test e2e"]
async fn the_commands_of_the_guide_lead_to_a_pod_that_reads() {
    journey("python", Language::python()).await;
}
