//! The packages of Debian that the commands need.
//!
//! All are named here. A command installs everything that it needs with one call, before it starts
//! anything. Installed one after the other, packages choose alternatives that later ones conflict
//! with: `bindfs` alone brings `fuse`, which excludes `s3fs` and `sshfs`.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use crate::machine;

/// What packages are needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Programs in C, which JuiceFS is built with.
    CompilerForC,
    /// libFuzzer, which is in C++.
    CompilerForFuzzing,
    /// Plugins, where the installed Rust has no target for WebAssembly.
    CompilerForGuests,
    /// A real node.
    Node,
    /// The images of the cluster itself.
    BaseImages,
    /// A metadata engine for JuiceFS.
    Redis,
    /// The jars of Alluxio.
    Maven,
    /// A Java runtime for Alluxio.
    Java,
    /// The image of Alluxio.
    Alluxio,
    /// The stand-ins for JindoCache and for the cache systems of the guide.
    StandIns,
    /// The images of the profiles of ThinRuntime.
    Thin,
    /// The image of Wasser.
    Wasser,
    /// Tests that ask servers by HTTP.
    Http,
    /// Plugins in Python, whose compiler is installed into an environment of its own.
    Python,
    /// Plugins in JavaScript, whose compiler is a package of npm.
    JavaScript,
}

impl Need {
    /// Everything that the end-to-end tests need.
    pub const ALL: [Self; 15] = [
        Self::CompilerForC,
        Self::CompilerForFuzzing,
        Self::CompilerForGuests,
        Self::Node,
        Self::BaseImages,
        Self::Redis,
        Self::Maven,
        Self::Java,
        Self::Alluxio,
        Self::StandIns,
        Self::Thin,
        Self::Wasser,
        Self::Http,
        Self::Python,
        Self::JavaScript,
    ];
    /// What a real node and a Dataset of JuiceFS on it need.
    pub const DEMO: [Self; 6] = [
        Self::CompilerForC,
        Self::CompilerForGuests,
        Self::Node,
        Self::BaseImages,
        Self::Redis,
        Self::Wasser,
    ];

    /// Returns the packages, whatever is installed.
    pub const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::CompilerForC => &["gcc", "libc6-dev"],
            Self::CompilerForFuzzing => &["g++"],
            // The compiler, the sources of its standard library, and a linker for WebAssembly.
            Self::CompilerForGuests => &["rustc-web", "cargo-web", "rust-web-src", "rust-web-llvm", "lld-22"],
            Self::Node => &[
                "containerd",
                "runc",
                "containernetworking-plugins",
                "conntrack",
                "iptables",
                "iproute2",
            ],
            Self::BaseImages => &["busybox-static", "bash-static", "util-linux"],
            Self::Redis => &["redis-server"],
            Self::Maven => &["maven"],
            Self::Java => &["default-jdk-headless", "binutils"],
            Self::Alluxio => &["libfuse3-3"],
            // `fuse3` is named wherever a package would be content with `fuse`.
            Self::StandIns => &["fuse3", "bindfs"],
            Self::Thin => &["fuse3", "s3fs", "sshfs", "openssh-client", "openssh-server", "jq"],
            Self::Wasser => &["ca-certificates", "binutils"],
            Self::Http => &["curl"],
            Self::Python => &["python3", "python3-venv", "ca-certificates"],
            Self::JavaScript => &["nodejs", "npm", "ca-certificates"],
        }
    }

    /// Returns the programs that make the packages unnecessary, if something else has installed
    /// them.
    const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::CompilerForC => &["gcc"],
            Self::CompilerForFuzzing => &["c++"],
            Self::Maven => &["mvn"],
            Self::Java => &["jlink", "objcopy"],
            Self::Redis => &["redis-server"],
            Self::Http => &["curl"],
            Self::JavaScript => &["node", "npm"],
            _ => &[],
        }
    }

    /// Returns the packages that have to be installed.
    fn missing(self) -> Vec<&'static str> {
        let programs = self.programs();
        let is_met = match self {
            Self::CompilerForGuests => machine::compiles_for(machine::WASM).unwrap_or(false),
            Self::Python => machine::makes_environments(),
            _ => !programs.is_empty() && programs.iter().all(|program| machine::has_program(program)),
        };
        if is_met {
            return Vec::new();
        }
        self.packages()
            .iter()
            .copied()
            .filter(|package| !is_installed(package))
            .collect()
    }
}

/// Installs all missing packages of these needs together. What cannot be installed is left to
/// [`require`], because the steps that do not need it can still be done.
pub fn prepare(needs: &[Need]) {
    let missing = together(needs.iter().map(|need| need.missing()));
    if missing.is_empty() || !machine::is_root() || !machine::has_program("apt-get") {
        return;
    }
    eprintln!("installing {}", missing.join(" "));
    let Err(error) = install(&missing) else { return };
    eprintln!("they cannot be installed together, and so are installed need by need: {error:#}");
    for need in needs {
        if let Err(error) = require(*need) {
            eprintln!("{error:#}");
        }
    }
}

/// Fails if packages of a need are missing and cannot be installed.
///
/// # Errors
/// Names the packages that are missing and cannot be installed.
pub fn require(need: Need) -> Result<()> {
    let missing = need.missing();
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    ensure!(
        machine::has_program("apt-get"),
        "these packages of Debian are missing, and there is no apt-get: {list}. Install what they contain"
    );
    ensure!(
        machine::is_root(),
        "these packages are missing: {list}. Install them as root: apt-get install --no-install-recommends {list}"
    );
    install(&missing).with_context(|| format!("installing {list}"))
}

/// Every package once.
fn together(lists: impl Iterator<Item = Vec<&'static str>>) -> Vec<&'static str> {
    let mut all: Vec<&str> = lists.flatten().collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn install(packages: &[&str]) -> Result<()> {
    let arguments = ["install", "--yes", "--no-install-recommends", "--no-remove"];
    let install = || apt_get(&[arguments.as_slice(), packages].concat());
    // The lists are fetched only if the packages cannot be installed without them.
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
    query.is_ok_and(|output| output.status.success() && output.stdout == b"installed")
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // The services of the packages must not be started: the cluster starts its own processes.
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What apt would do on a machine where nothing is installed at all.
    fn simulate(packages: &[&str]) -> Result<()> {
        let nothing = tempfile::NamedTempFile::new().unwrap();
        let status = format!("Dir::State::status={}", nothing.path().display());
        let options = [
            "install",
            "--simulate",
            "--yes",
            "--no-install-recommends",
            "--no-remove",
            "-o",
            &status,
        ];
        apt_get(&[options.as_slice(), packages].concat())
    }

    #[test]
    fn everything_can_be_installed_together_on_a_bare_machine() {
        if !machine::has_program("apt-get") {
            eprintln!("not tested: there is no apt-get");
            return;
        }
        let all = together(Need::ALL.into_iter().map(|need| need.packages().to_vec()));
        if let Err(error) = simulate(&all) {
            // A machine that has never fetched the lists of packages knows none of them.
            assert!(error.to_string().contains("Unable to locate package"), "{error:#}");
            apt_get(&["update"]).unwrap();
            simulate(&all).unwrap();
        }
    }

    #[test]
    fn every_package_is_installed_once() {
        let wasser = Need::Wasser.packages().to_vec();
        let java = Need::Java.packages().to_vec();
        assert_eq!(
            together([wasser, java].into_iter()),
            ["binutils", "ca-certificates", "default-jdk-headless"]
        );
    }
}
