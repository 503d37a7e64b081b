//! Write a Wasser runtime plugin: describe it, compute its values, and leave the rest to the host.
//!
//! A runtime is a type that implements [`Implement`]. Two methods are required:
//! [`Implement::describe`] says what the cache system consists of, [`Implement::desired`]
//! returns the values of its chart. Everything else has a default, which leaves the matter to the
//! host. [`export!`] makes the crate a component. `examples/minimal.rs` is a whole runtime.
//!
//! Methods get a [`Context`] with everything that the host knows, and a [`Host`] for what needs a
//! conversation: commands in pods, HTTP, ports. In a component that is the sandbox's only door; in
//! a native test it is [`testing::FakeHost`]. A host function that no method uses is not imported,
//! so what a component can reach shows in its imports. `log` always is: a panic logs its message,
//! file and line, which the host quotes when it reports the fault.
//!
//! The words and types are those of the WIT packages in `wit/`, which is where their meaning is
//! fixed.

mod attempts;
mod command;
mod context;
mod dataset;
mod description;
mod error;
mod failures;
pub mod fields;
mod host;
mod host_error;
mod implement;
mod migrate;
mod mounted;
mod operate;
pub mod spec;
pub mod text;
pub mod time;
mod ufs;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use attempts::Attempts;
pub use command::{Captured, Command, Ending, Output, Said};
pub use context::{Context, Metadata, Object, RawContext, RoleStatus};
pub use dataset::{DataRestoreLocation, DatasetSpec, EncryptOption, Mount, Owner, SecretKeySelector, ValueSource};
pub use description::{API_VERSION, Description, Fuse, Method, Role, Want};
pub use error::{Error, Result};
pub use failures::Failures;
pub use host::{Entry, Host, Level, Pod, Request, Response, Severity};
pub use host_error::HostError;
pub use implement::{Implement, Measure, StorageStats};
pub use migrate::{Migrate, Origin};
pub use operate::{DataOperation, DatasetMount, Operate, Plan, SCRIPTS, literal};
pub use ufs::UfsChange;

/// Makes the crate a component whose runtime is `$runtime`, a type that implements [`Implement`].
/// With `operations` after it, the runtime has data operations and implements [`Operate`] as well;
/// with `migration`, it translates what other versions have installed, and implements [`Migrate`].
///
/// The crate must have `crate-type = ["cdylib"]`. On targets other than WebAssembly the macro is
/// empty, so that the crate can be tested natively.
#[macro_export]
macro_rules! export {
    ($runtime:ty) => {
        #[cfg(target_arch = "wasm32")]
        mod __wasser_export {
            #[allow(unused_imports)]
            use super::*;
            type Exported = $crate::guest::Exported<$runtime>;
            $crate::guest::bindings::export_runtime!(Exported with_types_in $crate::guest::bindings);
        }
    };
    ($runtime:ty, $($more:ident),+) => {
        $crate::export!($runtime);
        $($crate::export!(@$more $runtime);)+
    };
    (@operations $runtime:ty) => {
        #[cfg(target_arch = "wasm32")]
        mod __wasser_export_operations {
            #[allow(unused_imports)]
            use super::*;
            type Exported = $crate::guest::Exported<$runtime>;
            $crate::guest::operations::export_operations!(Exported with_types_in $crate::guest::operations);
        }
    };
    (@migration $runtime:ty) => {
        #[cfg(target_arch = "wasm32")]
        mod __wasser_export_migration {
            #[allow(unused_imports)]
            use super::*;
            type Exported = $crate::guest::Exported<$runtime>;
            $crate::guest::migration::export_migration!(Exported with_types_in $crate::guest::migration);
        }
    };
}
