//! From a registration to a plugin.

use std::io::Write;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use std::time::Duration;
use wasmtime::component::Component;

use crate::backend::{Backend, BackendError, Output, PodRecord, Response, Scope};
use crate::bindings::types::Role;
use crate::bindings::{implement, operations};
use crate::call::CallError;
use crate::check::{CheckError, World};
use crate::description::{self, DescriptionError};
use crate::digest::Digest;
use crate::engine::{PluginHost, Shared};
use crate::grants::Grants;
use crate::instance::Instance;
use crate::plugin::{Core, Plugin};
use crate::quarantine::Quarantine;
use crate::registration::Registration;
use crate::source::SourceError;
use crate::store::Charter;

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
    /// The compiler gave up.
    #[error("the component could not be compiled: {0}")]
    Compile(String),
    /// Compiling took too long.
    #[error("compiling the component took more than {0:?}; it is too large or too complex for this host")]
    CompileTime(Duration),
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
        let read = |field, source: &crate::Source| {
            source
                .read(shared.plugin_dir.as_ref(), shared.config.max_file)
                .map_err(|source| LoadError::Source { field, source })
        };
        let component = read("component", &registration.component)?;
        let found = Digest::of(&component);
        if found != registration.digest {
            return Err(LoadError::Digest {
                found,
                expected: registration.digest,
            });
        }
        let chart = read("chart", &registration.chart)?;
        if !chart.starts_with(&[0x1f, 0x8b]) {
            return Err(LoadError::Chart);
        }
        let world = World::of(&component, shared.config.max_file)?;
        let compiled = compile(shared, component, &found).await?;
        let core = core(shared, &compiled, charter(registration), world.has_operations())?;

        let mut describing = Instance::new(
            Arc::new(core),
            Scope {
                namespace: String::new(),
                name: String::new(),
            },
            Arc::new(Nothing),
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
            digest: found,
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
    crate::host::deny_wasi(&mut linker, component).map_err(mismatch)?;
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

/// Compiles a component that has been checked, off the async runtime, or takes it from the cache.
async fn compile(shared: &Arc<Shared>, bytes: Bytes, digest: &Digest) -> Result<Component, LoadError> {
    if let Some(component) = shared.cache.get(&shared.engine, digest) {
        return Ok(component);
    }
    let failed = |reason: String| LoadError::Compile(reason);
    let limit = shared.config.compile_timeout;
    let _turn = tokio::time::timeout(limit, shared.compiling.acquire())
        .await
        .map_err(|_| LoadError::CompileTime(limit))?;
    let outside = shared
        .config
        .precompiler
        .as_ref()
        .filter(|_| bytes.len() as u64 >= shared.config.precompile_from);
    let compiled = match outside {
        Some(command) => compile_outside(shared, command, &bytes, digest).await?,
        None => {
            let engine = shared.engine.clone();
            // The thread cannot be stopped, only left behind; the size of what comes here is bounded, and large ones are compiled outside.
            let compiling = tokio::task::spawn_blocking(move || engine.precompile_component(&bytes));
            let compiled = tokio::time::timeout(limit, compiling)
                .await
                .map_err(|_| LoadError::CompileTime(limit))?;
            compiled
                .map_err(|error| failed(error.to_string()))?
                .map_err(|error| failed(format!("{error:#}")))?
        }
    };
    shared.cache.put(&shared.engine, digest, &compiled).map_err(failed)
}

/// Compiles in a process of its own, which is killed when it takes too long, and whose memory is gone afterwards.
async fn compile_outside(shared: &Shared, command: &[std::path::PathBuf], bytes: &[u8], digest: &Digest) -> Result<Vec<u8>, LoadError> {
    let failed = |reason: String| LoadError::Compile(reason);
    let Some((program, arguments)) = command.split_first() else {
        return Err(failed("the precompiler's command is empty".to_owned()));
    };
    let (input, output) = (shared.cache.partial(digest).with_extension("wasm"), shared.cache.partial(digest));
    let run = async {
        std::fs::File::create(&input)?.write_all(bytes)?;
        let mut child = tokio::process::Command::new(program);
        child
            .args(arguments)
            .arg(&input)
            .arg(&output)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let finished = child.spawn()?.wait_with_output().await?;
        if !finished.status.success() {
            let words = String::from_utf8_lossy(&finished.stderr).trim().to_owned();
            return Err(std::io::Error::other(format!(
                "{} ended with {}: {words}",
                program.display(),
                finished.status
            )));
        }
        std::fs::read(&output)
    };
    let limit = shared.config.compile_timeout;
    let compiled = tokio::time::timeout(limit, run).await;
    for path in [&input, &output] {
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(path = %path.display(), %error, "a file of the compilation was not removed");
        }
    }
    compiled
        .map_err(|_| LoadError::CompileTime(limit))?
        .map_err(|error| failed(error.to_string()))
}

/// The cluster as `describe` sees it: nothing is granted, so nothing of this is ever called.
struct Nothing;

fn nothing<T>() -> Result<T, BackendError> {
    Err(BackendError::Failed("nothing can be reached from `describe`".to_owned()))
}

#[async_trait]
impl Backend for Nothing {
    async fn list_pods(&self, _: &Scope, _: &Role) -> Result<Vec<PodRecord>, BackendError> {
        nothing()
    }

    async fn exec(&self, _: &Scope, _: &str, _: &str, _: &[String], _: Duration, _: usize) -> Result<Output, BackendError> {
        nothing()
    }

    async fn http_get(&self, _: &Scope, _: &str, _: u16, _: &str, _: Duration, _: usize) -> Result<Response, BackendError> {
        nothing()
    }

    async fn secret(&self, _: &Scope, _: &str, _: &str) -> Result<Option<Vec<u8>>, BackendError> {
        nothing()
    }

    async fn object(&self, _: &Scope, _: &str, _: &str) -> Result<Option<serde_json::Value>, BackendError> {
        nothing()
    }

    async fn allocate_ports(&self, _: &Scope, _: &[String]) -> Result<Vec<u16>, BackendError> {
        nothing()
    }

    async fn get_state(&self, _: &Scope, _: &str) -> Result<Option<Vec<u8>>, BackendError> {
        nothing()
    }

    async fn set_state(&self, _: &Scope, _: &str, _: Option<Vec<u8>>) -> Result<(), BackendError> {
        nothing()
    }

    async fn publish_event(&self, _: &Scope, _: &str, _: &str, _: &str) -> Result<(), BackendError> {
        nothing()
    }
}
