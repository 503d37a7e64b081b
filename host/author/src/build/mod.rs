//! The code of a project, built by the compiler of its language.

mod cargo;
mod compiler;
mod compilers;
mod javascript;
mod python;

pub use compilers::Compilers;
pub use javascript::MAIN as JAVASCRIPT_MAIN;
pub use python::MAIN as PYTHON_MAIN;

use std::path::Path;

use anyhow::{Result, bail};

/// Builds the code of a project.
type Build = fn(&Path, &Compilers) -> Result<Vec<u8>>;

/// The file with which the compiler of a language begins, and the compiler.
const LANGUAGES: [(&str, Build); 3] = [
    ("Cargo.toml", cargo::module),
    (python::MAIN, python::component),
    (javascript::MAIN, javascript::component),
];

/// Builds a project, and returns a core module or a component. The language is that of the file with
/// which its compiler begins.
///
/// # Errors
/// The project is of no language that is known, its compiler is not there, or finds something wrong.
pub fn code(directory: &Path, compilers: &Compilers) -> Result<Vec<u8>> {
    let there: Vec<_> = LANGUAGES
        .into_iter()
        .filter(|(file, _)| directory.join(file).is_file())
        .collect();
    match there.as_slice() {
        [(_, build)] => build(directory, compilers),
        [] => bail!(
            "{} has none of {}; give the module or component that another tool has built with `--module`",
            directory.display(),
            LANGUAGES.map(|(file, _)| file).join(", ")
        ),
        [(first, _), (second, _), ..] => bail!(
            "{} has both {first} and {second}; remove one of them, or give what is built with `--module`",
            directory.display()
        ),
    }
}

/// Returns whether the component of a project holds an interpreter.
pub fn has_interpreter(directory: &Path) -> bool {
    [python::MAIN, javascript::MAIN]
        .iter()
        .any(|file| directory.join(file).is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(&[], "has none of Cargo.toml, app.py, app.js; give the module or component")]
    #[case::both(&["Cargo.toml", "app.py"], "has both Cargo.toml and app.py; remove one")]
    #[case::two(&["app.py", "app.js"], "has both app.py and app.js; remove one")]
    fn a_project_of_no_language_is_refused(#[case] files: &[&str], #[case] says: &str) {
        let directory = tempfile::tempdir().unwrap();
        for file in files {
            fs::write(directory.path().join(file), "").unwrap();
        }
        let refused = code(directory.path(), &Compilers::default()).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}
