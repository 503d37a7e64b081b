//! The peer groups from which containers still receive, which decide how long an anchor is kept.
//!
//! The kernel does not list the receivers of a group, but every process shows the mounts of its
//! namespace, each with the group from which it receives. This needs a procfs that shows the node's
//! processes: the pod runs with `hostPID`, or has the node's `/proc` as a volume. Without one,
//! anchors are kept as long as their pod lives, which costs two mounts for each death of the fuse
//! pod and nothing else.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::mount::mountinfo::Table;

/// The peer groups of the mounts of all processes on the node.
#[derive(Debug, Clone)]
pub struct PeerGroups {
    proc: PathBuf,
    /// A part of the path of every anchor, in whatever namespace it is seen.
    ignored: String,
}

impl PeerGroups {
    /// Returns the peer groups that a procfs shows. Copies of anchors, which are below `anchors`,
    /// do not count as users of them.
    ///
    /// # Errors
    /// The directory is not a procfs, or one that shows only the processes of this container: no
    /// anchor would seem to be in use.
    pub fn new(proc: &Path, anchors: &Path) -> io::Result<Self> {
        let own = fs::read_link(proc.join("self"))?;
        if own == Path::new("1") {
            let message = format!(
                "{} shows the processes of this container only; use hostPID, or the node's /proc as a volume",
                proc.display()
            );
            return Err(io::Error::other(message));
        }
        // `<kubelet root>/csi-plugins/<driver>/anchors` can have another root in another namespace,
        // but ends the same.
        let parts: Vec<_> = anchors
            .iter()
            .rev()
            .take(3)
            .map(|part| part.to_string_lossy())
            .collect();
        let ignored = parts.iter().rev().fold(String::new(), |path, part| path + "/" + part);
        Ok(Self {
            proc: proc.to_owned(),
            ignored,
        })
    }

    /// Returns the groups of all mounts other than anchors. Processes that end meanwhile are left
    /// out.
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
            // Kernel threads, and processes that have just ended, have no namespace or no mounts.
            let Ok(namespace) = fs::read_link(process.join("ns/mnt")) else {
                continue;
            };
            if !namespaces.insert(namespace.clone()) {
                continue;
            }
            let Ok(text) = fs::read(process.join("mountinfo")) else {
                // The next process of the namespace may live longer, so the namespace is not done.
                namespaces.remove(&namespace);
                continue;
            };
            let table = Table::parse(&text);
            let others = table
                .iter()
                .filter(|mount| !mount.mount_point.to_string_lossy().contains(&self.ignored));
            groups.extend(others.flat_map(|mount| [mount.shared, mount.master]).flatten());
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
        // Process 18 or 19 represents the namespace that they share.
        let groups = peers.in_use().unwrap();
        assert!(
            groups == HashSet::from([6, 7, 8]) || groups == HashSet::from([9]),
            "{groups:?}"
        );
    }

    #[test]
    fn the_proc_of_a_container_is_refused() {
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
