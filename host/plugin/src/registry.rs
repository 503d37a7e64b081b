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

    /// Lets exactly these plugins serve from now on, by kind. Returns the kinds that another plugin serves than before, and those that
    /// nobody serves any more.
    pub fn fill(&self, plugins: BTreeMap<String, Arc<Plugin>>) -> (Vec<String>, Vec<String>) {
        let before = self.by_kind.swap(Arc::new(plugins.clone()));
        let is_other = |(kind, plugin): &(&String, &Arc<Plugin>)| before.get(*kind).is_none_or(|before| !Arc::ptr_eq(before, plugin));
        let changed = plugins.iter().filter(is_other).map(|(kind, _)| kind.clone()).collect();
        let removed = before.keys().filter(|kind| !plugins.contains_key(*kind)).cloned().collect();
        (changed, removed)
    }

    /// All plugins, by kind.
    pub fn all(&self) -> Vec<Arc<Plugin>> {
        self.by_kind.load().values().cloned().collect()
    }
}
