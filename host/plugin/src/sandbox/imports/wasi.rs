//! Links WASI without implementing it: there are no files, no sockets and no environment.
//!
//! Toolchains other than Rust's can import `wasi:*` although the program never uses it. Such a
//! component links. If it calls a function of WASI, the call ends with an error that names the
//! function.

use wasmtime::component::{Component, Linker};

use crate::sandbox::store::StoreData;

/// Adds every import of the component that the linker lacks. The check of the world has made sure
/// that these belong to WASI.
pub fn deny(linker: &mut Linker<StoreData>, component: &Component) -> wasmtime::Result<()> {
    linker.define_unknown_imports_as_traps(component)
}
