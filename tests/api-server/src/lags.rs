//! Misbehaviour of watches on demand: lags and repetitions.

use std::collections::BTreeMap;

/// The part of the history that a watch withholds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Everything after this version.
    Until(u64),
    /// The newest events, this number of them.
    Behind(usize),
}

/// The misbehaviour of the watches of a resource.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lag {
    pub hold: Option<Hold>,
    pub repeat: bool,
}

/// The misbehaviour of all watches, by resource.
#[derive(Debug, Default)]
pub(crate) struct Lags(BTreeMap<String, Lag>);

impl Lags {
    /// Returns the misbehaviour of the watches of a resource.
    pub fn of(&self, resource: &str) -> Lag {
        self.0.get(resource).copied().unwrap_or_default()
    }

    /// Returns the misbehaviour of the watches of a resource, to change it.
    pub fn of_mut(&mut self, resource: &str) -> &mut Lag {
        self.0.entry(resource.to_owned()).or_default()
    }

    /// Ends all misbehaviour.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
