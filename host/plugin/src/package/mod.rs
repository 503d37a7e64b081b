//! What an administrator registers, read and checked without running any of it.
//!
//! # Nothing here acts
//! Everything is a function of bytes: a ConfigMap, a component, a description. No WebAssembly is
//! compiled and no cluster is asked, so the same package is refused or accepted everywhere, with
//! the same words.
//!
//! # Untrusted input
//! Sizes are checked before contents, and a component is validated as a whole before any part of it
//! is interpreted (`world.rs`). A path never leaves the plugin directory (`source.rs`). A text that
//! comes from a component is shortened before it is shown (`description.rs`).
//!
//! # Both keys
//! A capability holds only if the plugin declares it and the administrator gives it (`grants.rs`).
//! A name that is not known is refused, never ignored: a misspelt grant or limit must not look as
//! if it were in force.

pub mod crd;
pub mod description;
pub mod digest;
pub mod grants;
pub mod interfaces;
pub mod limits;
pub mod rbac;
pub mod readable;
pub mod registration;
pub mod source;
pub mod wit;
pub mod world;
