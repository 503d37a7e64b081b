//! From a registration to a plugin.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use wasmtime::component::Component;

use crate::backend::{Backend, Scope};
use crate::bindings::{implement, operations};
use crate::engine::compile::compile;
use crate::engine::error::CompileError;
use crate::engine::{PluginHost, Shared};
use crate::package::description::{self, DescriptionError};
use crate::package::digest::Digest;
use crate::package::grants::Grants;
use crate::package::registration::Registration;
use crate::package::source::{Source, SourceError};
use crate::package::world::{CheckError, World};
use crate::plugin::instance::Instance;
use crate::plugin::quarantine::Quarantine;
use crate::plugin::{Core, Plugin};
use crate::sandbox::error::CallError;
use crate::sandbox::store::Charter;

/// Why a registration does not become a plugin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The component or the chart cannot be read.
    #[error("{field}: {source}")]
    Source {
        /// `component` or `chart`.
        field: &'static str,
        /// Why not.
        source: SourceError,
    },
    /// The component is not the one that was registered.
    #[error(
        "the component's digest is {found}, and plugin.yaml says {expected}; if the component is the one you mean, put its digest there"
    )]
    Digest {
        /// Of the bytes.
        found: Digest,
        /// In the registration.
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
    /// `describe` cannot be true.
    #[error(transparent)]
    Description(#[from] DescriptionError),
}

impl PluginHost {
    /// Loads a plugin: reads it, checks digest, size and WIT, compiles it or takes it from the cache, and has it describe itself.
    pub async fn load(&self, registration: &Registration) -> Result<Plugin, LoadError> {
        let shared = &self.shared;
        let reading = (shared.clone(), registration.clone());
        let read = tokio::task::spawn_blocking(move || read(&reading.0, &reading.1)).await;
        let Files {
            component,
            digest,
            chart,
            world,
        } = read.map_err(|error| CompileError::Failed(error.to_string()))??;
        let compiled = compile(shared, component, &digest).await?;
        let core = core(shared, &compiled, charter(registration), world.has_operations())?;

        let mut describing = Instance::new(
            Arc::new(core),
            Scope {
                namespace: String::new(),
                name: String::new(),
            },
            Arc::new(NoCluster),
        );
        let description = describing.describe().await?;
        let declared = description::check(&description, &registration.runtime)?;
        let effective = declared.intersect(&registration.grants);
        let charter = Charter {
            declared: declared.clone(),
            given: registration.grants.clone(),
            effective: effective.clone(),
            roles: description.roles.clone(),
            ..charter(registration)
        };
        Ok(Plugin {
            registration: registration.name.clone(),
            digest,
            chart_digest: Digest::of(&chart),
            chart,
            images: registration.images.clone(),
            settings: registration.settings.clone(),
            not_given: declared.without(&effective),
            not_declared: registration.grants.without(&effective),
            grants: effective,
            limits: registration.limits,
            core: Arc::new(self::core(shared, &compiled, charter, world.has_operations())?),
            description,
            world,
        })
    }
}

/// What a registration refers to, read and checked.
struct Files {
    component: Bytes,
    digest: Digest,
    chart: Bytes,
    world: World,
}

/// Reads and checks without running anything. Takes milliseconds per megabyte, so not on the async runtime.
fn read(shared: &Shared, registration: &Registration) -> Result<Files, LoadError> {
    let limit = shared.config.max_file;
    let read = |field, source: &Source| {
        source
            .read(shared.plugin_dir.as_ref(), limit)
            .map_err(|source| LoadError::Source { field, source })
    };
    let component = read("component", &registration.component)?;
    let (digest, expected) = (Digest::of(&component), registration.digest);
    if digest != expected {
        return Err(LoadError::Digest { found: digest, expected });
    }
    let chart = read("chart", &registration.chart)?;
    if !chart.starts_with(&[0x1f, 0x8b]) {
        return Err(LoadError::Chart);
    }
    let world = World::of(&component, limit)?;
    Ok(Files {
        component,
        digest,
        chart,
        world,
    })
}

/// What is known before the plugin has described itself: nothing is granted yet.
fn charter(registration: &Registration) -> Charter {
    Charter {
        kind: registration.runtime.clone(),
        registration: format!("{}/{}", registration.namespace, registration.name),
        digest: registration.digest,
        declared: Grants::default(),
        given: Grants::default(),
        effective: Grants::default(),
        roles: Vec::new(),
        limits: registration.limits,
    }
}

/// Links a component: whatever does not fit the world's types is found here.
fn core(shared: &Arc<Shared>, component: &Component, charter: Charter, operations: bool) -> Result<Core, CheckError> {
    let mismatch = |error: wasmtime::Error| CheckError::TypeMismatch(format!("{error:#}"));
    let mut linker = shared.linker.clone();
    crate::sandbox::imports::wasi::deny(&mut linker, component).map_err(mismatch)?;
    let pre = linker.instantiate_pre(component).map_err(mismatch)?;
    Ok(Core {
        implement: implement::GuestIndices::new(&pre).map_err(mismatch)?,
        operations: operations
            .then(|| operations::GuestIndices::new(&pre))
            .transpose()
            .map_err(mismatch)?,
        charter: Arc::new(charter),
        shared: shared.clone(),
        quarantine: Arc::new(Mutex::new(Quarantine::default())),
        pre,
    })
}

/// The cluster as `describe` sees it: nothing is granted yet, so nothing can be reached.
struct NoCluster;

impl Backend for NoCluster {}
