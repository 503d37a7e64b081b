//! Faults, lags and controllers that a test sets off.

use super::ApiServer;
use crate::faults::{Armed, Effect, Fault};
use crate::lags::Hold;
use crate::state::State;
use crate::watch::Cut;

impl ApiServer {
    /// Puts a fault in force.
    pub fn arm(&self, fault: Fault, effect: Effect) -> Armed {
        self.with(|state| state.faults.add(fault, effect))
    }

    /// Holds back the watches of a resource (`pods`): they show nothing new until
    /// [`release`](Self::release).
    pub fn hold(&self, resource: &str) {
        self.with(|state| state.lags.of_mut(resource).hold = Some(Hold::Until(state.store.version())));
    }

    /// Delays the watches of a resource by this number of events.
    pub fn hold_behind(&self, resource: &str, events: usize) {
        self.with(|state| state.lags.of_mut(resource).hold = Some(Hold::Behind(events)));
    }

    /// Ends the delay of the watches of a resource.
    pub fn release(&self, resource: &str) {
        self.with(|state| state.lags.of_mut(resource).hold = None);
    }

    /// Makes the watches of a resource show every event twice, or once again.
    pub fn repeat(&self, resource: &str, repeat: bool) {
        self.with(|state| state.lags.of_mut(resource).repeat = repeat);
    }

    /// Sets by how many seconds the clock of the server is ahead of that of its clients.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.with(|state| state.clock = jiff::SignedDuration::from_secs(seconds));
    }

    /// Ends the open watches of a resource.
    pub fn cut(&self, resource: &str, cut: Cut) {
        self.with(|state| state.cut(Some(resource), cut));
    }

    /// Ends all open watches.
    pub fn cut_all(&self, cut: Cut) {
        self.with(|state| state.cut(None, cut));
    }

    /// Forgets the history: a watch or a list that continues from an earlier version is answered
    /// with 410.
    pub fn forget_history(&self) {
        self.with(State::forget);
    }

    /// Sends a bookmark to every watch that asked for bookmarks.
    pub fn bookmark(&self) {
        self.with(|state| state.bookmark());
    }

    /// Ends all delays and repetitions.
    pub fn release_all(&self) {
        self.with(|state| state.lags.clear());
    }

    /// Runs the garbage collector until it has nothing left to do. Returns whether that changed an
    /// object.
    pub fn collect(&self) -> bool {
        self.with(|state| state.collect())
    }

    /// Removes the protecting finalizers of claims and volumes that are being deleted. Returns
    /// whether that changed an object.
    pub fn release_protection(&self) -> bool {
        self.with(State::release_protection)
    }

    /// Empties and removes namespaces that are being deleted. Returns whether that changed an
    /// object.
    pub fn finish_namespaces(&self) -> bool {
        self.with(|state| state.finish_namespaces())
    }
}
