//! The runtime of docs/writing-a-runtime.md, made by an author who does what that page says, word
//! for word.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::Value;
use wasser_test_cluster::packages::guests;

use crate::objects::resource;
use crate::plugins::Verdict;
use crate::{Operator, environment, manifests, shell, tools};

/// The kind of the guide's runtime.
pub const EXAMPLE: &str = "ExampleRuntime";
/// The name of its registration, and of its parts.
pub const NAME: &str = "example";
/// The CRD of its kind.
const CRD: &str = "exampleruntimes.data.fluid.io";

/// A file of the guide: its path in a checkout, and its content.
type Listing = (String, String);

fn guide() -> String {
    let guide = environment::root().join("docs/writing-a-runtime.md");
    fs::read_to_string(guide).expect("reading the guide")
}

/// The commands of the guide below a heading, block by block.
pub fn commands(heading: &str) -> Vec<String> {
    let text = guide();
    let section = text.split("\n## ").find(|section| section.starts_with(heading));
    let section = section.unwrap_or_else(|| panic!("the guide has no heading `{heading}`"));
    let blocks = section.split("\n```sh\n").skip(1);
    let end = |block: &str| block.split("\n```").next().map(str::to_owned);
    blocks.filter_map(end).collect()
}

/// The listings of the guide, each of which follows a line with nothing but its path.
fn listings() -> Vec<Listing> {
    let text = guide();
    let mut found = Vec::new();
    let mut path = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let content: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if let Some(path) = path.take() {
                found.push((path, content.join("\n") + "\n"));
            }
        } else if !line.is_empty() {
            let named = line.strip_prefix('`').and_then(|line| line.strip_suffix("`:"));
            path = named.filter(|path| !path.contains('`')).map(str::to_owned);
        }
    }
    found
}

/// A checkout of this repository with the guide's files in it, changed by an author.
pub struct Guide {
    root: PathBuf,
}

impl Guide {
    /// Writes the guide's files into a directory below `target`; `change` sees the path and the content
    /// of each. Tests that run at the same time have a directory each.
    pub fn write(directory: &str, change: impl Fn(&str, &mut String)) -> Self {
        let root = environment::root().join("target").join(directory);
        let guide = Self { root };
        guide.check_out();
        for (path, mut content) in listings() {
            change(&path, &mut content);
            guide.file(&path, &content);
        }
        guide
    }

    /// The workspace as it is, with one more member.
    fn check_out(&self) {
        let source = environment::root();
        for directory in ["host", "tests", "xtask", "wit"] {
            self.link(&source.join(directory), Path::new(directory));
        }
        for plugin in fs::read_dir(source.join("plugins")).expect("reading the directory plugins") {
            let plugin = plugin.expect("reading the directory plugins");
            self.link(&plugin.path(), &Path::new("plugins").join(plugin.file_name()));
        }
        let read = |name: &str| fs::read_to_string(source.join(name)).expect("reading a file of the workspace");
        self.file("Cargo.lock", &read("Cargo.lock"));
        let (manifest, members) = (read("Cargo.toml"), "members = [");
        assert!(manifest.contains(members), "the workspace has no line `{members}`");
        self.file(
            "Cargo.toml",
            &manifest.replace(members, &format!("{members}\"plugins/example\", ")),
        );
    }

    fn link(&self, source: &Path, path: &Path) {
        let link = self.root.join(path);
        fs::create_dir_all(link.parent().expect("a path below the root")).expect("making a directory");
        match symlink(source, &link) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.expect("making a link"),
        }
    }

    /// Writes a file unless it is so: cargo builds again what is newer than before.
    fn file(&self, path: &str, content: &str) {
        let path = self.root.join(path);
        if fs::read_to_string(&path).is_ok_and(|there| there == content) {
            return;
        }
        fs::create_dir_all(path.parent().expect("a path below the root")).expect("making a directory");
        fs::write(path, content).expect("writing a file of the guide");
    }

    /// Makes the package, by `cargo xtask guests example`.
    pub fn package(&self) -> Package {
        let packages = guests::build(&self.root, &[NAME.to_owned()]);
        let package = packages.expect("packaging the guide's runtime").remove(0);
        Package {
            manifest: package.manifest.display().to_string(),
            demo: self.root.join("demo.yaml").display().to_string(),
        }
    }

    /// Does what a block of the guide says, with the operator in this namespace, and returns what it
    /// prints.
    pub async fn does(&self, block: &str, operator: &str) -> String {
        shell::run(&self.root, block, operator, &[]).await
    }
}

