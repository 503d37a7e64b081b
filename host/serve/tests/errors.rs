//! What the program says where it cannot run.
#![allow(clippy::unwrap_used)] // Tests fail by panicking.

use std::process::Command;

/// Returns what the program says on standard error without a cluster that it could find.
fn said(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_wasser-serve"))
        .args(arguments)
        .env_clear()
        .output()
        .unwrap();
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn it_says_what_it_has_tried() {
    for arguments in [["csi", "--nodeid=a"], ["webhook", "--addr=127.0.0.1:0"]] {
        let said = said(&arguments);
        assert!(said.contains("Error: finding the API server: "), "{said}");
    }
}

#[test]
fn it_says_which_option_is_wrong() {
    let said = said(&["csi", "--nodeid=a", "--probe-timeout=5"]);
    assert!(said.contains("`5` is not a duration such as 15s"), "{said}");
}
