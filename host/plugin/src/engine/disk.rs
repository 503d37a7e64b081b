//! Keeps directories small.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Removes the oldest files of a directory until at most this many are left, with at most this many
/// bytes; the newest stays. Only files that are `meant` count. A failure only costs disk space.
pub fn prune(directory: &Path, files: usize, bytes: u64, meant: impl Fn(&Path) -> bool) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut found: Vec<(SystemTime, PathBuf, u64)> = entries
        .filter_map(|entry| {
            let (data, path) = (entry.metadata().ok()?, entry.path());
            meant(&path).then_some((data.modified().ok()?, path, data.len()))
        })
        .collect();
    found.sort();
    let mut sum: u64 = 0;
    for (number, (_, path, size)) in found.into_iter().rev().enumerate() {
        sum = sum.saturating_add(size);
        let is_surplus = number >= files || sum > bytes;
        if number > 0
            && is_surplus
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::debug!(path = %path.display(), %error, "an old file was not removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_files_go_until_the_rest_has_room() {
        let directory = tempfile::tempdir().unwrap();
        for (age, name) in ["newest", "middle", "oldest", "other"].iter().enumerate() {
            let path = directory.path().join(name);
            fs::write(&path, [0; 10]).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(100 - age as u64);
            File::open(&path).unwrap().set_modified(at).unwrap();
        }
        let pruned = |files, bytes| {
            prune(directory.path(), files, bytes, |path| !path.ends_with("other"));
            let entries = fs::read_dir(directory.path()).unwrap();
            let mut left: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            left.sort();
            left
        };
        assert_eq!(pruned(9, 30).len(), 4);
        assert_eq!(pruned(9, 29), ["middle", "newest", "other"]);
        assert_eq!(pruned(1, 30), ["newest", "other"]);
        assert_eq!(pruned(9, 5), ["newest", "other"]);
    }
}
