//! The files of a new plugin: a small runtime that is complete, with chart, CRD, scenarios and CI.
//!
//! The templates are the runtime `example`, whose name is replaced. A test builds them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The files, by their paths in the new directory.
const FILES: [(&str, &str); 13] = [
    ("Cargo.toml", include_str!("../templates/rust/Cargo.toml.in")),
    (
        "rust-toolchain.toml",
        include_str!("../templates/rust/rust-toolchain.toml"),
    ),
    (".gitignore", include_str!("../templates/rust/gitignore")),
    (".github/workflows/ci.yaml", include_str!("../templates/rust/ci.yaml")),
    ("README.md", include_str!("../templates/rust/README.md")),
    ("src/lib.rs", include_str!("../templates/rust/lib.rs")),
    ("chart/Chart.yaml", include_str!("../templates/rust/chart/Chart.yaml")),
    (
        "chart/templates/worker.yaml",
        include_str!("../templates/rust/chart/templates/worker.yaml"),
    ),
    (
        "chart/templates/fuse.yaml",
        include_str!("../templates/rust/chart/templates/fuse.yaml"),
    ),
    ("crd.yaml", include_str!("../templates/rust/crd.yaml")),
    ("plugin.yaml", include_str!("../templates/rust/plugin.yaml")),
    ("demo.yaml", include_str!("../templates/rust/demo.yaml")),
    (
        "scenarios/no-cache-size.yaml",
        include_str!("../templates/rust/scenarios/no-cache-size.yaml"),
    ),
];
/// The scenario whose objects are compared, and they.
const BARE: [(&str, &str); 2] = [
    (
        "scenarios/bare.yaml",
        include_str!("../templates/rust/scenarios/bare.yaml"),
    ),
    (
        "scenarios/golden/bare.yaml",
        include_str!("../templates/rust/scenarios/golden/bare.yaml"),
    ),
];
/// The longest name: workloads are called after it.
const LONGEST: usize = 20;

/// Where a project finds the SDK.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sdk {
    /// In a directory.
    Path(PathBuf),
    /// In a repository, at a tag.
    Git {
        /// The address of the repository.
        url: String,
        /// The tag.
        tag: String,
    },
}

impl Sdk {
    /// Reads what an author gives: a directory with the SDK, or the address of a repository, of which
    /// the tag of this version is used.
    ///
    /// # Errors
    /// It is neither.
    pub fn parse(text: &str) -> Result<Self> {
        if text.contains("://") || text.starts_with("git@") {
            let tag = format!("v{}", env!("CARGO_PKG_VERSION"));
            return Ok(Self::Git {
                url: text.to_owned(),
                tag,
            });
        }
        let path = fs::canonicalize(text).with_context(|| format!("looking for the SDK in {text}"))?;
        ensure!(
            fs::read_to_string(path.join("Cargo.toml"))
                .is_ok_and(|manifest| manifest.contains("name = \"wasser-sdk\"")),
            "{} is not the SDK; give the directory plugins/sdk of a checkout of Wasser, or the address of a \
             repository",
            path.display()
        );
        Ok(Self::Path(path))
    }

    /// The source of the dependency, as Cargo.toml has it.
    fn source(&self) -> String {
        match self {
            Self::Path(path) => format!("path = {:?}", path.display().to_string()),
            Self::Git { url, tag } => format!("git = {url:?}, tag = {tag:?}"),
        }
    }
}

/// Writes a new plugin into the directory `name` below `parent`. Returns it.
///
/// # Errors
/// The name cannot be that of a plugin, the directory exists, or cannot be written.
pub fn create(parent: &Path, name: &str, sdk: &Sdk) -> Result<PathBuf> {
    check(name)?;
    let directory = parent.join(name);
    ensure!(
        !directory.exists(),
        "{} exists; choose another name, or remove it",
        directory.display()
    );
    let camel = camel(name);
    let lower = camel.to_lowercase();
    for (path, template) in FILES.iter().chain(&BARE) {
        let text = template
            .replace("exampleruntime", &format!("{lower}runtime"))
            .replace("Example", &camel)
            .replace("example", name)
            // Last: a path or an address may have any word.
            .replace("WASSER_SDK", &sdk.source());
        let file = directory.join(path);
        let writing = || format!("writing {}", file.display());
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent).with_context(writing)?;
        }
        fs::write(&file, text).with_context(writing)?;
    }
    Ok(directory)
}

fn check(name: &str) -> Result<()> {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    ensure!(
        begins && !name.ends_with('-') && name.len() <= LONGEST && name.bytes().all(is_word),
        "`{name}` cannot be the name of a plugin; take up to {LONGEST} small letters, digits and `-`, a letter first"
    );
    Ok(())
}

/// Returns the name as the first part of a kind: `my-cache` is `MyCache`.
fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(capital).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn sdk() -> Sdk {
        Sdk::parse("https://example.org/wasser.git").unwrap()
    }

    #[test]
    fn every_file_speaks_of_the_new_runtime() {
        let parent = tempfile::tempdir().unwrap();
        let directory = create(parent.path(), "my-cache", &sdk()).unwrap();
        let read = |path: &str| fs::read_to_string(directory.join(path)).unwrap();
        for (path, _) in FILES.iter().chain(&BARE) {
            let text = read(path).replace("https://example.org", "");
            assert!(!text.to_lowercase().contains("example"), "{path}:\n{text}");
        }
        assert!(read("Cargo.toml").contains("git = \"https://example.org/wasser.git\", tag = \"v"));
        assert!(read("crd.yaml").contains("name: mycacheruntimes.data.fluid.io"));
        assert!(read("src/lib.rs").contains("\"MyCacheRuntime\", \"mycacheruntimes\", \"my-cache\""));
        let again = create(parent.path(), "my-cache", &sdk()).unwrap_err().to_string();
        assert!(again.contains("exists; choose another name"), "{again}");
    }

    #[rstest]
    #[case("My", "cannot be the name")]
    #[case("1a", "cannot be the name")]
    #[case("", "cannot be the name")]
    #[case("a-", "cannot be the name")]
    #[case("../a", "cannot be the name")]
    #[case("a-name-that-is-too-long", "cannot be the name")]
    fn a_name_that_cannot_be_one_is_refused(#[case] name: &str, #[case] says: &str) {
        let parent = tempfile::tempdir().unwrap();
        let refused = create(parent.path(), name, &sdk()).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_not_the_sdk_is_refused() {
        let other = tempfile::tempdir().unwrap();
        let refused = Sdk::parse(&other.path().display().to_string()).unwrap_err().to_string();
        assert!(
            refused.contains("is not the SDK; give the directory plugins/sdk"),
            "{refused}"
        );
    }
}
