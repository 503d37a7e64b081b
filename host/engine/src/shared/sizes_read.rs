//! What a read of the sizes of a Dataset ended with. It is kept until the next one ends.

use std::collections::BTreeMap;
use std::time::Duration;

use wasser_plugin::bindings::types::StorageStats;

use crate::error::EngineError;
use crate::shared::tasks::TaskResult;

/// The end of a read, and how things were at its start.
#[derive(Debug, Clone, PartialEq)]
pub struct SizesRead {
    /// The sizes, if the plugin has them.
    pub outcome: Result<Option<StorageStats>, Unread>,
    /// When the youngest ready pod had become ready, in seconds since 1970.
    pub ready_since: i64,
    /// The cache states that were shown.
    pub states: BTreeMap<String, String>,
    /// How many reads in a row before this one found nobody who could be asked.
    pub put_off: u32,
}

/// Why sizes were not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    /// Nobody can be asked yet.
    Later(Duration),
    /// Something went wrong.
    Failed(String),
}

impl TaskResult for SizesRead {
    fn broken(message: &str) -> Self {
        Self {
            outcome: Err(Unread::Failed(message.to_owned())),
            ready_since: 0,
            states: BTreeMap::new(),
            put_off: 0,
        }
    }
}

impl Unread {
    /// Returns why nothing was read.
    pub fn of(error: EngineError) -> Self {
        match error {
            EngineError::NotYet { after, .. } => Self::Later(after),
            other => Self::Failed(other.to_string()),
        }
    }
}
