//! The component's side: the exports call [`Implement`], the imports are behind [`Host`].

mod convert;
mod imports;

use std::any::Any;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Once;

use serde::Serialize;

use crate::{Context, DataOperation, Error, Implement, Migrate, Operate, Origin};

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
        with: {
            "wasser:types/types@0.1.0": crate::guest::bindings::wasser::types::types,
            "wasser:context/context@0.1.0": crate::guest::bindings::wasser::context::context,
        },
        pub_export_macro: true,
        export_macro_name: "export_operations",
    });
}

/// What wit-bindgen generates for the export `migration`, in the same way.
#[allow(unsafe_code, missing_docs)]
pub mod migration {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "package wasser:sdk@0.1.0; world migrate { export wasser:runtime/migration@0.1.0; }",
        world: "wasser:sdk/migrate@0.1.0",
        with: {
            "wasser:types/types@0.1.0": crate::guest::bindings::wasser::types::types,
        },
        pub_export_macro: true,
        export_macro_name: "export_migration",
    });
}

use bindings::exports::wasser::runtime::implement as exports;
use bindings::wasser::context::context as wit;
use bindings::wasser::log::log;
use convert::context;
use imports::Imports;

/// The types of `wasser:types` and `wasser:runtime` together.
mod types {
    pub use super::bindings::wasser::runtime::types::{
        CacheState, ChangedMount, Description, Fuse, Measure, Mount, Role, StorageStats, UfsChange,
    };
    pub use super::bindings::wasser::types::types::{Delay, Error, HostError, InvalidField, Want};
}

/// The exports of a component whose runtime is `T`.
pub struct Exported<T>(PhantomData<T>);

type Answer<T> = Result<T, types::Error>;

/// Logs the message, file and line of a panic before the trap that ends it: the host quotes them in
/// the fault's message.
fn report_panics() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| std::panic::set_hook(Box::new(|panic| log::log(log::Level::Error, &panic.to_string()))));
}

thread_local! {
    /// The facts that were read last, and their revision. An instance serves one reconcile, in which
    /// they seldom change.
    static KNOWN: RefCell<Option<(u64, Rc<dyn Any>)>> = const { RefCell::new(None) };
}

/// Returns the context, read again only if it has changed since the last call.
fn known<T: Implement + 'static>(ctx: &wit::Context) -> crate::Result<Rc<Context<T::Spec>>> {
    let revision = ctx.revision();
    let known = KNOWN.with_borrow(|known| {
        let (_, facts) = known.as_ref().filter(|(known, _)| *known == revision)?;
        facts.clone().downcast::<Context<T::Spec>>().ok()
    });
    if let Some(known) = known {
        return Ok(known);
    }
    let read = Rc::new(context::<T>(ctx)?);
    KNOWN.set(Some((revision, read.clone())));
    Ok(read)
}

fn call<T: Implement + 'static, R>(
    ctx: &wit::Context,
    method: impl FnOnce(&Context<T::Spec>) -> crate::Result<R>,
) -> Answer<R> {
    report_panics();
    imports::begin();
    let answer = known::<T>(ctx).and_then(|ctx| method(&ctx));
    // One that waits for a result has no answer, whatever it returns.
    imports::go_on().map_err(Error::from)?;
    Ok(answer?)
}

fn json(value: &impl Serialize) -> crate::Result<String> {
    serde_json::to_string(value).map_err(|e| Error::failed(format!("cannot write the values as JSON: {e}")))
}

impl<T: Implement + 'static> exports::Guest for Exported<T> {
    fn describe() -> types::Description {
        report_panics();
        T::describe().into()
    }

    fn validate(ctx: &wit::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::validate(ctx, &Imports))
    }

    fn desired(ctx: &wit::Context) -> Answer<String> {
        call::<T, _>(ctx, |ctx| json(&T::desired(ctx, &Imports)?))
    }

    fn check_ready(ctx: &wit::Context, role: String) -> Answer<bool> {
        call::<T, _>(ctx, |ctx| T::check_ready(ctx, &Imports, &role))
    }

    fn should_check_ufs(ctx: &wit::Context) -> Answer<bool> {
        call::<T, _>(ctx, |ctx| T::should_check_ufs(ctx, &Imports))
    }

    fn prepare_ufs(ctx: &wit::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::prepare_ufs(ctx, &Imports))
    }

    fn setup_workers(ctx: &wit::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::setup_workers(ctx, &Imports))
    }

    fn sync_metadata(ctx: &wit::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::sync_metadata(ctx, &Imports))
    }

    fn storage_stats(ctx: &wit::Context) -> Answer<types::StorageStats> {
        let stats = call::<T, _>(ctx, |ctx| T::storage_stats(ctx, &Imports))?;
        Ok(types::StorageStats {
            used: stats.used,
            free: stats.free,
            total: stats.total,
            total_files: stats.total_files,
        })
    }

    fn cache_states(ctx: &wit::Context) -> Answer<Vec<types::CacheState>> {
        let states = call::<T, _>(ctx, |ctx| T::cache_states(ctx, &Imports))?;
        let states = states.into_iter();
        Ok(states
            .map(|(name, value)| types::CacheState {
                name,
                value: value.into(),
            })
            .collect())
    }

    fn check_runtime_healthy(ctx: &wit::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::check_runtime_healthy(ctx, &Imports))
    }

    fn should_update_ufs(ctx: &wit::Context) -> Answer<types::UfsChange> {
        call::<T, _>(ctx, |ctx| T::should_update_ufs(ctx, &Imports)?.try_into())
    }

    fn update_ufs(ctx: &wit::Context, change: types::UfsChange) -> Answer<bool> {
        call::<T, _>(ctx, |ctx| T::update_ufs(ctx, &Imports, &change.try_into()?))
    }

    fn sync_replicas(ctx: &wit::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::sync_replicas(ctx, &Imports))
    }

    fn shutdown(ctx: &wit::Context) -> Answer<()> {
        call::<T, _>(ctx, |ctx| T::shutdown(ctx, &Imports))
    }
}

impl<T: Operate + 'static> operations::exports::wasser::runtime::operations::Guest for Exported<T> {
    fn data_operation(ctx: &wit::Context, kind: String, operation: String) -> Answer<String> {
        call::<T, _>(ctx, |ctx| {
            let operation = DataOperation::parse(&kind, &operation)?;
            json(&T::data_operation(ctx, &Imports, &operation)?)
        })
    }
}

impl<T: Migrate + 'static> migration::exports::wasser::runtime::migration::Guest for Exported<T> {
    fn migrate(installed: String, from: migration::exports::wasser::runtime::migration::Origin) -> Answer<String> {
        use migration::exports::wasser::runtime::migration::Origin as Wit;

        report_panics();
        let from = match from {
            Wit::Plugin((name, version)) => Origin::Plugin { name, version },
            Wit::Fluid(version) => Origin::Fluid(version),
            Wit::Other(what) => Origin::Other(what),
        };
        let parsed = serde_json::from_str(&installed);
        let parsed = parsed.map_err(|e| Error::failed(format!("cannot read the installed values: {e}")));
        let migrated = parsed.and_then(|installed| json(&T::migrate(installed, &from)?));
        Ok(migrated?)
    }
}
