//! Ends of watches, and controllers that a test sets off.

use super::ApiServer;
use crate::state::State;
use crate::watch::Cut;

impl ApiServer {
    /// Ends the open watches of a resource.
    pub fn cut(&self, resource: &str, cut: Cut) {
        self.with(|state| state.cut(Some(resource), cut));
    }

    /// Ends all open watches.
    pub fn cut_all(&self, cut: Cut) {
        self.with(|state| state.cut(None, cut));
    }

    /// Forgets the history: a watch or a list that continues from an earlier version is answered with 410.
    pub fn forget_history(&self) {
        self.with(State::forget);
    }

    /// Sends a bookmark to every watch that asked for bookmarks.
    pub fn bookmark(&self) {
        self.with(|state| state.bookmark());
    }

    /// Runs the garbage collector until it has nothing left to do. Returns whether that changed an object.
    pub fn collect(&self) -> bool {
        self.with(|state| state.collect())
    }

    /// Empties and removes namespaces that are being deleted. Returns whether that changed an object.
    pub fn finish_namespaces(&self) -> bool {
        self.with(|state| state.finish_namespaces())
    }
}
