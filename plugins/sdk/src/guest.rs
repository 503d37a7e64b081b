//! The component's side: the exports call [`Implement`], the imports are behind [`Host`].

use std::marker::PhantomData;
use std::sync::Once;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::{
    Context, DataOperation, Error, Host, Implement, Level, Operate, Output, Pod, PodError, RawContext, Response,
    RoleStatus,
};

/// What wit-bindgen generates from the world `runtime`. Passing values over the boundary is unsafe
/// code, all of it generated.
#[allow(unsafe_code, missing_docs)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "runtime",
        pub_export_macro: true,
        export_macro_name: "export_runtime",
        generate_all,
    });
}

/// What wit-bindgen generates for the export `operations`, which only some components have. It is a
/// world of its own, so that those without do not promise it; the types are those of [`bindings`].
#[allow(unsafe_code, missing_docs)]
pub mod operations {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package wasser:sdk@0.1.0; world operate { export wasser:runtime/operations@0.1.0; }",
        world: "wasser:sdk/operate@0.1.0",
        with: { "wasser:runtime/types@0.1.0": crate::guest::bindings::wasser::runtime::types },
        pub_export_macro: true,
        export_macro_name: "export_operations",
    });
}

use bindings::exports::wasser::runtime::implement as exports;
use bindings::wasser::runtime::{clock, events, http, log, objects, pods, ports, secrets, state, types};

/// The exports of a component whose runtime is `T`.
pub struct Exported<T>(PhantomData<T>);

type Answer<T> = Result<T, types::Error>;

fn context<T: Implement>(ctx: types::Context) -> crate::Result<Context<T::Spec>> {
    Context::parse(RawContext {
        namespace: ctx.namespace,
        name: ctx.name,
        dataset_id: ctx.dataset_id,
        runtime: ctx.runtime,
        dataset: ctx.dataset,
        mount_path: ctx.mount_path,
        fuse_label: ctx.fuse_label,
        images: ctx.images,
        settings: ctx.settings,
        installed: ctx.installed,
        roles: ctx
            .roles
            .into_iter()
            .map(|r| RoleStatus {
                name: r.name,
                desired: r.desired,
                ready: r.ready,
            })
            .collect(),
    })
}

/// Logs the message, file and line of a panic before the trap that ends it: the host quotes them in
/// the fault's message.
fn report_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| std::panic::set_hook(Box::new(|panic| log::log(log::Level::Error, &panic.to_string()))));
}

fn call<T: Implement, R>(ctx: types::Context, method: impl FnOnce(&Context<T::Spec>) -> crate::Result<R>) -> Answer<R> {
    report_panics();
    context::<T>(ctx).and_then(|ctx| method(&ctx)).map_err(Into::into)
}

fn json(value: &impl Serialize) -> crate::Result<String> {
    serde_json::to_string(value).map_err(|e| Error::failed(format!("cannot write the values as JSON: {e}")))
}

impl<T: Implement + 'static> exports::Guest for Exported<T> {
    fn describe() -> types::Description {
        report_panics();
        T::describe().into()
    }

    fn validate(ctx: types::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::validate(ctx, &Imports))
    }

    fn setup_master(ctx: types::Context) -> Answer<String> {
        call::<T, _>(ctx, |ctx| json(&T::setup_master(ctx, &Imports)?))
    }

    fn check_master_ready(ctx: types::Context) -> Answer<bool> {
        call::<T, _>(ctx, |ctx| T::check_master_ready(ctx, &Imports))
    }

    fn should_check_ufs(ctx: types::Context) -> Answer<bool> {
        call::<T, _>(ctx, |ctx| T::should_check_ufs(ctx, &Imports))
    }

    fn prepare_ufs(ctx: types::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::prepare_ufs(ctx, &Imports))
    }

    fn setup_workers(ctx: types::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::setup_workers(ctx, &Imports))
    }

    fn check_workers_ready(ctx: types::Context) -> Answer<bool> {
        call::<T, _>(ctx, |ctx| T::check_workers_ready(ctx, &Imports))
    }

    fn sync_metadata(ctx: types::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::sync_metadata(ctx, &Imports))
    }

    fn storage_stats(ctx: types::Context) -> Answer<types::StorageStats> {
        let stats = call::<T, _>(ctx, |ctx| T::storage_stats(ctx, &Imports))?;
        Ok(types::StorageStats {
            used: stats.used,
            free: stats.free,
            total: stats.total,
            total_files: stats.total_files,
        })
    }

    fn cache_states(ctx: types::Context) -> Answer<Vec<(String, String)>> {
        call::<T, _>(ctx, |ctx| T::cache_states(ctx, &Imports))
    }

    fn check_runtime_healthy(ctx: types::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::check_runtime_healthy(ctx, &Imports))
    }

    fn should_update_ufs(ctx: types::Context) -> Answer<types::UfsChange> {
        let change = call::<T, _>(ctx, |ctx| T::should_update_ufs(ctx, &Imports))?;
        Ok(types::UfsChange {
            added: change.added,
            removed: change.removed,
        })
    }

    fn update_ufs(ctx: types::Context, change: types::UfsChange) -> Answer<types::UfsUpdate> {
        let change = crate::UfsChange {
            added: change.added,
            removed: change.removed,
        };
        call::<T, _>(ctx, |ctx| {
            let update = T::update_ufs(ctx, &Imports, &change)?;
            Ok(types::UfsUpdate {
                ready: update.ready,
                values: update.values.as_ref().map(json).transpose()?,
            })
        })
    }

    fn sync_replicas(ctx: types::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::sync_replicas(ctx, &Imports))
    }

    fn sync_runtime(ctx: types::Context) -> Answer<Option<String>> {
        call::<T, _>(ctx, |ctx| {
            T::sync_runtime(ctx, &Imports)?.as_ref().map(json).transpose()
        })
    }

    fn shutdown(ctx: types::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::shutdown(ctx, &Imports))
    }
}

