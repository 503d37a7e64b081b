//! What the documentation tells users to apply is accepted as it is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use support::KIT;

#[rstest]
#[case("README.md")]
#[case("docs/examples/juicefs.yaml")]
#[case("docs/examples/cold.yaml")]
#[tokio::test]
async fn manifests_that_are_shown_are_accepted(#[case] file: &str) {
    KIT.expect_shown(file, support::values).await;
}
