//! Which plugin serves which kind, now.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::plugin::Plugin;

/// The plugins by kind. Reading never waits; a call that is under way keeps the plugin that it began with.
#[derive(Debug, Default)]
pub struct Registry {
    by_kind: ArcSwap<BTreeMap<String, Arc<Plugin>>>,
}

impl Registry {
    /// A registry without plugins.
    pub fn new() -> Self {
        Self::default()
    }

    /// The plugin that serves a kind.
    pub fn get(&self, kind: &str) -> Option<Arc<Plugin>> {
        self.by_kind.load().get(kind).cloned()
    }

    /// Lets a plugin serve a kind from now on. Returns the one that it replaces.
    pub fn replace(&self, kind: &str, plugin: Arc<Plugin>) -> Option<Arc<Plugin>> {
        let before = self.by_kind.rcu(|plugins| {
            let mut plugins = BTreeMap::clone(plugins);
            plugins.insert(kind.to_owned(), plugin.clone());
            plugins
        });
        before.get(kind).cloned()
    }

    /// Takes the plugin of a kind out of service.
    pub fn remove(&self, kind: &str) -> Option<Arc<Plugin>> {
        let before = self.by_kind.rcu(|plugins| {
            let mut plugins = BTreeMap::clone(plugins);
            plugins.remove(kind);
            plugins
        });
        before.get(kind).cloned()
    }

    /// All plugins, by kind.
    pub fn all(&self) -> Vec<Arc<Plugin>> {
        self.by_kind.load().values().cloned().collect()
    }
}
