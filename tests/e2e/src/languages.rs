//! A plugin in another language than Rust, made by an author who types the commands of
//! docs/writing-a-runtime.md.

use std::fs;
use std::path::{Path, PathBuf};

use kube::api::DynamicObject;
use wasser_test_cluster::machine::tools::{javascript_packages, python_environment};
use wasser_test_registry::TestRegistry;

use crate::{Operator, environment, guide, manifests, release, shell};

/// The API of the guide's objects, the kind of its runtime, and the CRD of that.
const API: &str = "data.fluid.io/v1alpha1";
const KIND: &str = "MyCacheRuntime";
const CRD: &str = "mycacheruntimes.data.fluid.io";
/// Its name, which is also that of its directory and registration.
const NAME: &str = "my-cache";
/// The registry of the guide.
const REGISTRY: &str = "registry.example.org";

/// A language of the guide.
pub struct Language {
    heading: &'static str,
    /// The command of the guide that needs the network, and what is there after it. Both were done
    /// before, once for all tests.
    installs: (&'static str, &'static str),
    installed: PathBuf,
}

impl Language {
    /// Python.
    pub fn python() -> Self {
        let requirements = template("python/requirements.txt");
        Self {
            heading: "Python\n",
            installs: ("python3 -m venv .venv", ".venv"),
            installed: python_environment(&requirements).expect("an environment of Python"),
        }
    }

    /// JavaScript.
    pub fn javascript() -> Self {
        let manifest = template("js/package.json");
        Self {
            heading: "JavaScript\n",
            installs: ("npm install", "node_modules"),
            installed: javascript_packages(&manifest).expect("packages of npm"),
        }
    }
}

fn template(path: &str) -> PathBuf {
    environment::root().join("host/author/templates").join(path)
}

/// An author, in a directory.
struct Author {
    directory: PathBuf,
    language: Language,
    registry: String,
    namespace: String,
}

impl Author {
    fn new(language: Language, registry: &TestRegistry, operator: &Operator) -> Self {
        let directory = environment::scratch().join(format!("author-{}", language.installs.1));
        drop(fs::remove_dir_all(&directory));
        fs::create_dir_all(&directory).expect("making the author's directory");
        Self {
            directory,
            language,
            registry: registry.host().to_owned(),
            namespace: operator.namespace.clone(),
        }
    }

    fn project(&self) -> PathBuf {
        self.directory.join(NAME)
    }

    /// Does what a block of the guide says, and returns what it prints.
    async fn does(&self, directory: &Path, block: &str) -> String {
        let (installs, place) = self.language.installs;
        // Its own command says then that all is there.
        let link = format!("ln -s \"$INSTALLED\" {place}");
        let block = block.replace(installs, &link).replace(REGISTRY, &self.registry);
        let installed = [("INSTALLED", self.language.installed.as_path())];
        shell::run(directory, &block, &self.namespace, &installed).await
    }
}

/// Goes from the first command of the guide to a pod that reads a Dataset, and removes all of it.
pub async fn journey(name: &str, language: Language) {
    environment::needs_a_real_node();
    let registry = TestRegistry::start().await;
    let options = ["--plain-http-registries", registry.host(), "--sync-period", "2s"];
    let operator = Operator::start_with(name, &options).await;
    release::install_node_plugin(KIND).await;
    let author = Author::new(language, &registry, &operator);
    let making = guide::commands(author.language.heading);
    // The guide says that the way to a cluster is that of Python for all.
    let installing = guide::commands(Language::python().heading);
    let ([making, ..], [_, installing]) = (making.as_slice(), installing.as_slice()) else {
        panic!("the guide has other blocks: {making:?} {installing:?}");
    };
    assert!(making.contains(author.language.installs.0), "{making}");
    let made = author.does(&author.directory, making).await;
    for line in ["2 scenarios, 0 failed", "loaded: serves MyCacheRuntime"] {
        assert!(made.contains(line), "{line}: {made}");
    }
    let installed = author.does(&author.project(), installing).await;
    let serves = format!("{NAME} serves {KIND}");
    assert!(installed.contains(&serves), "{installed}");

    let demo = author.project().join("demo.yaml");
    for object in manifests::documents(&demo.display().to_string()) {
        operator.apply(&object).await;
    }
    operator.read_demo(NAME).await;
    let told = |dataset: &DynamicObject| {
        let cached = dataset.data["status"]["cacheStates"]["cached"].as_str()?;
        (cached != "0.00B").then_some(())
    };
    let what = "its worker has said what is cached";
    operator.object(API, "Dataset", "demo", what, told).await;
    operator.delete(API, "Dataset", "demo").await;
    operator.gone(API, "Dataset", "demo").await;
    operator.gone(API, KIND, "demo").await;
    let remove = format!("wasser plugin remove {NAME} --crd -n {}", author.namespace);
    let removed = author.does(&author.project(), &remove).await;
    assert!(removed.contains(&format!("the CRD {CRD} is deleted")), "{removed}");
    operator.empty(&[]).await;
    operator.clean_nodes().await;
    operator.end().await;
}
