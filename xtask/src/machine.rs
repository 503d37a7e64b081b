//! The machine under the cluster: what is installed, what is missing, what it cannot do.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Whether this process may do everything.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether a program is in `PATH`.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(name).is_file())
}

/// Installs the packages of Debian that are missing; says what to install where it may not.
pub fn install(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !is_installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    ensure!(
        has_program("apt-get"),
        "these packages of Debian are missing, and there is no apt-get: {list}. Install what they contain"
    );
    ensure!(
        is_root(),
        "these packages are missing: {list}. Install them as root: apt-get install --no-install-recommends {list}"
    );
    eprintln!("installing {list}");
    let install = || apt_get(&[["install", "--yes", "--no-install-recommends", "--no-remove"].as_slice(), &missing].concat());
    // The lists are fetched only if the packages are not to be had without.
    if install().is_err() {
        apt_get(&["update"])?;
        install()?;
    }
    Ok(())
}

fn is_installed(package: &str) -> bool {
    let query = Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .stderr(Stdio::null())
        .output();
    query.is_ok_and(|output| output.stdout == b"installed")
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Services of the packages are not to be started: the cluster starts its own.
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null())
        .output()
        .context("starting apt-get")?;
    if !output.status.success() {
        bail!(
            "apt-get {} failed ({}):\n{}",
            arguments.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Runs a program that is expected to succeed, and gives what it prints.
pub fn run(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let arguments: Vec<String> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("starting {name}"))?;
    ensure!(
        output.status.success(),
        "{name} {} failed ({}): {}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether file systems can be mounted through FUSE.
pub fn has_fuse() -> bool {
    Path::new("/dev/fuse").exists()
}
