//! Options: which of them JuiceFS knows, and for what.
//!
//! A Dataset has one list of options for two commands, `juicefs format` and `mount`. Neither takes the other's, so in the
//! community edition each option goes where JuiceFS 1.3 has it. The enterprise edition formats nothing: there all go to `mount`,
//! and names are not checked, since its list is not public.

use std::collections::BTreeMap;

use wasser_sdk::{Error, Result};

use crate::edition::Edition;
use crate::shell;

/// Options of a command by name; the value is empty where the name stands alone.
pub type Options = BTreeMap<String, String>;

/// Options of `juicefs format` (JuiceFS 1.3.1, `juicefs format --help`).
const FORMAT: &[&str] = &[
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

/// Options of `juicefs mount` (1.3.1), with the names that its mount helper accepts as well.
const MOUNT: &[&str] = &[
    "all-squash",
    "atime-mode",
    "attr-cache",
    "attrcacheto",
    "backup-meta",
    "backup-skip-trash",
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
    "storage-class",
    "subdir",
    "trace",
    "umask",
    "upload-delay",
    "upload-hours",
    "upload-limit",
    "verbose",
    "verify-cache-checksum",
    "writeback",
];

/// Options that the mount helper or FUSE takes (mount.fuse(8), mount(8)).
const SYSTEM: &[&str] = &[
    "_netdev",
    "allow_other",
    "allow_root",
    "async",
    "async_dio",
    "atime",
    "blksize",
    "context",
    "debug",
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

/// The setting of the registration with names of further options, separated by commas: for images that are newer than this list.
pub const EXTRA_OPTIONS: &str = "extra-options";

/// Options that the Dataset's mount has for other purposes: they never reach `mount`.
const NOT_FOR_MOUNT: &[&str] = &["bucket", "bucket2", "quota", "storage"];

/// Whether `juicefs format` takes the option.
pub fn is_format_option(name: &str) -> bool {
    FORMAT.contains(&name)
}

/// The part of the Dataset's options that goes to `mount`.
pub fn for_mount(edition: Edition, options: &Options) -> Options {
    let keep = |name: &str| match edition {
        _ if NOT_FOR_MOUNT.contains(&name) => false,
        Edition::Community => !is_format_option(name) || MOUNT.contains(&name),
        Edition::Enterprise => true,
    };
    options
        .iter()
        .filter(|(name, _)| keep(name))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// Refuses options that the mount would fail with, or that would not arrive as they were written. `extra` are names that the
/// installation adds to the known ones.
pub fn check(field: &str, edition: Edition, options: &Options, extra: Option<&String>) -> Result<()> {
    let extra: Vec<&str> = extra.map(|names| names.split(',').map(str::trim).collect()).unwrap_or_default();
    for (name, value) in options {
        let field = format!("{field}.{name}");
        shell::check_option_name(&field, name)?;
        shell::check_text(&field, value)?;
        if value.contains(',') && !NOT_FOR_MOUNT.contains(&name.as_str()) {
            return Err(Error::invalid(
                field,
                "contains a comma, which separates mount options; JuiceFS cannot get this value",
            ));
        }
        let name = name.as_str();
        let known = NOT_FOR_MOUNT.contains(&name) || [FORMAT, MOUNT, SYSTEM].iter().any(|list| list.contains(&name));
        if edition == Edition::Community && !known && !extra.contains(&name) {
            return Err(Error::invalid(field, unknown(name)));
        }
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    let closest = [FORMAT, MOUNT, SYSTEM]
        .concat()
        .into_iter()
        .map(|known| (distance(name, known), known))
        .min();
    let hint = closest
        .filter(|(distance, _)| *distance <= 2)
        .map(|(_, known)| format!("did you mean `{known}`? "))
        .unwrap_or_default();
    format!("JuiceFS 1.3 has no option `{name}`; {hint}If your image has it, add it to the plugin's setting `{EXTRA_OPTIONS}`")
}

/// The number of letters to change, add or remove (Levenshtein).
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

/// The options as the argument of `-o`, sorted.
pub fn join(options: &Options) -> String {
    let one = |(name, value): (&String, &String)| {
        if value.is_empty() {
            name.clone()
        } else {
            format!("{name}={value}")
        }
    };
    options.iter().map(one).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("verbos", "did you mean `verbose`?")]
    #[case("cache_size", "did you mean `cache-size`?")]
    #[case("cachesize", "did you mean `cache-size`?")]
    #[case("teleport", "has no option `teleport`; If your image")]
    fn an_unknown_option_is_refused_with_a_hint(#[case] name: &str, #[case] hint: &str) {
        let options = Options::from([(name.to_string(), String::new())]);
        let refused = check("f", Edition::Community, &options, None).unwrap_err();
        assert!(refused.to_string().contains(hint), "{refused}");
        check("f", Edition::Community, &options, Some(&format!("other, {name}"))).unwrap();
        check("f", Edition::Enterprise, &options, None).unwrap();
    }

    #[test]
    fn lists_are_sorted_so_that_they_can_be_kept() {
        for list in [FORMAT, MOUNT, SYSTEM] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }

    #[test]
    fn each_option_goes_where_juicefs_has_it() {
        let all = Options::from(["trash-days", "storage-class", "cache-size", "bucket", "quota"].map(|k| (k.to_string(), "1".to_string())));
        assert_eq!(join(&for_mount(Edition::Community, &all)), "cache-size=1,storage-class=1");
        assert_eq!(
            join(&for_mount(Edition::Enterprise, &all)),
            "cache-size=1,storage-class=1,trash-days=1"
        );
    }
}
