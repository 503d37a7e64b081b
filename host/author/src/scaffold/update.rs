//! The SDK and the WIT among the files of a project, which it has from the day on which it was made.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Language;
use crate::build;

/// Where a project has the interfaces of the host, all of which compilers read.
const WIT: &str = "wit";

/// Writes the SDK and the WIT of this version into a project, and removes what it no longer has of the
/// WIT. Returns the files that are others now.
///
/// # Errors
/// The project has no SDK among its files, or they cannot be written.
pub fn update(directory: &Path) -> Result<Vec<PathBuf>> {
    let Some(language) = language(directory) else {
        bail!(
            "{} has no SDK among its files; in Rust, its version is that in Cargo.toml",
            directory.display()
        );
    };
    let mut changed = Vec::new();
    for (path, text) in language.verbatim() {
        let file = directory.join(&path);
        if fs::read(&file).is_ok_and(|there| there == text.as_bytes()) {
            continue;
        }
        let writing = || format!("writing {}", file.display());
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).with_context(writing)?;
        }
        fs::write(&file, text).with_context(writing)?;
        changed.push(PathBuf::from(path));
    }
    for file in unknown(directory, &language) {
        fs::remove_file(directory.join(&file)).with_context(|| format!("removing {}", file.display()))?;
        changed.push(file);
    }
    Ok(changed)
}

/// Returns the files of the SDK and the WIT in a project that are not those of this version.
pub fn stale(directory: &Path) -> Vec<PathBuf> {
    let Some(language) = language(directory) else {
        return Vec::new();
    };
    let all = language.verbatim().into_iter();
    let others = all.filter(|(path, text)| !fs::read(directory.join(path)).is_ok_and(|there| there == text.as_bytes()));
    let others = others.map(|(path, _)| PathBuf::from(path));
    others.chain(unknown(directory, &language)).collect()
}

/// Returns the language of a project that has the SDK among its files.
fn language(directory: &Path) -> Option<Language> {
    let languages = [
        (build::PYTHON_MAIN, Language::Python),
        (build::JAVASCRIPT_MAIN, Language::JavaScript),
    ];
    let found = languages.into_iter().find(|(main, _)| directory.join(main).is_file());
    found.map(|(_, language)| language)
}

/// Returns the files of the WIT that this version does not have.
fn unknown(directory: &Path, language: &Language) -> Vec<PathBuf> {
    let known = language.verbatim();
    let is_known = |path: &Path| known.iter().any(|(known, _)| Path::new(known) == path);
    let mut found = Vec::new();
    let mut open = vec![PathBuf::from(WIT)];
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(directory.join(&place)).into_iter().flatten().flatten() {
            let path = place.join(entry.file_name());
            if entry.path().is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "wit") && !is_known(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scaffold::{Sdk, create};

    #[rstest]
    #[case::python(Language::Python, "wasser/host.py")]
    #[case::javascript(Language::JavaScript, "wasser/host.js")]
    fn a_project_gets_the_sdk_and_the_wit_of_this_version(#[case] language: Language, #[case] sdk: &str) {
        let parent = tempfile::tempdir().unwrap();
        let directory = create(parent.path(), "my-cache", &language).unwrap();
        assert_eq!(stale(&directory), Vec::<PathBuf>::new());
        assert_eq!(update(&directory).unwrap(), Vec::<PathBuf>::new());

        fs::write(directory.join(sdk), "of another day").unwrap();
        fs::create_dir_all(directory.join("wit/deps/old")).unwrap();
        fs::write(directory.join("wit/deps/old/old.wit"), "package wasser:old@0.0.1;").unwrap();
        fs::write(directory.join("wasser/own.txt"), "of the author").unwrap();
        let others = stale(&directory);
        assert!(others.contains(&PathBuf::from(sdk)) && others.contains(&PathBuf::from("wit/deps/old/old.wit")));
        assert_eq!(update(&directory).unwrap(), others);
        assert_eq!(stale(&directory), Vec::<PathBuf>::new());
        assert!(directory.join("wasser/own.txt").is_file());
    }

    #[test]
    fn a_project_in_rust_has_its_version_in_its_cargo_toml() {
        let parent = tempfile::tempdir().unwrap();
        let sdk = Sdk::parse("https://example.org/wasser.git").unwrap();
        let directory = create(parent.path(), "my-cache", &Language::Rust(sdk)).unwrap();
        let refused = update(&directory).unwrap_err().to_string();
        assert!(refused.contains("its version is that in Cargo.toml"), "{refused}");
        assert_eq!(stale(&directory), Vec::<PathBuf>::new());
    }
}
