//! Labels and annotations: the keys, and the maths of the keys that are made from a Dataset's
//! namespace and name.
//!
//! A key made from a Dataset is the prefix and `<namespace>-<name>`; where that would reach 63
//! characters, the prefix and the Dataset's UID. Since a namespace and a name may both contain
//! hyphens, Dataset `c` in `a-b` and Dataset `b-c` in `a` have the same keys. Fluid's node labels,
//! volumes and webhook have this form, so it is kept; where two datasets must be distinguished for
//! certain, compare namespace and name (or the UID), never a label.

mod keys;

pub use keys::*;

/// From this length on, the UID stands in a key or value in place of namespace and name.
const TOO_LONG: usize = 63;

/// The kind of storage whose size a node label tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// Memory.
    Memory,
    /// Disks.
    Disk,
    /// Both together.
    Total,
}

impl Storage {
    fn letter(self) -> char {
        match self {
            Self::Memory => 'm',
            Self::Disk => 'd',
            Self::Total => 't',
        }
    }
}

/// Whether a text says yes or no, in Fluid's ways to write it. `None` if it says neither.
pub fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "" | "false" | "f" | "0" => Some(false),
        "true" | "t" | "1" => Some(true),
        _ => None,
    }
}

/// Value of [`DATASET_ID`], and of `ownerDatasetId` in chart values: `<namespace>-<name>`, or the
/// UID.
///
/// `uid` is only read for long names, but must then be there: once the Dataset is gone, the label
/// on the runtime still has it.
pub fn dataset_id(namespace: &str, name: &str, uid: &str) -> String {
    join("", namespace, '-', name, uid)
}

/// Value of [`EXCLUSIVE`]: `<namespace>_<name>`, or the UID. The underscore makes it unambiguous.
pub fn exclusive_value(namespace: &str, name: &str, uid: &str) -> String {
    join("", namespace, '_', name, uid)
}

/// The label of nodes that hold a Dataset's cache, and of its volume and claim:
/// `fluid.io/s-<namespace>-<name>`.
pub fn common_label(namespace: &str, name: &str, uid: &str) -> String {
    join(COMMON_PREFIX, namespace, '-', name, uid)
}

/// The same with the type of the runtime: `fluid.io/s-juicefs-<namespace>-<name>`.
pub fn runtime_label(engine: &str, namespace: &str, name: &str, uid: &str) -> String {
    join(&format!("{COMMON_PREFIX}{engine}-"), namespace, '-', name, uid)
}

/// The label that tells how much a node may cache of a Dataset:
/// `fluid.io/s-h-juicefs-t-<namespace>-<name>`.
pub fn storage_label(engine: &str, storage: Storage, namespace: &str, name: &str, uid: &str) -> String {
    join(
        &format!("{STORAGE_PREFIX}{engine}-{}-", storage.letter()),
        namespace,
        '-',
        name,
        uid,
    )
}

/// Whether a key is one of [`storage_label`] for [`Storage::Total`]; every Dataset has exactly one
/// on each of its nodes.
///
/// A [`common_label`] of a namespace `h-<word>-t` or of a name `<word>-t-…` in namespace `h` looks
/// the same; its value is `true`, while a size starts with a digit.
pub fn is_total_storage_label(key: &str) -> bool {
    key.strip_prefix(STORAGE_PREFIX)
        .and_then(|rest| rest.split_once('-'))
        .is_some_and(|(engine, rest)| !engine.is_empty() && rest.len() > 2 && rest.starts_with("t-"))
}

/// The label that brings a Dataset's fuse pod to a node: `fluid.io/f-<namespace>-<name>`.
pub fn fuse_label(namespace: &str, name: &str, uid: &str) -> String {
    join(FUSE_PREFIX, namespace, '-', name, uid)
}

/// The label of nodes that hold cache of a Dataset in directories of their own, until its runtime
/// is deleted: `wasser.fluid.io/c-<namespace>-<name>`. Fluid has no such label.
pub fn cache_label(namespace: &str, name: &str, uid: &str) -> String {
    join(CACHE_PREFIX, namespace, '-', name, uid)
}

/// The selector of a runtime's workers, as its status shows it to autoscalers.
pub fn worker_selector(engine: &str, name: &str) -> String {
    format!("app={engine},release={name},role={engine}-worker")
}

// The prefix counts in full, `fluid.io/` included: that leaves room that a key has not to leave,
// but it is where Fluid draws the line.
fn join(prefix: &str, namespace: &str, separator: char, name: &str, uid: &str) -> String {
    let full = format!("{prefix}{namespace}{separator}{name}");
    if full.len() < TOO_LONG {
        full
    } else {
        format!("{prefix}{uid}")
    }
}

#[cfg(test)]
mod tests;
