//! The Rust side of `wit/`, generated at compile time.
//!
//! All worlds share these types. Every plugin must export [`implement`]; [`operations`] and
//! [`migration`] are optional and are looked up.
#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "wasser:runtime/runtime-with-all",
    imports: { default: async | trappable },
    exports: { default: async },
    additional_derives: [PartialEq, serde::Serialize],
});

pub use exports::wasser::runtime::{implement, migration, operations};
pub use wasser::context::context;
pub use wasser::events::events;
pub use wasser::exec::exec;
pub use wasser::http::http;
pub use wasser::jobs::jobs;
pub use wasser::log::log;
pub use wasser::objects::objects;
pub use wasser::pods::pods;
pub use wasser::ports::ports;
pub use wasser::secrets::secrets;
pub use wasser::state::state;

/// The types of `wasser:types`, `wasser:context` and `wasser:runtime` together.
pub mod types {
    pub use super::wasser::context::context::RoleStatus;
    pub use super::wasser::runtime::types::{
        CacheState, ChangedMount, Description, Fuse, Measure, Mount, Role, StorageStats, UfsChange,
    };
    pub use super::wasser::types::types::{Delay, Error, HostError, InvalidField, Json, Want};
}
