//! What is loaded and copied.

/// How much is loaded and copied, and how often.
#[derive(Debug, Clone, Copy)]
pub struct Files {
    /// Files.
    pub files: u32,
    /// Their size in sum.
    pub mebibytes: u32,
    /// How often each is loaded and copied, by the operation and by hand.
    pub rounds: u32,
}
