//! Prints the CRD of AlluxioRuntime. With `--json`, as one line of JSON: the form that a plugin package carries.

use std::io::Write;

use kube::CustomResourceExt;
use wasser_alluxio::spec::AlluxioRuntime;
use wasser_api::crd::{structural, to_yaml};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let crd = structural(AlluxioRuntime::crd());
    let text = match std::env::args().nth(1).as_deref() {
        Some("--json") => serde_json::to_string(&crd)? + "\n",
        _ => to_yaml(&crd, "cargo run --package wasser-alluxio --features crd --example crd")?,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
