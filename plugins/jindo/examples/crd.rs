//! Prints the CRD of JindoRuntime. With `--json`, as one line of JSON: the form that a plugin package carries.

use std::io::Write;

use kube::CustomResourceExt;
use wasser_api::crd::{structural, to_yaml};
use wasser_jindo::spec::JindoRuntime;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let crd = structural(JindoRuntime::crd());
    let text = match std::env::args().nth(1).as_deref() {
        Some("--json") => serde_json::to_string(&crd)? + "\n",
        _ => to_yaml(&crd, "cargo run --package wasser-jindo --features crd --example crd")?,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
