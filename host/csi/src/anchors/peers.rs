//! Which peer groups containers still receive from: what decides how long an anchor is kept.
//!
//! The kernel does not list the receivers of a group, but every process shows the mounts of its namespace, with the group that each receives
//! from. This needs a procfs that shows the node's processes: the pod runs with `hostPID`, or has the node's `/proc` as a volume. Without one,
//! anchors are kept as long as their pod lives: that costs two mounts for each time that the fuse pod died, and nothing else.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::mount::mountinfo::Table;

/// A look at the mounts of all processes of the node.
#[derive(Debug, Clone)]
pub struct PeerGroups {
    proc: PathBuf,
    /// What the paths of anchors contain, in whatever namespace they are seen.
    ignored: String,
}

impl PeerGroups {
    /// Looks through a procfs. `anchors` is the anchors' directory: copies of anchors are no users of them.
    ///
    /// # Errors
    /// The directory is no procfs, or one that shows only this process's own pod: then nobody would seem to use anything.
    pub fn new(proc: &Path, anchors: &Path) -> io::Result<Self> {
        let own = fs::read_link(proc.join("self"))?;
        if own == Path::new("1") {
            let message = format!(
                "{} shows the processes of this container only; use hostPID, or the node's /proc as a volume",
                proc.display()
            );
            return Err(io::Error::other(message));
        }
        // `<kubelet root>/csi-plugins/<driver>/anchors` may be seen under another root, but its end is the same.
        let parts: Vec<_> = anchors.iter().rev().take(3).map(|part| part.to_string_lossy()).collect();
        let ignored = parts.iter().rev().fold(String::new(), |path, part| path + "/" + part);
        Ok(Self {
            proc: proc.to_owned(),
            ignored,
        })
    }

    /// The groups that mounts are in which are no anchors. Processes that end meanwhile are left out.
    ///
    /// # Errors
    /// procfs cannot be read.
    pub fn in_use(&self) -> io::Result<HashSet<u32>> {
        let (mut namespaces, mut groups) = (HashSet::new(), HashSet::new());
        for entry in fs::read_dir(&self.proc)? {
            let process = entry?.path();
            if !process
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit))
            {
                continue;
            }
            // Kernel threads and the processes just ended have no namespace, or no mounts.
            let Ok(namespace) = fs::read_link(process.join("ns/mnt")) else {
                continue;
            };
            if !namespaces.insert(namespace.clone()) {
                continue;
            }
            let Ok(text) = fs::read(process.join("mountinfo")) else {
                // The next process of the namespace may live longer.
                namespaces.remove(&namespace);
                continue;
            };
            let table = Table::parse(&text);
            let users = table
                .iter()
                .filter(|mount| !mount.mount_point.to_string_lossy().contains(&self.ignored));
            groups.extend(users.flat_map(|mount| [mount.shared, mount.master]).flatten());
        }
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn process(proc: &Path, id: &str, namespace: &str, mountinfo: &str) {
        fs::create_dir_all(proc.join(id).join("ns")).unwrap();
        symlink(format!("mnt:[{namespace}]"), proc.join(id).join("ns/mnt")).unwrap();
        fs::write(proc.join(id).join("mountinfo"), mountinfo).unwrap();
    }

    #[test]
    fn groups_of_containers_are_found_and_copies_of_anchors_are_not() {
        let proc = tempfile::tempdir().unwrap();
        symlink("17", proc.path().join("self")).unwrap();
        process(
            proc.path(),
            "1",
            "1",
            "1 0 0:1 / /k/csi-plugins/d/anchors/a/b-0 rw shared:4 - fuse x rw\n",
        );
        process(
            proc.path(),
            "17",
            "2",
            "1 0 0:1 / /host/k/csi-plugins/d/anchors/a/b-0 rw master:5 - fuse x rw\n",
        );
        process(
            proc.path(),
            "18",
            "3",
            "1 0 0:1 / /data rw master:6 - fuse x rw\n2 0 0:2 / /more rw shared:7 master:8 - fuse x rw\n",
        );
        process(proc.path(), "19", "3", "1 0 0:1 / /data rw master:9 - fuse x rw\n");
        let peers = PeerGroups::new(proc.path(), Path::new("/k/csi-plugins/d/anchors")).unwrap();
        // Process 18 or 19 stands for the namespace that they share.
        let groups = peers.in_use().unwrap();
        assert!(groups == HashSet::from([6, 7, 8]) || groups == HashSet::from([9]), "{groups:?}");
    }

    #[test]
    fn a_container_of_its_own_is_refused() {
        let proc = tempfile::tempdir().unwrap();
        symlink("1", proc.path().join("self")).unwrap();
        assert!(
            PeerGroups::new(proc.path(), Path::new("/a"))
                .unwrap_err()
                .to_string()
                .contains("hostPID")
        );
    }
}
