//! The core module of a project in Rust, built by cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::Compilers;

/// The target of a plugin in Rust.
const TARGET: &str = "wasm32-unknown-unknown";

/// Builds the module of a project, and returns its bytes.
///
/// # Errors
/// cargo cannot be started, or the project does not compile to one module.
pub fn module(directory: &Path, compilers: &Compilers) -> Result<Vec<u8>> {
    let mut cargo = Command::new("cargo");
    cargo
        .current_dir(directory)
        .args([
            "build",
            "--release",
            "--lib",
            "--target",
            TARGET,
            "--message-format",
            "json-render-diagnostics",
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = compilers
        .output(&mut cargo)
        .context("starting cargo; install Rust from https://rustup.rs, or give the module with `--module`")?;
    ensure!(
        output.status.success(),
        "compiling {} for {TARGET} failed ({}); if the target is missing: rustup target add {TARGET}",
        directory.display(),
        output.status
    );
    let messages = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let mut modules: Vec<PathBuf> = Vec::new();
    for message in messages {
        let message = message.context("reading what cargo says")?;
        let files = message["filenames"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        modules.extend(files.filter(|file| file.ends_with(".wasm")).map(PathBuf::from));
    }
    let Some(module) = modules.last() else {
        bail!(
            "{} does not compile to a module; its Cargo.toml needs `[lib] crate-type = [\"cdylib\"]`",
            directory.display()
        );
    };
    std::fs::read(module).with_context(|| format!("reading {}", module.display()))
}
