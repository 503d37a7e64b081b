//! Which files of a project its package is made of.

use std::path::{Component, Path};

use wasser_pack::editors::is_editors_file;

/// Directories that compilers and package managers write, wherever they are.
const WRITTEN: [&str; 2] = ["node_modules", "__pycache__"];
/// Directories of the project that are not part of its package. A module may have their names deeper
/// below.
const ELSEWHERE: [&str; 5] = ["target", "build", "scenarios", "tests", "test"];
/// The hidden names that are part of a build.
const SETTINGS: [&str; 2] = [".cargo", ".helmignore"];
/// How the names of tests end, and of what an interpreter writes.
const ENDINGS: [&str; 2] = [".pyc", ".test.js"];

/// Returns whether a change of a file or directory may change the package. Its path is relative to the
/// project.
pub fn counts(path: &Path) -> bool {
    let names: Vec<&str> = path
        .components()
        .filter_map(|part| match part {
            // A name that is not text belongs to no tool.
            Component::Normal(name) => Some(name.to_str().unwrap_or("?")),
            _ => None,
        })
        .collect();
    let (Some(first), Some(last)) = (names.first(), names.last()) else {
        return true;
    };
    let is_hidden = |name: &&str| name.starts_with('.') && !SETTINGS.contains(name);
    let is_page = names.len() == 1 && (last.ends_with(".md") || *last == "demo.yaml");
    let is_test = last.starts_with("test_") && last.ends_with(".py");
    let is_other = is_editors_file(last) || ENDINGS.iter().any(|end| last.ends_with(end));
    !(names.iter().any(is_hidden)
        || names.iter().any(|name| WRITTEN.contains(name))
        || ELSEWHERE.contains(first)
        || is_page
        || is_test
        || is_other)
}

/// Returns whether a build may write this file, although it is one that people change as well.
pub fn is_written_by_builds(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "Cargo.lock")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("")]
    #[case("src/lib.rs")]
    #[case("src/target/mod.rs")]
    #[case("src/build/mod.rs")]
    #[case("src/tests/mod.rs")]
    #[case("src/tests.rs")]
    #[case("build.rs")]
    #[case("Cargo.toml")]
    #[case("Cargo.lock")]
    #[case(".cargo/config.toml")]
    #[case("app.py")]
    #[case("app.js")]
    #[case("wasser/host.js")]
    #[case("wit/deps/exec/exec.wit")]
    #[case("requirements.txt")]
    #[case("plugin.yaml")]
    #[case("crd.yaml")]
    #[case("crd-profile.yaml")]
    #[case("chart/Chart.yaml")]
    #[case("chart/templates/worker.yaml")]
    #[case("chart/README.md")]
    #[case("chart/.helmignore")]
    #[case("chart/templates")]
    fn what_a_package_is_made_of_counts(#[case] path: &str) {
        assert!(counts(Path::new(path)));
    }

    #[rstest]
    #[case("target")]
    #[case("target/plugin/my-cache.wasm")]
    #[case("build/lib/app.py")]
    #[case("node_modules/x/index.js")]
    #[case("wasser/node_modules/x/index.js")]
    #[case(".venv/lib/python3.11/site-packages/x.py")]
    #[case("__pycache__/app.cpython-311.pyc")]
    #[case("wasser/__pycache__")]
    #[case("app.pyc")]
    #[case(".git/index")]
    #[case(".github/workflows/ci.yaml")]
    #[case(".gitignore")]
    #[case("scenarios/bare.yaml")]
    #[case("scenarios/golden/bare.yaml")]
    #[case("demo.yaml")]
    #[case("README.md")]
    #[case("test_app.py")]
    #[case("tests")]
    #[case("tests/common/mod.rs")]
    #[case("tests/conftest.py")]
    #[case("test/helpers.js")]
    #[case("app.test.js")]
    #[case("src/.lib.rs.swp")]
    #[case("src/lib.rs~")]
    #[case("src/#lib.rs#")]
    #[case("src/.#lib.rs")]
    #[case("src/4913")]
    #[case("chart/templates/worker.yaml.orig")]
    fn what_it_is_not_made_of_does_not(#[case] path: &str) {
        assert!(!counts(Path::new(path)));
    }

    #[rstest]
    #[case("Cargo.lock", true)]
    #[case("Cargo.toml", false)]
    fn a_build_writes_its_lock_file(#[case] path: &str, #[case] is: bool) {
        assert_eq!(is_written_by_builds(Path::new(path)), is);
    }
}
