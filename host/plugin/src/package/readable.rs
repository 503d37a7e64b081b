//! The kinds of objects that the host can read for a plugin. Others are those that a runtime names,
//! `Kind@/spec/field`, which are of Wasser's own API group.

/// A kind that the host can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadableKind {
    /// As in a manifest.
    pub kind: &'static str,
    /// Its API group.
    pub group: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// All of them, but PersistentVolumes in the runtime's namespace.
pub const READABLE_KINDS: [ReadableKind; 8] = [
    of("ConfigMap", ""),
    of("DaemonSet", "apps"),
    of("Deployment", "apps"),
    of(PERSISTENT_VOLUME, ""),
    of("PersistentVolumeClaim", ""),
    of("Pod", ""),
    of("Service", ""),
    of("StatefulSet", "apps"),
];

/// The kind of them that has no namespace.
pub const PERSISTENT_VOLUME: &str = "PersistentVolume";

const fn of(kind: &'static str, group: &'static str) -> ReadableKind {
    ReadableKind {
        kind,
        group,
        version: "v1",
    }
}

/// Returns the kind of this name, if the host can read it.
pub fn readable(kind: &str) -> Option<ReadableKind> {
    READABLE_KINDS.into_iter().find(|readable| readable.kind == kind)
}

/// Returns their names, for messages.
pub fn listed() -> String {
    READABLE_KINDS.map(|readable| readable.kind).join(", ")
}
