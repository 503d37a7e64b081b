//! The machine under the cluster: its programs, packages, ports, processes, and the tools that are
//! built for it. Nothing here knows of plugins or clusters, and whatever is started or built here
//! is recorded or cached by what it was made from.

pub mod debian;
pub mod paths;
pub mod ports;
pub mod process;
pub mod tools;

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Whether this process is root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether a program is in `PATH`.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// Runs a program that is expected to succeed, and returns its output.
pub fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let arguments: Vec<String> = command
        .get_args()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("starting {name}"))?;
    ensure!(
        output.status.success(),
        "{name} {} failed ({}): {}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The target that plugins are compiled for.
pub const WASM: &str = "wasm32-unknown-unknown";

/// Whether the installed compiler has a target's standard library. rustup prints the directory even
/// if it is empty.
pub fn compiles_for(target: &str) -> Result<bool> {
    let libraries = rustc(&["--print", "target-libdir", "--target", target])?;
    let Ok(entries) = std::fs::read_dir(libraries) else {
        return Ok(false);
    };
    Ok(entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
}

/// Runs the installed compiler, and returns its output.
pub fn rustc(arguments: &[&str]) -> Result<String> {
    Ok(run(Command::new("rustc").args(arguments))?.trim().to_owned())
}

/// Whether the installed Python can make environments with pip in them; Debian's needs a package for
/// that.
pub fn makes_environments() -> bool {
    run(Command::new("python3").args(["-c", "import venv, ensurepip"])).is_ok()
}

/// Whether file systems can be mounted through FUSE.
pub fn has_fuse() -> bool {
    Path::new("/dev/fuse").exists()
}
