//! From runtime and Dataset to the values of the chart.

use std::collections::BTreeMap;

use wasser_sdk::spec::check_network_mode;
use wasser_sdk::{Context, Error, Result};

use crate::commands;
use crate::describe::{FUSE, WORKER};
use crate::edition::Edition;
use crate::input::Spec;
use crate::metrics::{self, Allocate};
use crate::mount_options;
use crate::options::{EXTRA_OPTIONS, Known};
use crate::pods::{self, Parts};
use crate::shell;
use crate::source::Source;
use crate::store::{Store, Volume};
use crate::values::{CacheDir, Configs, Identity, Owner, Values};

/// Returns the values that `ctx` asks for, or what is wrong with it. `allocate` returns ports of
/// the host network.
pub fn values(ctx: &Context<Spec>, allocate: Allocate<'_>) -> Result<Values> {
    let spec = &ctx.runtime.spec;
    let source = Source::of(ctx)?;
    let store = Store::of(spec)?;
    check_runtime(ctx, source.edition)?;

    let mut worker_options = mount_options::given(ctx, &source, &store, WORKER, &spec.worker)?;
    let mut fuse_options = mount_options::given(ctx, &source, &store, FUSE, &spec.fuse)?;
    let [worker_metrics, fuse_metrics] = metrics::of(ctx, source.edition, [&worker_options, &fuse_options], allocate)?;
    mount_options::complete(ctx, source.edition, WORKER, &mut worker_options, worker_metrics);
    mount_options::complete(ctx, source.edition, FUSE, &mut fuse_options, fuse_metrics);

    let (source, store) = (&source, &store);
    let worker = pods::worker(&Parts {
        ctx,
        source,
        store,
        options: &worker_options,
        metrics: worker_metrics,
    })?;
    let fuse = pods::fuse(&Parts {
        ctx,
        source,
        store,
        options: &fuse_options,
        metrics: fuse_metrics,
    })?;
    let image = spec
        .version
        .resolve(ctx, source.edition.image_key(), "JuiceFSRuntime.spec.juicefsVersion")?;
    let dataset = ctx.dataset()?;
    let run_as = spec.run_as.clone().unwrap_or_default();
    Ok(Values {
        fullname_override: ctx.name.clone(),
        edition: source.edition,
        source: source.reference(),
        image: image.image,
        image_tag: image.image_tag,
        image_pull_policy: image.image_pull_policy,
        image_pull_secrets: ctx.pull_secrets(),
        user: run_as.uid,
        group: run_as.gid,
        fs_group: run_as.gid,
        owner: owner(ctx),
        owner_dataset_id: ctx.dataset_id.clone(),
        runtime_identity: Identity {
            namespace: ctx.namespace.clone(),
            name: ctx.name.clone(),
        },
        placement: dataset.placement().into(),
        tolerations: dataset.tolerations.clone(),
        configs: configs(source, spec),
        cache_dirs: cache_dirs(store),
        worker,
        fuse,
    })
}

fn check_runtime(ctx: &Context<Spec>, edition: Edition) -> Result<()> {
    let spec = &ctx.runtime.spec;
    let known = Known::new(edition, ctx.settings.get(EXTRA_OPTIONS));
    for (at, item) in spec.configs.iter().enumerate() {
        let field = format!("JuiceFSRuntime.spec.configs[{at}]");
        shell::check_text(&field, item)?;
        if item.trim().is_empty() || item.starts_with('-') {
            return Err(Error::invalid(
                field,
                "is not an option without its dashes; write for instance `trash-days=0`",
            ));
        }
        known.check_config(&field, item.trim())?;
    }
    check_network_mode("JuiceFSRuntime.spec.worker.networkMode", &spec.worker.network_mode)?;
    check_network_mode("JuiceFSRuntime.spec.fuse.networkMode", &spec.fuse.network_mode)
}

fn configs(source: &Source, spec: &Spec) -> Configs {
    Configs {
        name: source.name.clone(),
        format_cmd: commands::format(source, spec),
        status_cmd: commands::status(source),
        quota_cmd: commands::quota(source),
        storage: source.storage.clone(),
        bucket: source.bucket.clone(),
        secrets: source.secrets.clone(),
    }
}

fn owner(ctx: &Context<Spec>) -> Owner {
    let runtime = &ctx.runtime;
    Owner {
        enabled: true,
        api_version: runtime.api_version.clone(),
        kind: runtime.kind.clone(),
        name: ctx.name.clone(),
        uid: runtime.metadata.uid.clone(),
        controller: true,
        block_owner_deletion: false,
    }
}

fn cache_dirs(store: &Store) -> BTreeMap<String, CacheDir> {
    let (kind, source) = match &store.volume {
        Volume::HostPath => ("hostPath", None),
        Volume::EmptyDir => ("emptyDir", None),
        Volume::Source(source) => (
            if source.get("emptyDir").is_some() {
                "emptyDir"
            } else {
                "hostPath"
            },
            Some(source.clone()),
        ),
    };
    let one = |path: &String| CacheDir {
        path: path.clone(),
        r#type: kind.into(),
        volume_source: source.clone(),
    };
    store
        .directories
        .iter()
        .enumerate()
        .map(|(at, path)| ((at + 1).to_string(), one(path)))
        .collect()
}
