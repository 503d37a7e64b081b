//! The compiler for guests: the installed one if it has the WebAssembly target, else Debian's.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::machine;
use crate::machine::debian::{self, Need};

const TARGET: &str = machine::WASM;
/// The profile `guest` of the workspace: small code, no unwinding.
const PROFILE: &str = "guest";

/// How to compile for [`TARGET`].
pub struct Toolchain {
    cargo: PathBuf,
    /// Debian's, which has the standard library as source only.
    build_std: bool,
}

impl Toolchain {
    /// Returns the installed compiler, or Debian's, and installs that if possible.
    pub fn find() -> Result<Self> {
        if machine::compiles_for(TARGET)? {
            return Ok(Self {
                cargo: "cargo".into(),
                build_std: false,
            });
        }
        debian::require(Need::CompilerForGuests).with_context(|| {
            format!(
                "this toolchain cannot compile for {TARGET}; \
                     run `rustup target add {TARGET}`, or use Debian's"
            )
        })?;
        Ok(Self {
            cargo: "/usr/bin/cargo".into(),
            build_std: true,
        })
    }

    /// Compiles the crates `wasser-<name>` to core modules, and returns the bytes of each.
    ///
    /// One build for all of them: with one set of features, they share every dependency and the
    /// standard library.
    pub fn build(&self, root: &Path, names: &[String]) -> Result<Vec<Vec<u8>>> {
        let target = root.join("target/guests");
        let mut command = self.command(root, &target)?;
        command.current_dir(root).args(
            names
                .iter()
                .flat_map(|name| ["--package".to_owned(), format!("wasser-{name}")]),
        );
        let listed = names.join(", ");
        eprintln!(
            "{listed}: compiling for {TARGET}{}",
            if self.build_std {
                " with Debian's compiler, the standard library included"
            } else {
                ""
            }
        );
        let status = command
            .status()
            .with_context(|| format!("starting {}", self.cargo.display()))?;
        ensure!(status.success(), "compiling {listed} for {TARGET} failed ({status})");
        let modules = names.iter().map(|name| {
            let module = target
                .join(TARGET)
                .join(PROFILE)
                .join(format!("wasser_{}.wasm", name.replace('-', "_")));
            fs::read(&module).with_context(|| format!("reading {}", module.display()))
        });
        modules.collect()
    }

    /// Compiles the project of an author, which is a workspace of one crate, and returns the file of
    /// its module. `library` is the name of the crate with `_`.
    ///
    /// The profile and the directory are those of the guests of this repository, so that the standard
    /// library is compiled once for both.
    pub fn build_project(&self, root: &Path, directory: &Path, library: &str) -> Result<PathBuf> {
        let target = root.join("target/guests");
        let mut command = self.command(root, &target)?;
        let inherits = format!("profile.{PROFILE}.inherits=\"release\"");
        command
            .current_dir(directory)
            .args(["--offline", "--config", &inherits]);
        let status = command
            .status()
            .with_context(|| format!("starting {}", self.cargo.display()))?;
        ensure!(
            status.success(),
            "compiling {} for {TARGET} failed ({status})",
            directory.display()
        );
        Ok(target.join(TARGET).join(PROFILE).join(format!("{library}.wasm")))
    }

    /// Returns the command that builds a library for WebAssembly, without what it is to build.
    fn command(&self, root: &Path, target: &Path) -> Result<Command> {
        // Guests have a separate directory, because they may have another compiler, and must not
        // wait for the lock of the host's builds.
        let mut command = Command::new(&self.cargo);
        command
            .args(["build", "--quiet", "--lib", "--profile", PROFILE, "--target", TARGET])
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags(root)?)
            .env_remove("RUSTFLAGS");
        if self.build_std {
            // rustup's wrappers come first in PATH and would choose another compiler; the
            // toolchain's variables would do the same.
            command
                .arg("-Zbuild-std=std,panic_abort")
                .env("RUSTC_BOOTSTRAP", "1")
                .env("PATH", "/usr/bin:/bin")
                .env_remove("RUSTC")
                .env_remove("RUSTUP_TOOLCHAIN")
                .env_remove("CARGO");
        }
        Ok(command)
    }

    /// Returns the flags that keep this machine's paths out of the component.
    fn flags(&self, root: &Path) -> Result<OsString> {
        let sysroot = if self.build_std {
            PathBuf::from("/usr")
        } else {
            machine::rustc(&["--print", "sysroot"])?.into()
        };
        let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
        let cargo_home = std::env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        let mut flags = OsString::new();
        for (from, to) in [(root, "/wasser"), (&cargo_home, "/cargo"), (&sysroot, "/rust")] {
            if !flags.is_empty() {
                flags.push("\u{1f}");
            }
            flags.push("--remap-path-prefix=");
            flags.push(from);
            flags.push("=");
            flags.push(to);
        }
        Ok(flags)
    }
}
