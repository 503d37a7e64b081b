//! Which plugin serves which kind.
//!
//! # One change after the other
//! The registrar handles one change at a time and decides about all registrations each time, so the
//! result does not depend on the order in which changes arrive (`registrar.rs`, `standings.rs`, `settle.rs`).
//! A plugin is loaded beside that, for it may take minutes to compile (`loading.rs`).
//!
//! # Readers never wait
//! The registry is replaced as a whole. A call that is in progress keeps the plugin that it began
//! with.
//!
//! # A bad change takes nothing away
//! A registration that is broken, or that loses what it claims, keeps serving with its last good
//! plugin, as long as the CRD of that one exists.
//!
//! # A kind is served only with its CRD
//! The CRD must exist, belong to the kind, and have what the host needs (`definitions.rs`).
//!
//! # Every registration gets a verdict
//! The administrator reads on the ConfigMap itself what became of it and what helps (`verdict.rs`).

pub mod definition;
pub mod definitions;
mod last_good;
pub mod loading;
pub mod registrar;
pub mod settle;
pub mod standings;
pub mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::plugin::Plugin;

/// The plugins by kind. Reading never waits, and a call in progress keeps the plugin that it began
/// with.
#[derive(Debug, Default)]
pub struct Registry {
    by_kind: ArcSwap<BTreeMap<String, Arc<Plugin>>>,
}

impl Registry {
    /// Returns a registry without plugins.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the plugin that serves a kind.
    pub fn get(&self, kind: &str) -> Option<Arc<Plugin>> {
        self.by_kind.load().get(kind).cloned()
    }

    /// Replaces the plugins, by kind. Returns the kinds that a different plugin serves from now on,
    /// and the kinds that no plugin serves any more.
    pub fn fill(&self, plugins: BTreeMap<String, Arc<Plugin>>) -> (Vec<String>, Vec<String>) {
        let before = self.by_kind.swap(Arc::new(plugins.clone()));
        let is_other = |(kind, plugin): &(&String, &Arc<Plugin>)| {
            let before = before.get(*kind);
            before.is_none_or(|before| !Arc::ptr_eq(before, plugin))
        };
        let changed = plugins.iter().filter(is_other).map(|(kind, _)| kind.clone()).collect();
        let removed = before
            .keys()
            .filter(|kind| !plugins.contains_key(*kind))
            .cloned()
            .collect();
        (changed, removed)
    }

    /// Returns all plugins, ordered by kind.
    pub fn all(&self) -> Vec<Arc<Plugin>> {
        self.by_kind.load().values().cloned().collect()
    }
}
