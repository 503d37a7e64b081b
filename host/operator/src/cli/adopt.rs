//! `wasser adopt --dry-run`: what an upgrade would change of the releases that Fluid has installed,
//! which are kept as they are. The cluster is only read.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use wasser_api::dataset::Dataset;
use wasser_author::Scripted;
use wasser_chart::{Chart, Driver, Preview, Recording, Releases, Renderer, SigningKey};
use wasser_engine::{
    Identity, Revision, Surroundings, answer, complete, context, is_to_migrate, origin, owner_reference, policy,
    prepare,
};
use wasser_plugin::bindings::types::RoleStatus;
use wasser_plugin::{PLUGIN_LABEL, Plugin, PluginHost, Registration};

use super::cluster::ClusterArgs;
use super::host::HostArgs;
use super::options::{self, HelmDriver};
use crate::registration::{Artifacts, Wanted, pulled};

/// The most fields that are listed of one object.
const LISTED: usize = 12;

/// Which releases to look at, and with which plugins.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// List what would change. Nothing else can be asked for: releases of Fluid's are taken over by
    /// the operator, and upgraded when their runtime or Dataset changes.
    #[arg(long)]
    dry_run: bool,
    /// The namespace of the runtimes [default: all].
    #[arg(long, short)]
    namespace: Option<String>,
    /// The operator's namespace, which has the registrations of plugins.
    #[arg(long)]
    operator_namespace: Option<String>,
    /// Directory of nodes below which file systems are mounted.
    #[arg(long, env = "MOUNT_ROOT", default_value = "/runtime-mnt")]
    mount_root: String,
    /// Where Helm's records of releases are kept, as the operator is told.
    #[arg(long, env = "WASSER_HELM_DRIVER", value_enum, default_value_t = HelmDriver::Secret)]
    helm_driver: HelmDriver,
    #[command(flatten)]
    host: HostArgs,
    #[command(flatten)]
    cluster: ClusterArgs,
}

/// Prints the releases that Fluid has installed, each with what an upgrade would change.
pub async fn run(args: Args) -> Result<()> {
    if !args.dry_run {
        bail!(
            "the operator takes releases of Fluid's over by itself; --dry-run lists what an upgrade of them would change"
        );
    }
    let client = args.cluster.client().await?;
    let operator = options::namespace(args.operator_namespace);
    let plugins = args.host.plugins()?;
    let looking = Looking {
        namespace: args.namespace,
        mount_root: args.mount_root,
        driver: args.helm_driver.into(),
        artifacts: args.host.artifacts(client.clone(), &operator)?,
        renderer: Arc::new(args.host.renderer().await?),
        operator,
    };
    super::print(&looking.report(&client, &plugins).await?)
}

/// Where and how to look.
pub struct Looking {
    /// The namespace of the runtimes; all if there is none.
    pub namespace: Option<String>,
    /// The operator's namespace.
    pub operator: String,
    /// Directory of nodes below which file systems are mounted.
    pub mount_root: String,
    /// Where Helm's records are kept.
    pub driver: Driver,
    /// Where the artifacts of registrations come from.
    pub artifacts: Artifacts,
    /// Helm's engine.
    pub renderer: Arc<Renderer>,
}

impl Looking {
    /// Returns a text with the releases that Fluid has installed.
    ///
    /// # Errors
    /// The registrations cannot be listed.
    pub async fn report(&self, client: &Client, plugins: &PluginHost) -> Result<String> {
        let maps = Api::<ConfigMap>::namespaced(client.clone(), &self.operator);
        let labelled = ListParams::default().labels(&format!("{PLUGIN_LABEL}=true"));
        let maps = maps.list(&labelled).await.context("listing the registrations")?;
        let (mut texts, mut left_out) = (BTreeMap::new(), String::new());
        for map in maps {
            let looked = async {
                let plugin = self.plugin(&map, plugins).await?;
                self.of_kind(client, &plugin).await
            };
            match looked.await {
                Ok(found) => texts.extend(found),
                Err(error) => left_out.push_str(&format!("{}: not looked at: {error:#}\n", map.name_any())),
            }
        }
        if texts.is_empty() {
            let none = "Fluid has installed none of the releases that were looked at.\n";
            return Ok(format!("{none}{left_out}"));
        }
        Ok(texts.into_values().chain([left_out]).collect())
    }

