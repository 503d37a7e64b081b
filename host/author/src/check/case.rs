//! A context that a plugin is asked with.

use crate::manifest::Pair;

/// A context, and what is odd about it.
pub struct Case {
    /// What is odd.
    pub name: String,
    /// The objects, and what else the plugin finds.
    pub pair: Pair,
    /// The name of the file that keeps it if something is found, which no other case has.
    pub file: String,
}
