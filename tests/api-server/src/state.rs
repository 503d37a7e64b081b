//! The state of a server, behind one lock: a request is carried out as a whole or not at all.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::faults::Table;
use crate::kinds::Kinds;
use crate::lags::Lags;
use crate::read::Pages;
use crate::record::Record;
use crate::scripts::Scripts;
use crate::store::Store;
use crate::watch::Watching;

/// The state of a server.
#[derive(Default)]
pub(crate) struct State {
    pub kinds: Kinds,
    pub store: Store,
    /// Whether the write that is carried out shall change nothing.
    pub is_dry: bool,
    pub random: Random,
    /// By how much the clock of the server is ahead of that of the clients.
    pub clock: jiff::SignedDuration,
    pub pages: Pages,
    pub faults: Table,
    pub lags: Lags,
    pub scripts: Scripts,
    pub record: Vec<Record>,
    /// Watches that are open, by number.
    pub watches: HashMap<u64, Watching>,
    /// Requests that are not answered yet, without those that hang on purpose.
    pub in_flight: usize,
    /// A counter of everything that happens.
    pub activity: u64,
    /// What says whether a client is at work without a request.
    pub at_work: Vec<Arc<dyn Fn() -> bool + Send + Sync>>,
    /// The object of every UID that was ever assigned.
    pub uids: BTreeMap<String, String>,
}

impl State {
    /// Returns the time of the server's clock in the format of objects.
    pub fn now(&self) -> String {
        let now = jiff::Timestamp::now() + self.clock;
        now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}

/// Returns the text of a field; empty if it is not a text.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the texts of a list.
pub(crate) fn texts(object: &Value, pointer: &str) -> Vec<String> {
    let items = object.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Returns a copy that can be changed.
pub(crate) fn copy(object: &Arc<Value>) -> Value {
    Value::clone(object)
}

/// Numbers that look random and are the same in every run with the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Default for Random {
    fn default() -> Self {
        Self::seeded(1)
    }
}

impl Random {
    /// Starts a sequence.
    pub fn seeded(seed: u64) -> Self {
        Self(seed.wrapping_add(0x9E37_79B9_7F4A_7C15))
    }

    /// Returns the next number, by SplitMix64.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Returns a UID.
    pub fn uid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            low >> 52,
            low & 0xffff_ffff_ffff
        )
    }

    /// Returns the end of a generated name.
    pub fn suffix(&mut self) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        let mut number = self.next();
        let mut letter = || {
            let at = usize::try_from(number % LETTERS.len() as u64).unwrap_or_default();
            number /= LETTERS.len() as u64;
            LETTERS.get(at).map_or('x', |byte| char::from(*byte))
        };
        (0..5).map(|_| letter()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_sequence() {
        let uids = |seed| -> Vec<String> {
            std::iter::repeat_with({
                let mut random = Random::seeded(seed);
                move || random.uid()
            })
            .take(3)
            .collect()
        };
        assert_eq!(uids(7), uids(7));
        assert_ne!(uids(7), uids(8));
        assert_eq!(uids(7)[0].len(), 36);
        assert_eq!(Random::seeded(1).suffix().len(), 5);
    }
}