    /// Loads the plugin of a registration.
    async fn plugin(&self, map: &ConfigMap, plugins: &PluginHost) -> Result<Plugin> {
        let mut registration = Registration::parse(map)?;
        if let Some(wanted) = Wanted::of(map) {
            let artifact = match self.artifacts.cached(&wanted).await {
                Some(artifact) => artifact,
                None => self.artifacts.pull(&wanted).await?,
            };
            registration = registration.with_artifact(pulled(artifact));
        }
        Ok(plugins.load(&registration).await?)
    }

    /// The releases of one kind of runtime, by namespace and name.
    async fn of_kind(&self, client: &Client, plugin: &Plugin) -> Result<Vec<(String, String)>> {
        let kind = &plugin.description.kind;
        let gvk = GroupVersionKind::gvk(wasser_api::GROUP, wasser_api::VERSION, kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, &plugin.description.plural);
        let api = match &self.namespace {
            Some(namespace) => Api::<DynamicObject>::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let runtimes = api.list(&ListParams::default()).await;
        let mut all = Vec::new();
        for runtime in runtimes.with_context(|| format!("listing the runtimes of the kind {kind}"))? {
            let name = format!("{}/{}", runtime.namespace().unwrap_or_default(), runtime.name_any());
            let found = match self.look(client, plugin, &runtime).await {
                Ok(None) => continue,
                Ok(Some(previews)) => describe(&previews),
                Err(error) => format!("an upgrade would be refused: {error:#}\n"),
            };
            all.push((
                name.clone(),
                format!("{name} ({kind}): kept as Fluid has installed it; {found}"),
            ));
        }
        Ok(all)
    }

    /// What an upgrade would change of a release. None if Fluid has not installed it.
    async fn look(
        &self,
        client: &Client,
        plugin: &Plugin,
        runtime: &DynamicObject,
    ) -> Result<Option<Vec<(String, Preview)>>> {
        // Nothing is written, and nothing of it is believed.
        let recording = Recording {
            driver: self.driver,
            key: SigningKey::new(&SigningKey::generate()?),
        };
        let releases = Releases::new(client.clone(), recording);
        let (namespace, name) = (runtime.namespace().unwrap_or_default(), runtime.name_any());
        let uid = runtime.uid().unwrap_or_default();
        let datasets = Api::<Dataset>::namespaced(client.clone(), &namespace);
        let Some(dataset) = datasets.get_opt(&name).await.context("reading the Dataset")? else {
            return Ok(None);
        };
        let dataset_uid = dataset.uid().unwrap_or_default();
        let identity = Identity::new(&namespace, &name, &dataset_uid, &plugin.description);
        let object = serde_json::to_value(runtime)?;
        let named_objects = named(client, plugin, &object).await?;
        let theirs = [serde_json::to_value(&dataset)?];
        let mut around = Surroundings {
            uid: uid.clone(),
            mount_path: identity.mount_path(&self.mount_root),
            named: wasser_engine::named(&object, theirs.iter().chain(&named_objects)),
            claimed_secrets: wasser_engine::claimed_secrets(client, &namespace, &theirs).await?,
        };
        let policy = policy(plugin, &identity, &around);
        let release = releases.look(&name, &policy).await?;
        let Some(release) = release.filter(wasser_chart::Release::is_adopted) else {
            return Ok(None);
        };
        around.named = around
            .named
            .with_installed_images(wasser_chart::powerful_images(&release.manifest));
        let roles = plugin.description.roles.iter().map(|role| RoleStatus {
            name: role.name.clone(),
            desired: 1,
            ready: 1,
        });
        let backend = Arc::new(Scripted::of_objects(named_objects));
        let mut instance = plugin.instance(identity.key(), backend);
        let kind = &plugin.description.kind;
        let installed = release.values().to_string();
        let migrated = match is_to_migrate(plugin, release.installer()) {
            true => answer(kind, "migrate", instance.migrate(&installed, &origin(&release)).await)?,
            false => None,
        };
        let asked = wasser_plugin::Context {
            installed: Some(migrated.unwrap_or(installed)),
            roles: roles.collect(),
            ..context(
                plugin,
                &identity,
                &self.mount_root,
                &object,
                Some(serde_json::to_string(&dataset)?),
            )
        };
        let values = answer(kind, "desired", instance.desired(&asked).await)?
            .context("the plugin leaves `desired` to the host")?;
        let values = complete(&values, &identity, &owner_reference(kind, &name, &uid))?;
        let chart = Chart::from_tgz(plugin.chart.clone())?;
        let revision = Revision::upgrade(release.next_revision());
        let prepared = prepare(plugin, chart, &self.renderer, &identity, &around, values, revision).await?;
        Ok(Some(prepared.preview(&releases).await?))
    }
}

/// The objects of the whole cluster that a runtime names.
async fn named(client: &Client, plugin: &Plugin, runtime: &Value) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for (kind, pointer) in plugin.grants.named_objects() {
        let Some(name) = runtime.pointer(pointer).and_then(Value::as_str) else {
            continue;
        };
        let resource = wasser_engine::cluster_objects::resource(kind);
        let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
        // The operator may list them, and read no single one.
        let found = api
            .list(&ListParams::default().fields(&format!("metadata.name={name}")))
            .await
            .with_context(|| format!("reading {kind} {name}"))?;
        for object in found {
            let mut object = serde_json::to_value(object)?;
            object["kind"] = kind.into();
            all.push(object);
        }
    }
    Ok(all)
}

