//! The files of a new plugin: a small runtime that is complete, with chart, CRD, scenarios and CI.
//!
//! The templates are the runtime `example`, whose name is replaced. A test builds them.

mod files;
mod rename;
mod update;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use wasser_plugin::WIT;

pub use update::{stale, update};

use files::{COMMON, File, JAVASCRIPT, JAVASCRIPT_SDK, PYTHON, PYTHON_SDK, RUST};
use rename::Names;

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
            return Ok(Self::Git {
                url: text.to_owned(),
                tag: tag(),
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

/// Returns the tag of this version of Wasser in its repository.
fn tag() -> String {
    format!("v{}", env!("CARGO_PKG_VERSION"))
}

/// The language of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Language {
    /// Rust, with the SDK as a dependency.
    Rust(Sdk),
    /// Python, with the SDK and the WIT among the files of the plugin.
    Python,
    /// JavaScript, in the same way.
    JavaScript,
}

impl Language {
    /// Returns the files in which the name of the runtime is replaced.
    fn templates(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let own = match self {
            Self::Rust(_) => &RUST,
            Self::Python => &PYTHON,
            Self::JavaScript => &JAVASCRIPT,
        };
        own.iter().chain(&COMMON).copied()
    }

    /// Returns the files that are the same in every plugin.
    fn verbatim(&self) -> Vec<(String, &'static str)> {
        let sdk: &[File] = match self {
            Self::Rust(_) => return Vec::new(),
            Self::Python => &PYTHON_SDK,
            Self::JavaScript => &JAVASCRIPT_SDK,
        };
        let sdk = sdk.iter().map(|(path, text)| ((*path).to_owned(), *text));
        sdk.chain(wit()).collect()
    }

    /// Returns the source of the SDK, if it is a dependency.
    fn sdk(&self) -> String {
        match self {
            Self::Rust(sdk) => sdk.source(),
            Self::Python | Self::JavaScript => String::new(),
        }
    }
}

/// Returns the files of the WIT, as compilers of components expect them: those of the package with the
/// worlds in `wit`, and each other package in a directory of `wit/deps`.
fn wit() -> impl Iterator<Item = (String, &'static str)> {
    let last = WIT.len().saturating_sub(1);
    WIT.iter().enumerate().flat_map(move |(at, (package, files))| {
        files.iter().map(move |(file, text)| {
            let path = if at == last {
                format!("wit/{file}")
            } else {
                format!("wit/deps/{package}/{file}")
            };
            (path, *text)
        })
    })
}

/// Writes a new plugin into the directory `name` below `parent`. Returns it.
///
/// # Errors
/// The name cannot be that of a plugin, the directory exists, or cannot be written.
pub fn create(parent: &Path, name: &str, language: &Language) -> Result<PathBuf> {
    check(name)?;
    let directory = parent.join(name);
    ensure!(
        !directory.exists(),
        "{} exists; choose another name, or remove it",
        directory.display()
    );
    let names = Names::new(name, language.sdk(), tag());
    let named = language
        .templates()
        .map(|(path, template)| (path.to_owned(), names.replace(template)));
    let verbatim = language.verbatim().into_iter();
    for (path, text) in named.chain(verbatim.map(|(path, text)| (path, text.to_owned()))) {
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn rust() -> Language {
        Language::Rust(Sdk::parse("https://example.org/wasser.git").unwrap())
    }

    #[rstest]
    #[case::rust(rust())]
    #[case::python(Language::Python)]
    #[case::javascript(Language::JavaScript)]
    fn every_file_speaks_of_the_new_runtime(#[case] language: Language) {
        let parent = tempfile::tempdir().unwrap();
        let directory = create(parent.path(), "my-cache", &language).unwrap();
        for (path, _) in language.templates() {
            let text = fs::read_to_string(directory.join(path)).unwrap();
            let text = text.replace("https://example.org", "");
            assert!(!text.to_lowercase().contains("example"), "{path}:\n{text}");
        }
        for (path, text) in language.verbatim() {
            assert_eq!(fs::read_to_string(directory.join(path)).unwrap(), text);
        }
        let ci = fs::read_to_string(directory.join(".github/workflows/ci.yaml")).unwrap();
        let installs = format!("--git ${{{{ vars.WASSER }}}} --tag {} wasser\n", tag());
        assert!(ci.contains(&installs), "{ci}");
        let crd = fs::read_to_string(directory.join("crd.yaml")).unwrap();
        assert!(crd.contains("name: mycacheruntimes.data.fluid.io"), "{crd}");
        let again = create(parent.path(), "my-cache", &language).unwrap_err().to_string();
        assert!(again.contains("exists; choose another name"), "{again}");
    }

    #[rstest]
    fn a_name_is_never_a_word_of_the_language(
        #[values(
            "fuse",
            "role",
            "want",
            "bytes",
            "none",
            "true",
            "null",
            "on",
            "runtime",
            "failed",
            "self",
            "class",
            "spec",
            "wasser",
            "host",
            "context",
            "my-example",
            "example"
        )]
        name: &str,
    ) {
        let kind = |directory: &Path| {
            let crd = fs::read_to_string(directory.join("crd.yaml")).unwrap();
            let crd: serde_json::Value = yaml_serde::from_str(&crd).unwrap();
            crd["spec"]["names"]["kind"].as_str().unwrap().to_owned()
        };
        for (language, main, class) in [
            (rust(), "src/lib.rs", "pub struct KIND;"),
            (Language::Python, "app.py", "class KIND(wasser.Runtime):"),
            (
                Language::JavaScript,
                "app.js",
                "export default class KIND extends Runtime {",
            ),
        ] {
            let parent = tempfile::tempdir().unwrap();
            let directory = create(parent.path(), name, &language).unwrap();
            let kind = kind(&directory);
            assert!(kind.len() > "Runtime".len() && kind.ends_with("Runtime"), "{kind}");
            let code = fs::read_to_string(directory.join(main)).unwrap();
            assert!(code.contains(&class.replace("KIND", &kind)), "{code}");
            let chart = fs::read_to_string(directory.join("chart/Chart.yaml")).unwrap();
            let chart: serde_json::Value = yaml_serde::from_str(&chart).unwrap();
            assert_eq!(chart["name"], name);
            let golden = fs::read_to_string(directory.join("scenarios/golden/bare.yaml")).unwrap();
            for object in crate::objects(&golden).unwrap() {
                assert_eq!(object["spec"]["template"]["metadata"]["labels"]["app"], name);
            }
        }
    }

    #[test]
    fn rust_depends_on_the_sdk() {
        let parent = tempfile::tempdir().unwrap();
        let directory = create(parent.path(), "my-cache", &rust()).unwrap();
        let read = |path: &str| fs::read_to_string(directory.join(path)).unwrap();
        assert!(read("Cargo.toml").contains("git = \"https://example.org/wasser.git\", tag = \"v"));
        assert!(read("src/lib.rs").contains("\"MyCacheRuntime\", \"mycacheruntimes\", \"my-cache\""));
    }

    #[rstest]
    #[case::python(Language::Python, "plugins/python/wasser", "app.py", "kind=\"MyCacheRuntime\"")]
    #[case::javascript(
        Language::JavaScript,
        "plugins/javascript/wasser",
        "app.js",
        "kind: \"MyCacheRuntime\""
    )]
    fn other_languages_have_the_sdk_and_the_wit_of_this_host(
        #[case] language: Language,
        #[case] sdk: &str,
        #[case] main: &str,
        #[case] says: &str,
    ) {
        let parent = tempfile::tempdir().unwrap();
        let directory = create(parent.path(), "my-cache", &language).unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (here, there) in [("wasser", sdk), ("wit", "wit"), ("wit/deps", "wit/deps")] {
            for entry in fs::read_dir(root.join(there)).unwrap() {
                let file = entry.unwrap().file_name();
                let is_code = [".py", ".js", ".wit"]
                    .iter()
                    .any(|end| file.to_string_lossy().ends_with(end));
                let copied = directory.join(here).join(&file);
                assert!(
                    copied.exists() || !(is_code || there == "wit/deps"),
                    "{} is missing",
                    copied.display()
                );
            }
        }
        let app = fs::read_to_string(directory.join(main)).unwrap();
        assert!(app.contains(says), "{app}");
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
        let refused = create(parent.path(), name, &rust()).unwrap_err().to_string();
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
