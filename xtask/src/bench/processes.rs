//! The processes of pods, found among those of this machine.

use std::fs;
use std::path::PathBuf;

/// Those whose command line contains all of this, its words separated by spaces.
pub fn running(parts: &[&str]) -> Vec<u32> {
    let ids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        !line.is_empty() && parts.iter().all(|part| line.contains(part))
    })
    .collect()
}

/// Those of them that belong to the pod with this UID, by their control groups.
pub fn of_pod(ids: &[u32], uid: &str) -> Vec<u32> {
    // The systemd driver writes a UID with underscores.
    let names = [uid.to_owned(), uid.replace('-', "_")];
    let belongs = |id: &u32| {
        let groups = fs::read_to_string(format!("/proc/{id}/cgroup")).unwrap_or_default();
        names.iter().any(|name| groups.contains(name))
    };
    ids.iter().copied().filter(belongs).collect()
}

/// A path as a process sees it.
pub fn path(id: u32, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{id}/root{path}"))
}

/// Where something is mounted for a process, once for each mount.
pub fn mount_points(id: u32) -> Vec<String> {
    let table = fs::read_to_string(format!("/proc/{id}/mountinfo")).unwrap_or_default();
    let point = |line: &str| line.split(' ').nth(4).map(str::to_owned);
    table.lines().filter_map(point).collect()
}
