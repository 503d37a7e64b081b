//! Calls a compiler that writes the component of a project to a file.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, anyhow, ensure};

use super::Compilers;

/// Calls a compiler in the directory of a project, with the file to write as its last argument, and returns
/// what it has written. `missing` is said if the compiler is not there, and `explained` returns what it
/// says of the project.
///
/// # Errors
/// The compiler cannot be started, or finds something wrong with `main`.
pub fn component(
    directory: &Path,
    main: &str,
    (compiler, compilers): (&mut Command, &Compilers),
    missing: String,
    explained: fn(&str) -> String,
) -> Result<Vec<u8>> {
    let out = directory.join("target/plugin");
    fs::create_dir_all(&out).with_context(|| format!("creating {}", out.display()))?;
    // A name for each build, so that nothing is taken for it that another one has written.
    let built = out.join(format!("app.component.{}.wasm", std::process::id()));
    drop(fs::remove_file(&built));
    compiler.current_dir(directory).arg(&built);
    compiler.stdin(Stdio::null()).stderr(Stdio::piped());
    let output = compilers.output(compiler).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!(missing),
        _ => anyhow!(error).context(format!("starting {}", Path::new(compiler.get_program()).display())),
    })?;
    ensure!(
        output.status.success(),
        "{} does not become a component: {}",
        directory.join(main).display(),
        explained(&String::from_utf8_lossy(&output.stderr))
    );
    let component = fs::read(&built).unwrap_or_default();
    drop(fs::remove_file(&built));
    ensure!(
        !component.is_empty(),
        "{} has written no component of {}, and does not say why; it may be another version than the project asks \
         for",
        Path::new(compiler.get_program()).display(),
        directory.join(main).display()
    );
    Ok(component)
}

/// Fails if a compiler has another version than a project asks for. `remedy` installs it.
///
/// # Errors
/// It has.
pub fn require_version(compiler: &str, has: &str, wanted: &str, file: &str, remedy: &str) -> Result<()> {
    ensure!(
        has == wanted,
        "{compiler} has the version {has}, and {file} asks for {wanted}; install it: {remedy}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rstest::rstest;

    use super::*;

    fn compiled(project: &Path, script: &str) -> Result<Vec<u8>> {
        let compiler = project.join("compiler");
        fs::write(&compiler, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).unwrap();
        component(
            project,
            "app.py",
            (&mut Command::new(&compiler), &Compilers::default()),
            "it is not there".to_owned(),
            str::to_owned,
        )
    }

    #[rstest]
    #[case::nothing("exit 0", "compiler has written no component of")]
    #[case::empty(": > \"$1\"", "compiler has written no component of")]
    #[case::fails("echo old > \"$1\"; echo why >&2; exit 1", "does not become a component: why")]
    fn what_is_there_of_an_earlier_build_is_not_taken(#[case] script: &str, #[case] says: &str) {
        let parent = tempfile::tempdir().unwrap();
        let project = parent.path().join("a directory with spaces");
        fs::create_dir(&project).unwrap();
        assert_eq!(compiled(&project, "printf built > \"$1\"").unwrap(), b"built");
        let refused = compiled(&project, script).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
        assert_eq!(compiled(&project, "printf again > \"$1\"").unwrap(), b"again");
    }

    #[test]
    fn another_version_is_refused() {
        require_version("c", "1.0", "1.0", "f", "r").unwrap();
        let refused = require_version("c", "1.0", "1.1", "f", "r").unwrap_err().to_string();
        assert_eq!(refused, "c has the version 1.0, and f asks for 1.1; install it: r");
    }
}
