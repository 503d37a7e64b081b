//! `wasser render`: the objects that would be installed for a manifest, as the host would apply
//! them, offline.
//!
//! The plugin is asked as a reconcile asks it; what it would reach in the cluster is stood in for
//! by [`offline::Offline`].

mod offline;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use wasser_chart::{Chart, Renderer};
use wasser_engine::{Identity, Surroundings, answer, complete, context, named, owner_reference, prepare};
use wasser_plugin::Plugin;

use super::files::{self, Package};
use super::{options, plugin};
pub use offline::Offline;

/// The UID of objects that no API server has seen.
const UID: &str = "00000000-0000-0000-0000-000000000000";

/// What to render, and with which plugin.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// YAML with a Dataset and its runtime; Secrets and ConfigMaps that they refer to may be there
    /// as well.
    manifest: PathBuf,
    /// The plugin: a component, or the ConfigMap that registers it.
    #[arg(long, value_name = "FILE")]
    plugin: PathBuf,
    /// The chart, a tgz, if not that of the registration.
    #[arg(long, value_name = "FILE")]
    chart: Option<PathBuf>,
    /// Print the chart values rather than the objects.
    #[arg(long)]
    values: bool,
    /// The namespace of objects that name none.
    #[arg(long, short, default_value = "default")]
    namespace: String,
    /// Directory of nodes below which file systems are mounted.
    #[arg(long, env = "MOUNT_ROOT", default_value = "/runtime-mnt")]
    mount_root: String,
    /// Where compiled plugins are kept [default: the user's cache directory].
    #[arg(long, env = "WASSER_CACHE_DIR")]
    cache_dir: Option<PathBuf>,
}

/// Prints the objects, or the values that lead to them.
pub async fn run(args: Args) -> Result<()> {
    let text =
        std::fs::read_to_string(&args.manifest).with_context(|| format!("reading {}", args.manifest.display()))?;
    let objects = files::objects(&text).with_context(|| args.manifest.display().to_string())?;
    let package = Package::read(&args.plugin)?;
    let chart = match &args.chart {
        Some(path) => Some(
            std::fs::read(path)
                .with_context(|| format!("reading {}", path.display()))?
                .into(),
        ),
        None if package.is_component() => {
            bail!("a component alone has no chart; give --chart, or the ConfigMap that registers both")
        }
        None => None,
    };
    let plugin = plugin::load(&package, chart, args.cache_dir.clone(), None).await?;
    let pair = Pair::find(objects, &plugin.description.kind, &args.namespace)?;
    let identity = Identity::new(&pair.namespace, &pair.name, UID, &plugin.description);
    let values = pair.values(&plugin, &identity, &args.mount_root).await?;
    if args.values {
        return super::print(&yaml_serde::to_string(&values)?);
    }
    let chart = Chart::from_tgz(plugin.chart.clone())?;
    let directory = options::cache_dir(args.cache_dir).join("helm");
    let renderer = tokio::task::spawn_blocking(move || Renderer::open(&directory)).await??;
    let around = Surroundings {
        uid: UID.to_owned(),
        mount_path: identity.mount_path(&args.mount_root),
        named: named(
            &pair.runtime,
            std::iter::once(&pair.dataset).chain(&pair.named(&plugin)),
        ),
        claimed_secrets: pair.volume_secrets(),
    };
    let prepared = prepare(&plugin, chart, &renderer, &identity, &around, values, false)
        .await
        .context("the operator would refuse this")?;
    for object in prepared.objects() {
        super::print(&format!("---\n{}", yaml_serde::to_string(&object)?))?;
    }
    Ok(())
}

/// A Dataset and its runtime.
struct Pair {
    namespace: String,
    name: String,
    kind: String,
    dataset: Value,
    runtime: Value,
    others: Vec<Value>,
}

