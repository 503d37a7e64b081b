//! Calls a compiler that writes the component of a project to a file.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};

/// Calls a compiler in the directory of a project, with the file to write as its last argument, and returns
/// what it has written. `missing` is said if the compiler is not there, and `explained` returns what it
/// says of the project.
///
/// # Errors
/// The compiler cannot be started, or finds something wrong with `main`.
pub fn component(
    directory: &Path,
    main: &str,
    compiler: &mut Command,
    missing: String,
    explained: fn(&str) -> String,
) -> Result<Vec<u8>> {
    let out = directory.join("target/plugin");
    fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
    let built = out.join("app.component.wasm");
    let output = compiler
        .current_dir(directory)
        .arg(&built)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow!(missing),
            _ => anyhow!(error).context(format!("starting {}", Path::new(compiler.get_program()).display())),
        })?;
    ensure!(
        output.status.success(),
        "{} does not become a component: {}",
        directory.join(main).display(),
        explained(&String::from_utf8_lossy(&output.stderr))
    );
    fs::read(&built).with_context(|| format!("reading {}", built.display()))
}
