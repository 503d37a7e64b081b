//! A project that `wasser plugin new` has written, and the proof that it is a plugin.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasser_author::check::Subject;
use wasser_author::scenarios::{files, play};
use wasser_author::{Loader, Package, Pair, Project, Trial, dry, objects};
use wasser_chart::{Chart, Renderer};
use wasser_plugin::Plugin;

pub const NAME: &str = "my-cache";
/// Names that are words of languages, of their SDKs, or of the templates.
#[allow(dead_code)] // Not each of the tests that have this module makes several projects.
pub const OTHER_NAMES: [&str; 8] = [
    "fuse",
    "bytes",
    "none",
    "true",
    "runtime",
    "failed",
    "host",
    "my-example",
];
const KIND: &str = "MyCacheRuntime";
/// What the scenario of the templates renders to.
const GOLDEN: &str = "scenarios/golden/bare.yaml";

pub fn root() -> PathBuf {
    fs::canonicalize(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

/// An empty directory for projects.
pub fn parent(name: &str) -> PathBuf {
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(fs::remove_dir_all(&parent));
    parent
}

/// A project that is loaded as the operator loads it.
pub struct Loaded {
    directory: PathBuf,
    package: Package,
    loader: Loader,
    pub plugin: Plugin,
    chart: Arc<Chart>,
    renderer: Renderer,
}

impl Loaded {
    /// Builds a project with an interpreter, and loads its artifact.
    #[allow(dead_code)] // Not each of the tests that have this module has such a project.
    pub async fn built(directory: &Path) -> Self {
        let packed = Project::open(directory).unwrap().pack(None).unwrap();
        assert!(
            packed.config_map.is_err(),
            "it fits into a ConfigMap: the guide says otherwise"
        );
        Self::new(directory, Package::read(&packed.artifact).unwrap()).await
    }

    /// Builds a project that cannot be loaded, and returns why.
    #[allow(dead_code)] // As above.
    pub async fn refused(directory: &Path) -> String {
        let packed = Project::open(directory).unwrap().pack(None).unwrap();
        let package = Package::read(&packed.artifact).unwrap();
        let plugins = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins");
        let loaded = Loader::new(&package, None, plugins, None).unwrap().load().await;
        format!("{:#}", loaded.map(|plugin| plugin.digest).unwrap_err())
    }

    /// Loads the package of a project.
    pub async fn new(directory: &Path, package: Package) -> Self {
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let loader = Loader::new(&package, None, temporary.join("plugins"), None).unwrap();
        let plugin = loader.load().await.unwrap();
        assert_eq!(plugin.description.kind, KIND);
        Self {
            directory: directory.to_owned(),
            package,
            loader,
            chart: Chart::from_tgz(plugin.chart.clone()).unwrap(),
            plugin,
            renderer: Renderer::open(&temporary.join("helm")).unwrap(),
        }
    }

    /// Plays the scenarios. With `update`, golden files are written, that of the templates among them.
    pub async fn play(&self, count: usize, update: bool) {
        let scenarios = files(&self.directory.join("scenarios")).unwrap();
        assert_eq!(scenarios.len(), count);
        for file in scenarios {
            let played = play(&file, &self.plugin, &self.chart, &self.renderer, update);
            let outcome = played.await.unwrap();
            assert_eq!(outcome.faults, Vec::<String>::new(), "{}", outcome.name);
            if outcome.written && outcome.name == "bare" {
                write_template(&fs::read_to_string(self.directory.join(GOLDEN)).unwrap());
            }
        }
    }

    /// Makes every check.
    pub async fn check(&self) {
        let crds = wasser_plugin::crds(&self.package.component().unwrap()).unwrap();
        let subject = Subject {
            loader: &self.loader,
            crds: Some(&crds),
            chart: Some((self.chart.clone(), &self.renderer)),
            manifests: vec![("demo.yaml".to_owned(), self.demo())],
            keep: self.directory.join("contexts"),
        };
        let report = subject.check().await.unwrap();
        assert!(report.passes(), "{}", report.text());
    }

    /// Returns why a runtime of this name is refused.
    pub async fn refusal(&self, name: &str) -> String {
        let mut demo = self.demo();
        demo.name = name.to_owned();
        // A namespace for each: the host does not call a plugin that has failed too often for one.
        demo.namespace = name.to_owned();
        let trial = Trial::new(&self.plugin, &demo, "/runtime-mnt");
        let run = dry::reconcile(&trial, Some((self.chart.clone(), &self.renderer))).await;
        run.refused.unwrap()
    }

    /// The Dataset and the runtime of the template.
    pub fn demo(&self) -> Pair {
        let demo = fs::read_to_string(self.directory.join("demo.yaml")).unwrap();
        Pair::find(objects(&demo).unwrap(), KIND, "default").unwrap()
    }
}

fn write_template(golden: &str) {
    let template = golden
        .replace("mycache", "example")
        .replace("MyCache", "Example")
        .replace(NAME, "example")
        // A name can be a word that YAML does not read as a text.
        .replace("app: example\n", "app: \"example\"\n");
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("templates/common")
        .join(GOLDEN);
    fs::write(file, template).unwrap();
}