impl<T: Operate + 'static> operations::exports::wasser::runtime::operations::Guest for Exported<T> {
    fn data_operation(ctx: types::Context, kind: String, operation: String) -> Answer<String> {
        call::<T, _>(ctx, |ctx| {
            let operation = DataOperation::parse(&kind, &operation)?;
            json(&T::data_operation(ctx, &Imports, &operation)?)
        })
    }
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NotSupported => types::Error::NotSupported,
            Error::InvalidSpec { field, message } => types::Error::InvalidSpec(types::InvalidField { field, message }),
            Error::RetryAfter { seconds, message } => types::Error::RetryAfter(types::Delay { seconds, message }),
            Error::Failed(message) => types::Error::Failed(message),
            Error::Other { code, message } => types::Error::Other((code, message)),
        }
    }
}

impl From<crate::Description> for types::Description {
    fn from(d: crate::Description) -> Self {
        types::Description {
            kind: d.kind,
            plural: d.plural,
            engine: d.engine,
            implementation: d.implementation,
            roles: d.roles.into_iter().map(Into::into).collect(),
            fuse: types::Fuse {
                mount_type: d.fuse.mount_type,
                directory: d.fuse.directory,
            },
            wants: d
                .wants
                .into_iter()
                .map(|w| types::Want {
                    capability: w.capability,
                    scope: w.scope,
                })
                .collect(),
        }
    }
}

impl From<crate::Role> for types::Role {
    fn from(r: crate::Role) -> Self {
        types::Role {
            name: r.name,
            workload: r.workload,
            suffix: r.suffix,
            container: r.container,
            needed_for_bound: r.needed_for_bound,
            starts_at_zero: r.starts_at_zero,
            replicas: r.replicas,
            default_replicas: r.default_replicas,
        }
    }
}

/// The imports of the component.
struct Imports;

fn millis(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)
}

impl From<pods::PodError> for PodError {
    fn from(error: pods::PodError) -> Self {
        match error {
            pods::PodError::NotGranted(what) => PodError::NotGranted(what),
            pods::PodError::NotFound(what) => PodError::NotFound(what),
            pods::PodError::Timeout => PodError::Timeout,
            pods::PodError::Failed(why) => PodError::Failed(why),
        }
    }
}

impl Host for Imports {
    fn pods(&self, role: &str) -> Result<Vec<Pod>, PodError> {
        let pods = pods::list(role)?;
        let convert = |p: pods::Pod| Pod {
            name: p.name,
            role: p.role,
            node: p.node,
            ip: p.ip,
            ready: p.ready,
            started_at: p.started_at,
        };
        Ok(pods.into_iter().map(convert).collect())
    }

    fn exec(&self, pod: &str, container: &str, argv: &[&str], timeout: Duration) -> Result<Output, PodError> {
        let argv: Vec<String> = argv.iter().map(|a| a.to_string()).collect();
        let output = pods::exec(pod, container, &argv, millis(timeout))?;
        Ok(Output {
            code: output.code,
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }

    fn http_get(&self, pod: &str, port: u16, path: &str, timeout: Duration) -> Result<Response, PodError> {
        let response = http::get(pod, port, path, millis(timeout))?;
        Ok(Response {
            status: response.status,
            body: response.body,
        })
    }

    fn secret(&self, name: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        secrets::get(name, key).map_err(Error::Failed)
    }

    fn object(&self, kind: &str, name: &str) -> Result<Option<Value>, Error> {
        let text = objects::get(kind, name).map_err(Error::Failed)?;
        let parse = |text: String| {
            serde_json::from_str(&text).map_err(|e| Error::failed(format!("cannot read {kind} {name}: {e}")))
        };
        text.map(parse).transpose()
    }

    fn allocate_ports(&self, names: &[&str]) -> Result<Vec<u16>, Error> {
        let names: Vec<String> = names.iter().map(|n| n.to_string()).collect();
        ports::allocate(&names).map_err(Error::Failed)
    }

    fn state(&self, key: &str) -> Option<Vec<u8>> {
        state::get(key)
    }

    fn set_state(&self, key: &str, value: Option<&[u8]>) -> Result<(), Error> {
        state::set(key, value).map_err(Error::Failed)
    }

    fn now_ms(&self) -> u64 {
        clock::now_ms()
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::log(level, message);
    }

    fn event(&self, kind: &str, reason: &str, message: &str) -> Result<(), Error> {
        events::publish(kind, reason, message).map_err(Error::Failed)
    }
}
