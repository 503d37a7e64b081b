//! The options of the mount, from the Dataset, the tiered store and the runtime. What comes later
//! wins.

use wasser_sdk::{Context, Error, Result};

use crate::describe::FUSE;
use crate::edition::Edition;
use crate::input::{Component, Spec};
use crate::metrics::Metrics;
use crate::options::{self, EXTRA_OPTIONS, Known, Options, Origin};
use crate::source::Source;
use crate::store::{self, Store};

/// The option of the enterprise edition that says whose caches are one.
const CACHE_GROUP: &str = "cache-group";
/// How long the metadata of a read-only file system can be kept, in seconds.
const METADATA_CACHE: &str = "7200";

/// Returns what the user decides: options of the Dataset, then those that follow from the tiered
/// store and the directory, then those of the component. The Dataset's are about what applications
/// see, and so the clients'; workers only fill their cache, and need those that say which one.
pub fn given(
    ctx: &Context<Spec>,
    source: &Source,
    store: &Store,
    role: &str,
    component: &Component,
) -> Result<Options> {
    let field = format!("JuiceFSRuntime.spec.{role}.options");
    Known::new(source.edition, ctx.settings.get(EXTRA_OPTIONS)).check(&field, Origin::Component, &component.options)?;
    let mut all = options::for_mount(source.edition, &source.options);
    if role != FUSE {
        all.retain(|name, _| name == CACHE_GROUP);
    }
    if source.directory != "/" {
        all.insert("subdir".into(), source.directory.clone());
    }
    all.insert("cache-dir".into(), store.cache_dir());
    all.extend(store.cache_size().map(|mib| ("cache-size".into(), mib.to_string())));
    all.extend(
        store
            .free_space_ratio
            .iter()
            .map(|ratio| ("free-space-ratio".into(), ratio.clone())),
    );
    all.extend(
        component
            .options
            .iter()
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    if role == FUSE && ctx.dataset()?.read_only() {
        all.insert("ro".into(), String::new());
    }
    if let Some(list) = all.get_mut("cache-dir") {
        *list = cache_directories(&format!("{field}.cache-dir"), list)?;
    }
    Ok(all)
}

/// Returns the list of cache directories, checked, each of them once.
fn cache_directories(field: &str, list: &str) -> Result<String> {
    let mut directories: Vec<&str> = Vec::new();
    for directory in store::split(list) {
        store::check_directory(field, directory)?;
        if !directories.iter().any(|earlier| store::same(earlier, directory)) {
            directories.push(directory);
        }
    }
    if directories.is_empty() {
        return Err(Error::invalid(
            field,
            "names no directory; give one, or remove the option",
        ));
    }
    Ok(directories.join(":"))
}

/// Adds what the edition needs and nobody gave.
pub fn complete(ctx: &Context<Spec>, edition: Edition, role: &str, options: &mut Options, metrics: Metrics) {
    let read_only = options.contains_key("ro");
    let mut default = |name: &str, value: String| {
        options.entry(name.into()).or_insert(value);
    };
    match edition {
        Edition::Community => {
            if read_only {
                default("attr-cache", METADATA_CACHE.into());
                default("entry-cache", METADATA_CACHE.into());
            }
            if let Metrics::Chosen(port) = metrics {
                default("metrics", format!("0.0.0.0:{port}"));
            }
        }
        Edition::Enterprise => {
            if read_only {
                default("attrcacheto", METADATA_CACHE.into());
                default("entrycacheto", METADATA_CACHE.into());
            }
            default(CACHE_GROUP, format!("{}-{}", ctx.namespace, ctx.name));
            if role == FUSE {
                default("no-sharing", String::new());
            }
            default("foreground", String::new());
            default("no-update", String::new());
        }
    }
}
