//! The options of JuiceFS 1.3.1, as its commands list them with `--help`.

/// Options of `juicefs format` that belong to the file system.
pub const FORMAT: &[&str] = &[
    "access-key",
    "block-size",
    "bucket",
    "capacity",
    "compress",
    "enable-acl",
    "encrypt-algo",
    "encrypt-rsa-key",
    "hash-prefix",
    "inodes",
    "ranger-rest-url",
    "ranger-service",
    "secret-key",
    "session-token",
    "shards",
    "storage",
    "storage-class",
    "trash-days",
];

/// Options of `juicefs format` that belong to one run of it. A Dataset has no place for them,
/// `spec.configs` has.
pub const FORMAT_CONTROL: &[&str] = &[
    "force",
    "log-id",
    "log-level",
    "no-agent",
    "no-color",
    "no-update",
    "pyroscope",
    "quiet",
    "trace",
    "verbose",
];

/// Options of `juicefs format` that need no value.
pub const FORMAT_FLAGS: &[&str] = &[
    "enable-acl",
    "force",
    "hash-prefix",
    "no-agent",
    "no-color",
    "no-update",
    "quiet",
    "trace",
    "verbose",
];

/// Options of `juicefs mount`, with the names that its mount helper accepts as well.
pub const MOUNT: &[&str] = &[
    "all-squash",
    "atime-mode",
    "attr-cache",
    "attrcacheto",
    "background",
    "backup-meta",
    "backup-skip-trash",
    "bucket",
    "buffer-size",
    "cache-dir",
    "cache-eviction",
    "cache-expire",
    "cache-items",
    "cache-large-write",
    "cache-mode",
    "cache-partial-only",
    "cache-scan-interval",
    "cache-size",
    "check-storage",
    "consul",
    "custom-labels",
    "debug",
    "dir-entry-cache",
    "direntrycacheto",
    "disable-transparent-hugepage",
    "download-limit",
    "enable-cap",
    "enable-ioctl",
    "enable-selinux",
    "enable-xattr",
    "entry-cache",
    "entrycacheto",
    "fast-statfs",
    "force",
    "foreground",
    "free-space-ratio",
    "get-timeout",
    "heartbeat",
    "io-retries",
    "log",
    "log-id",
    "log-level",
    "max-deletes",
    "max-fuse-io",
    "max-readahead",
    "max-stage-write",
    "max-uploads",
    "metrics",
    "negative-entry-cache",
    "no-agent",
    "no-bgjob",
    "no-color",
    "no-syslog",
    "no-usage-report",
    "non-default-permission",
    "open-cache",
    "open-cache-limit",
    "prefetch",
    "prefix-internal",
    "put-timeout",
    "pyroscope",
    "quiet",
    "read-only",
    "readdir-cache",
    "root-squash",
    "skip-dir-mtime",
    "skip-dir-nlink",
    "sort-dir",
    "storage",
    "storage-class",
    "subdir",
    "trace",
    "umask",
    "update-fstab",
    "upload-delay",
    "upload-hours",
    "upload-limit",
    "verbose",
    "verify-cache-checksum",
    "writeback",
];

/// Options of `juicefs mount` that need no value. The mount helper fails where another one has
/// none.
pub const MOUNT_FLAGS: &[&str] = &[
    "background",
    "backup-skip-trash",
    "cache-large-write",
    "cache-partial-only",
    "check-storage",
    "debug",
    "disable-transparent-hugepage",
    "enable-cap",
    "enable-ioctl",
    "enable-selinux",
    "enable-xattr",
    "fast-statfs",
    "force",
    "foreground",
    "no-agent",
    "no-bgjob",
    "no-color",
    "no-syslog",
    "no-usage-report",
    "non-default-permission",
    "prefix-internal",
    "quiet",
    "read-only",
    "readdir-cache",
    "sort-dir",
    "trace",
    "update-fstab",
    "verbose",
    "writeback",
];

/// Options that the mount helper or FUSE takes (mount.fuse(8), mount(8)).
pub const SYSTEM: &[&str] = &[
    "_netdev",
    "allow_other",
    "allow_root",
    "async",
    "async_dio",
    "atime",
    "blksize",
    "context",
    "default_permissions",
    "defaults",
    "dev",
    "dirsync",
    "exec",
    "fsname",
    "max_read",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "nonempty",
    "nosuid",
    "relatime",
    "remount",
    "ro",
    "rw",
    "suid",
    "sync",
    "writeback_cache",
];

/// What to say of an option that JuiceFS does not have. `setting` is where newer ones are
/// announced.
pub fn refusal(name: &str, setting: &str) -> String {
    let closest = [FORMAT, MOUNT, SYSTEM]
        .concat()
        .into_iter()
        .map(|known| (distance(name, known), known))
        .min();
    let hint = closest
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, known)| format!("did you mean `{known}`? "))
        .unwrap_or_default();
    format!(
        "JuiceFS 1.3 has no option `{name}`; {hint}If your image has it, add it to the plugin's setting \
         `{setting}`"
    )
}

/// Returns the number of letters to change, add or remove (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let best = (diagonal + usize::from(x != y)).min(*cell + 1).min(left + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_sorted_so_that_they_can_be_kept() {
        for list in [FORMAT, FORMAT_CONTROL, FORMAT_FLAGS, MOUNT, MOUNT_FLAGS, SYSTEM] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }

    #[test]
    fn flags_are_options() {
        assert!(MOUNT_FLAGS.iter().all(|name| MOUNT.contains(name)));
        assert!(
            FORMAT_FLAGS
                .iter()
                .all(|name| FORMAT.contains(name) || FORMAT_CONTROL.contains(name))
        );
    }

    #[test]
    fn the_distance_counts_letters() {
        for (a, b, expected) in [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("cache", "cache", 0),
            ("chace", "cache", 2),
            ("cach", "cache", 1),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