fn describe(previews: &[(String, Preview)]) -> String {
    if previews.is_empty() {
        return "an upgrade would change nothing\n".to_owned();
    }
    let mut text = "an upgrade would change\n".to_owned();
    for (object, preview) in previews {
        let how = match preview {
            Preview::Created => "made".to_owned(),
            Preview::Deleted => "deleted".to_owned(),
            Preview::Changed(fields) => {
                let named: Vec<&str> = fields.iter().take(LISTED).map(String::as_str).collect();
                let more = fields.len() - named.len();
                let more = if more > 0 {
                    format!(" and {more} more")
                } else {
                    String::new()
                };
                format!("{}{more}", named.join(", "))
            }
        };
        text.push_str(&format!("  {object}: {how}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    /// In the operator's container, it works without a word about where things are.
    #[test]
    fn what_the_chart_tells_the_operator_is_told_to_this_command_as_well() {
        let rendered = include_str!("../../../chart/tests/installer/expected/options.yaml");
        let deployment = rendered
            .split("\n---")
            .find(|object| object.contains("- run\n"))
            .unwrap();
        let names = deployment.lines().filter_map(|line| {
            let (name, _) = line.trim().strip_prefix("- {name: ")?.split_once(", value: ")?;
            (name == "MOUNT_ROOT" || name.starts_with("WASSER_")).then_some(name)
        });
        let command = Args::augment_args(clap::Command::new("adopt"));
        let known: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_env).collect();
        let unknown: Vec<&str> = names
            .clone()
            .filter(|name| !known.iter().any(|known| known == name))
            .collect();
        assert_eq!((names.count(), unknown), (6, Vec::<&str>::new()));
    }

    #[test]
    fn each_object_has_a_line() {
        let fields = |count: usize| (0..count).map(|index| format!("/data/{index}")).collect();
        let previews = [
            ("ConfigMap a".to_owned(), Preview::Changed(fields(14))),
            ("Service b".to_owned(), Preview::Created),
            ("ConfigMap c".to_owned(), Preview::Deleted),
        ];
        let text = describe(&previews);
        assert!(
            text.contains("  ConfigMap a: /data/0, ") && text.contains("/data/11 and 2 more\n"),
            "{text}"
        );
        assert!(text.ends_with("  Service b: made\n  ConfigMap c: deleted\n"), "{text}");
        assert_eq!(describe(&[]), "an upgrade would change nothing\n");
    }
}
