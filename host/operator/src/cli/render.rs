//! `wasser render`: the objects that would be installed for a manifest, as the host would apply
//! them, offline.
//!
//! The plugin is asked as a reconcile asks it; what it would reach in the cluster is stood in for
//! by [`wasser_author::Scripted`].

use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;
use wasser_author::{Package, Pair, Trial};
use wasser_chart::Chart;
use wasser_engine::answer;

use super::plugin;

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
    let objects = wasser_author::objects(&text).with_context(|| args.manifest.display().to_string())?;
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
    let plugin = plugin::loader(&package, chart, args.cache_dir.clone(), None)?
        .load()
        .await?;
    let pair = Pair::find(objects, &plugin.description.kind, &args.namespace)?;
    let trial = Trial::new(&plugin, &pair, &args.mount_root);
    let values = values(&trial).await?;
    if args.values {
        return super::print(&yaml_serde::to_string(&values)?);
    }
    let chart = Chart::from_tgz(plugin.chart.clone())?;
    let renderer = plugin::renderer(args.cache_dir).await?;
    let prepared = trial
        .prepare(chart, &renderer, values)
        .await
        .context("the operator would refuse this")?;
    for object in prepared.objects() {
        super::print(&format!("---\n{}", yaml_serde::to_string(&object)?))?;
    }
    Ok(())
}

/// Asks the plugin for the chart values, and completes them.
async fn values(trial: &Trial<'_>) -> Result<Value> {
    let (context, cluster, kind) = (trial.context(), trial.cluster(), &trial.pair.kind);
    let mut instance = trial.instance(&cluster);
    answer(kind, "validate", instance.validate(&context).await)?;
    let values = answer(kind, "desired", instance.desired(&context).await)?
        .ok_or_else(|| anyhow!("the plugin leaves `desired` to the host, and nothing can be installed without"))?;
    for event in cluster.calls().iter().filter(|call| call.starts_with("event ")) {
        eprintln!("{event}");
    }
    Ok(trial.complete(&values)?)
}
