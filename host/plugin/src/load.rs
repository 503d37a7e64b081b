//! Loads a plugin from its registration.

use std::sync::Arc;

use bytes::Bytes;
use wasser_api::ObjectKey;

use crate::backend::Backend;
use crate::engine::compile::{Turn, compile, time_limit};
use crate::engine::error::CompileError;
use crate::engine::{PluginEngine, PluginHost};
use crate::package::description::{self, DescriptionError};
use crate::package::digest::Digest;
use crate::package::registration::Registration;
use crate::package::source::{Source, SourceError};
use crate::package::world::{CheckError, World};
use crate::plugin::Plugin;
use crate::plugin::instance::Instance;
use crate::plugin::pre::PluginPre;
use crate::sandbox::error::CallError;
use crate::sandbox::identity::PluginIdentity;

/// Why a registration does not become a plugin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The component or the chart cannot be read.
    #[error("{field}: {source}")]
    Source {
        /// `component` or `chart`.
        field: &'static str,
        /// The reason.
        source: SourceError,
    },
    /// The component differs from the registered one.
    #[error(
        "the component's digest is {found}, and plugin.yaml says {expected}; if the component is the one you mean, \
         put its digest there"
    )]
    Digest {
        /// The digest of the bytes.
        found: Digest,
        /// The digest in the registration.
        expected: Digest,
    },
    /// The component cannot be a plugin.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The chart is not a tgz.
    #[error("the chart is not a gzipped archive; register what `helm package` makes")]
    Chart,
    /// The component cannot be compiled.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// `describe` failed.
    #[error(transparent)]
    Describe(#[from] CallError),
    /// The host cannot work with what `describe` returns.
    #[error(transparent)]
    Description(#[from] DescriptionError),
}

impl PluginHost {
    /// Loads a plugin: reads it, checks digest, size and WIT, compiles it or takes it from the
    /// cache, and calls `describe`.
    ///
    /// # Errors
    /// The registration does not lead to a plugin; the message names the remedy.
    pub async fn load(&self, registration: &Registration) -> Result<Plugin, LoadError> {
        let engine = &self.engine;
        let reading = (engine.clone(), registration.clone());
        let read = tokio::task::spawn_blocking(move || read(&reading.0, &reading.1)).await;
        let PackageFiles {
            component,
            digest,
            chart,
        } = read.map_err(|error| CompileError::Failed(error.to_string()))??;
        let (compiled, world) = match engine.cache.get(&engine.wasmtime, &digest) {
            // It was checked before it was compiled, and did no harm.
            Some(compiled) => (compiled, check(engine, component, ()).await?.0),
            None => {
                let turn = Turn::take(engine, component.len(), &digest).await?;
                let (world, turn) = check(engine, component.clone(), turn).await?;
                (compile(engine, component, &digest, turn).await?, world)
            }
        };
        let identity = PluginIdentity::undescribed(registration);
        let undescribed = PluginPre::link(engine, &compiled, identity, &world)?;

        let mut describing = Instance::new(
            Arc::new(undescribed),
            ObjectKey {
                namespace: String::new(),
                name: String::new(),
            },
            Arc::new(NoCluster),
        );
        let description = engine.threads.carry(async move { describing.describe().await }).await?;
        let declared = description::check(&description, &registration.runtime)?;
        let effective = declared.intersect(&registration.grants);
        let identity = PluginIdentity {
            declared: declared.clone(),
            given: registration.grants.clone(),
            effective: effective.clone(),
            methods: description::methods(&description),
            roles: description.roles.clone(),
            ..PluginIdentity::undescribed(registration)
        };
        let chart_digest = Digest::of(&chart);
        let (images, settings) = (&registration.images, &registration.settings);
        Ok(Plugin {
            build: Plugin::build_of(&digest, &chart_digest, images, settings, &effective),
            registration: registration.name.clone(),
            digest,
            chart_digest,
            chart,
            images: images.clone(),
            settings: settings.clone(),
            not_given: declared.without(&effective),
            not_declared: registration.grants.without(&effective),
            grants: effective,
            limits: registration.limits,
            pre: Arc::new(PluginPre::link(engine, &compiled, identity, &world)?),
            description,
            world,
        })
    }
}

/// The files that a registration refers to, read and checked.
struct PackageFiles {
    component: Bytes,
    digest: Digest,
    chart: Bytes,
}

/// Reads the files, and compares the digest. This takes milliseconds per megabyte, so it must not run
/// on the async runtime.
fn read(engine: &PluginEngine, registration: &Registration) -> Result<PackageFiles, LoadError> {
    let limit = engine.config.max_file;
    let read = |field, source: &Source| {
        source
            .read(engine.plugin_dir.as_ref(), limit)
            .map_err(|source| LoadError::Source { field, source })
    };
    let component = read("component", &registration.component)?;
    let (digest, expected) = (Digest::of(&component), registration.digest);
    if digest != expected {
        return Err(LoadError::Digest {
            found: digest,
            expected,
        });
    }
    let chart = read("chart", &registration.chart)?;
    if !chart.starts_with(&[0x1f, 0x8b]) {
        return Err(LoadError::Chart);
    }
    Ok(PackageFiles {
        component,
        digest,
        chart,
    })
}

/// Checks what a component exports and imports, off the async runtime and within the time limit of
/// its compilation. The thread cannot be stopped, only abandoned, and keeps the turn until it ends.
async fn check<T: Send + 'static>(engine: &PluginEngine, component: Bytes, turn: T) -> Result<(World, T), LoadError> {
    let (max, limit) = (
        engine.config.max_file,
        time_limit(engine.config.compile_timeout, component.len()),
    );
    let checking = tokio::task::spawn_blocking(move || (World::of(&component, max), turn));
    let checked = tokio::time::timeout(limit, checking)
        .await
        .map_err(|_| CompileError::Timeout(limit))?;
    let (world, turn) = checked.map_err(|error| CompileError::Failed(error.to_string()))?;
    Ok((world?, turn))
}

/// The cluster as `describe` sees it. Nothing is granted yet, so nothing can be reached.
struct NoCluster;

impl Backend for NoCluster {}
