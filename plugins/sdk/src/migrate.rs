//! What other versions of a plugin have installed.

use serde_json::Value;

use crate::{Implement, Result};

/// A runtime that translates what others have installed. [`export!`](crate::export) makes a component
/// of it as `export!(Example, migration)`.
pub trait Migrate: Implement {
    /// Returns the values that this version counts as installed where `from` has installed these.
    /// They are what [`Context::installed`](crate::Context::installed) shows, and the release is
    /// upgraded only if `desired` returns others. So a plugin that gives a value another name, or
    /// that another chart has installed, takes over what runs without a restart. It must be pure,
    /// and leaves alone what it does not know. With [`Error::NotSupported`](crate::Error::NotSupported) all of it is left.
    fn migrate(installed: Value, from: &Origin) -> Result<Value>;
}

/// Who has given the values of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A plugin.
    Plugin {
        /// Its name in `describe`.
        name: String,
        /// Its version in `describe`.
        version: String,
    },
    /// Fluid, with the version of its chart.
    Fluid(String),
    /// Somebody else, or nobody knows; what is known, for people.
    Other(String),
}
