//! What is in the way of a release.

use super::reference::Reference;

/// What is in the way of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The object.
    pub reference: Reference,
    /// Whether it is in the way only as long as it is not the runtime's.
    pub until_owned: bool,
}
