//! The processes of pods, found among those of this machine.

use std::fs;
use std::path::PathBuf;

/// Returns the processes whose command line contains all of these parts. Its words are separated by
/// spaces.
pub fn running(parts: &[&str]) -> Vec<u32> {
    let all = ids();
    all.filter(|id| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        !line.is_empty() && parts.iter().all(|part| line.contains(part))
    })
    .collect()
}

/// Returns a process whose program has this name, in whichever directory, and whose first argument is
/// this. JuiceFS writes its command line anew, with spaces between the words.
pub fn with_words(program: &str, first: &str) -> Option<u32> {
    let is_it = |line: &[u8]| {
        let mut words = line.split(|byte| matches!(byte, 0 | b' '));
        let name = words.next().and_then(|word| word.rsplit(|byte| *byte == b'/').next());
        name == Some(program.as_bytes()) && words.next() == Some(first.as_bytes())
    };
    let mut all = ids();
    all.find(|id| fs::read(format!("/proc/{id}/cmdline")).is_ok_and(|line| is_it(&line)))
}

/// The processes of this machine.
fn ids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns those of these processes whose control groups are of the pod with this UID.
pub fn of_pod(ids: &[u32], uid: &str) -> Vec<u32> {
    // The systemd driver writes a UID with underscores.
    let names = [uid.to_owned(), uid.replace('-', "_")];
    let belongs = |id: &u32| {
        let groups = fs::read_to_string(format!("/proc/{id}/cgroup")).unwrap_or_default();
        names.iter().any(|name| groups.contains(name))
    };
    ids.iter().copied().filter(belongs).collect()
}

/// Returns the path at which this machine sees a path of a process.
pub fn path(id: u32, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{id}/root{path}"))
}

/// Returns the mount points that a process sees, once for each mount.
pub fn mount_points(id: u32) -> Vec<String> {
    let table = fs::read_to_string(format!("/proc/{id}/mountinfo")).unwrap_or_default();
    let point = |line: &str| line.split(' ').nth(4).map(str::to_owned);
    table.lines().filter_map(point).collect()
}
