//! The code of a project, built by the compiler of its language.

mod cargo;
mod python;

use std::path::Path;

use anyhow::{Result, bail};

/// Builds a project, and returns a core module or a component. The language is that of the file with
/// which its compiler begins.
///
/// # Errors
/// The project is of no language that is known, its compiler is not there, or finds something wrong.
pub fn code(directory: &Path) -> Result<Vec<u8>> {
    let has = |file: &str| directory.join(file).is_file();
    match (has("Cargo.toml"), has(python::MAIN)) {
        (true, false) => cargo::module(directory),
        (false, true) => python::component(directory),
        (true, true) => bail!(
            "{} has both Cargo.toml and {}; remove one of them, or give what is built with `--module`",
            directory.display(),
            python::MAIN
        ),
        (false, false) => bail!(
            "{} has neither Cargo.toml nor {}; give the module or component that another tool has built with \
             `--module`",
            directory.display(),
            python::MAIN
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(&[], "has neither Cargo.toml nor app.py; give the module or component")]
    #[case::both(&["Cargo.toml", "app.py"], "has both Cargo.toml and app.py; remove one")]
    fn a_project_of_no_language_is_refused(#[case] files: &[&str], #[case] says: &str) {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(directory.path().join(file), "").unwrap();
        }
        let refused = code(directory.path()).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}