/// The packaged runtime.
pub struct Package {
    /// The path of the ConfigMap that registers it.
    pub manifest: String,
    /// The path of the guide's Dataset and runtime.
    pub demo: String,
}

impl Package {
    /// The guide's Dataset and runtime, under a name.
    pub fn demo(&self, name: &str) -> Vec<Value> {
        let renamed = |object| manifests::with(object, "/metadata/name", name.into());
        manifests::documents(&self.demo).into_iter().map(renamed).collect()
    }
}

impl Operator {
    /// Installs the CRD that a package carries and registers its plugin, as the guide says, and
    /// waits until it serves.
    pub async fn serve_package(&self, package: &Package) {
        let crd = tools::wasser(&["plugin", "crd", &package.manifest]).await;
        tools::kubectl_with(&["apply", "--server-side", "-f", "-"], &crd).await;
        let text = fs::read_to_string(&package.manifest).expect("reading the package");
        let map: ConfigMap = yaml_serde::from_str(&text).expect("the package is a ConfigMap");
        let params = PatchParams::apply("test").force();
        let applied = self.maps.patch(NAME, &params, &Patch::Apply(&map)).await;
        applied.expect("applying the registration");
        self.verdict(NAME, Verdict::Loaded).await;
    }

    /// Makes the guide's Dataset and runtime, under a name, and returns the UID of the runtime.
    pub async fn create_demo(&self, package: &Package, name: &str) -> String {
        let mut uid = None;
        for object in package.demo(name) {
            uid = self.apply(&object).await.metadata.uid;
        }
        uid.expect("an object that the API server has made has a UID")
    }

    /// Waits until the Dataset `demo` of a plugin of the guide is bound, and sees to it that a worker
    /// and a client of the plugin were told its source, which both show in a file. A pod reads that of
    /// the client.
    pub async fn read_demo(&self, plugin: &str) {
        let dataset = self.bound("demo").await;
        let source = dataset
            .data
            .pointer("/spec/mounts/0/mountPoint")
            .and_then(Value::as_str);
        let source = source.expect("the guide's Dataset has a mount");
        let container = format!("{plugin}-worker");
        let served = self.exec("demo-worker-0", &container, &["cat", "/cache/source"]).await;
        assert_eq!(served.trim(), source);
        self.run_with_claim("reader", "demo").await;
        assert_eq!(self.inside("reader", "cat /data/source").await.trim(), source);
        self.delete_pods().await;
    }

    /// Waits until the runtimes of a kind have been looked at a few times more.
    pub async fn reconciled(&self, kind: &str) {
        let before = self.metrics().await.reconciles(kind);
        let more = || async { (self.metrics().await.reconciles(kind) >= before + 3).then_some(()) };
        self.eventually("more reconciles", more).await;
    }

    /// Deletes a Dataset of the guide's runtime, and waits until both are gone.
    pub async fn delete_demo(&self, name: &str) {
        self.delete("data.fluid.io/v1alpha1", "Dataset", name).await;
        self.gone("data.fluid.io/v1alpha1", "Dataset", name).await;
        self.gone("data.fluid.io/v1alpha1", EXAMPLE, name).await;
    }

    /// Ends the operator after nothing was left but the registration, and removes the CRD.
    pub async fn end_with_package(self) {
        self.empty(&[NAME]).await;
        self.clean_nodes().await;
        let resource = resource("apiextensions.k8s.io/v1", "CustomResourceDefinition");
        let crds = Api::<DynamicObject>::all_with(self.client.clone(), &resource);
        crds.delete(CRD, &DeleteParams::default())
            .await
            .expect("deleting the CRD");
        self.end().await;
    }
}
