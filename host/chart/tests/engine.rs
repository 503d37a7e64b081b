//! The engine's source in Go has tests, which compare it with Helm's own functions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::path::Path;
use std::process::Command;

#[test]
fn the_tests_in_go_pass() {
    let go = std::env::var_os("GO").unwrap_or_else(|| "go".into());
    // Go would remember that they passed, and does not see that charts outside of its module have changed since.
    let output = Command::new(go)
        .args(["test", "-count=1", "."])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("helm-engine"))
        .env("GOWORK", "off")
        .env("CGO_ENABLED", "0")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
