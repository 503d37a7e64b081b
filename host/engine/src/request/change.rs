//! What a reconcile has done, for the events that it ends with.

/// Something that was done, for users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The reason of its event.
    pub reason: &'static str,
    /// What was done.
    pub message: String,
    /// Whether the runtime has the event as well as the Dataset.
    pub on_runtime: bool,
}
