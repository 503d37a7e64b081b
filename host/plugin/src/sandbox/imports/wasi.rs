//! WASI, with nothing behind it: no files, no sockets, no environment.
//!
//! Toolchains other than Rust's may import `wasi:*` although the program never uses it. Such a component links; a function of WASI that
//! it calls ends the call and names itself.

use wasmtime::component::{Component, Linker};

use crate::sandbox::store::StoreData;

/// Adds everything that the component imports and the linker lacks. The check has made sure that all of that is WASI.
pub fn deny(linker: &mut Linker<StoreData>, component: &Component) -> wasmtime::Result<()> {
    linker.define_unknown_imports_as_traps(component)
}