impl Pair {
    /// The pair of this kind in a manifest, in its namespace or the one given.
    fn find(objects: Vec<Value>, kind: &str, namespace: &str) -> Result<Self> {
        let (mut runtimes, rest): (Vec<Value>, Vec<Value>) =
            objects.into_iter().partition(|object| text(object, "/kind") == kind);
        let mut runtime = runtimes
            .pop()
            .ok_or_else(|| anyhow!("the manifest has no {kind}, which is what the plugin serves"))?;
        if !runtimes.is_empty() {
            bail!("the manifest has more than one {kind}; give one pair at a time");
        }
        let name = text(&runtime, "/metadata/name").to_owned();
        let namespace = Some(text(&runtime, "/metadata/namespace"))
            .filter(|name| !name.is_empty())
            .unwrap_or(namespace)
            .to_owned();
        let is_dataset = |object: &Value| text(object, "/kind") == "Dataset" && text(object, "/metadata/name") == name;
        let (mut datasets, others): (Vec<Value>, Vec<Value>) = rest.into_iter().partition(is_dataset);
        let mut dataset = datasets
            .pop()
            .ok_or_else(|| anyhow!("the manifest has no Dataset `{name}` for the {kind} of that name"))?;
        for object in [&mut dataset, &mut runtime] {
            place(object, &namespace);
        }
        Ok(Self {
            namespace,
            name,
            kind: kind.to_owned(),
            dataset,
            runtime,
            others,
        })
    }

    /// The Secrets with which the volumes of the manifest are mounted.
    fn volume_secrets(&self) -> BTreeSet<String> {
        let names = self
            .others
            .iter()
            .map(|object| text(object, "/spec/csi/nodePublishSecretRef/name"));
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// The other objects of the manifest that the runtime names.
    fn named(&self, plugin: &Plugin) -> Vec<Value> {
        let names = |object: &&Value| {
            plugin.grants.named_objects().any(|(kind, pointer)| {
                let name = self.runtime.pointer(pointer).and_then(Value::as_str);
                text(object, "/kind") == kind && name == Some(text(object, "/metadata/name"))
            })
        };
        self.others.iter().filter(names).cloned().collect()
    }

    /// Asks the plugin for the chart values, and completes them.
    async fn values(&self, plugin: &Plugin, identity: &Identity, mount_root: &str) -> Result<Value> {
        let context = context(
            plugin,
            identity,
            mount_root,
            &self.runtime,
            Some(self.dataset.to_string()),
        );
        let backend = Arc::new(Offline::new(self.others.clone()));
        let mut instance = plugin.instance(identity.key(), backend);
        answer(&self.kind, "validate", instance.validate(&context).await)?;
        let values = answer(&self.kind, "desired", instance.desired(&context).await)?
            .ok_or_else(|| anyhow!("the plugin leaves `desired` to the host, and nothing can be installed without"))?;
        let owner = owner_reference(&self.kind, &self.name, UID);
        Ok(complete(&values, identity, &owner)?)
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Gives an object what the API server would: a namespace and a UID.
fn place(object: &mut Value, namespace: &str) {
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.insert("namespace".to_owned(), namespace.into());
        metadata.entry("uid").or_insert_with(|| UID.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, name: &str) -> Value {
        json!({"kind": kind, "metadata": {"name": name}})
    }

    #[test]
    fn a_pair_is_found_among_others() {
        let pair = Pair::find(
            vec![
                object("Secret", "s"),
                object("Dataset", "a"),
                object("DemoRuntime", "a"),
                object("Dataset", "b"),
            ],
            "DemoRuntime",
            "here",
        )
        .unwrap();
        assert_eq!(
            (pair.name.as_str(), pair.namespace.as_str(), pair.others.len()),
            ("a", "here", 2)
        );
        assert_eq!(text(&pair.dataset, "/metadata/namespace"), "here");
    }

    #[test]
    fn what_is_missing_is_named() {
        let refused = |objects| Pair::find(objects, "DemoRuntime", "here").err().unwrap().to_string();
        assert!(refused(vec![object("Dataset", "a")]).contains("no DemoRuntime"));
        assert!(refused(vec![object("DemoRuntime", "a"), object("Dataset", "b")]).contains("no Dataset `a`"));
        assert!(refused(vec![object("DemoRuntime", "a"), object("DemoRuntime", "b")]).contains("more than one"));
    }
}
