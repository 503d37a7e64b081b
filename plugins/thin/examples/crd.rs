//! Prints the CRDs of ThinRuntime and ThinRuntimeProfile. With `--json`, as lines of JSON: the form that a plugin package carries.

use std::io::Write;

use kube::CustomResourceExt;
use wasser_api::crd::{structural, to_yaml};
use wasser_thin::spec::{ThinRuntime, ThinRuntimeProfile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const COMMAND: &str = "cargo run --package wasser-thin --features crd --example crd";
    let (runtime, profile) = (structural(ThinRuntime::crd()), structural(ThinRuntimeProfile::crd()));
    let text = match std::env::args().nth(1).as_deref() {
        Some("--json") => format!("{}\n{}\n", serde_json::to_string(&runtime)?, serde_json::to_string(&profile)?),
        _ => to_yaml(&runtime, COMMAND)? + &to_yaml(&profile, COMMAND)?,
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
