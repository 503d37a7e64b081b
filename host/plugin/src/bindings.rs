//! The Rust side of `wit/`, generated at compile time.
//!
//! Both worlds share these types. Every plugin must export [`implement`]; [`operations`] is
//! optional and is looked up.
#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "wasser:runtime/runtime-with-operations",
    imports: { default: async | trappable },
    exports: { default: async },
    additional_derives: [PartialEq, serde::Serialize],
});

pub use exports::wasser::runtime::{implement, operations};
pub use wasser::runtime::{clock, events, http, log, objects, pods, ports, secrets, state, types};
