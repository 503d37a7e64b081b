//! The mounts that are out of date.
//!
//! A mount is out of date when its file system is not the one at the fuse pod's path now. The
//! device shows this exactly, however mounts are shared.
//!
//! Where no mount is, none is out of date: somebody else has unmounted it. The exception is what
//! this node plugin has taken off itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::context::Context;
use crate::mount::mountinfo::{Mount, Table};
use crate::volume::attributes::Source;
use crate::volume::published::Record;

/// A mount that must be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The published volume, of which this may be a part.
    pub volume: Arc<Record>,
    /// The right mount and its target.
    pub wanted: Record,
    /// The device of the right file system.
    pub device: String,
}

/// Returns the mounts of a volume in its pod that must be replaced.
pub(super) fn out_of_date(context: &Context, table: &Table, record: &Arc<Record>) -> Vec<Place> {
    let Some(fuse) = context.fuse_mount(table, &record.source).filter(|_| !record.symlink) else {
        return Vec::new();
    };
    let parts = parts(table, &record.target).filter_map(|part| {
        let source = Source {
            part: part_of(table, record, &fuse.root, &part.root)?,
            ..record.source.clone()
        };
        Some(Record {
            target: part.mount_point.clone(),
            source,
            read_only: part.is_read_only(),
            ..Record::clone(record)
        })
    });
    let mut wanted: Vec<Record> = std::iter::once(Record::clone(record)).chain(parts).collect();
    wanted.dedup_by(|a, b| a.target == b.target);
    for missing in context.unfinished.of(&record.target) {
        if wanted.iter().all(|known| known.target != missing.target) {
            let source = Source {
                part: missing.source.part,
                ..record.source.clone()
            };
            wanted.push(Record { source, ..missing });
        }
    }
    let is_wrong = |wanted: &Record| {
        if table.count(&wanted.target) == 0 {
            return context.unfinished.has(&wanted.target);
        }
        let has_device = |mount: &Mount| mount.device == fuse.device;
        let on_target = table.top(&wanted.target).is_some_and(has_device) && table.count(&wanted.target) == 1;
        !on_target
            || !context
                .anchors
                .of(&record.target, &wanted.target)
                .carry(table, &fuse.device)
    };
    let place = |wanted| Place {
        volume: record.clone(),
        wanted,
        device: fuse.device.clone(),
    };
    wanted.into_iter().filter(is_wrong).map(place).collect()
}

/// Returns where a part is in the directory that the volume shows; `None` if it is nowhere in it. A
/// directory may have been reached by links, so its own mounts tell its path first.
fn part_of(table: &Table, record: &Record, fuse_root: &Path, part_root: &Path) -> Option<PathBuf> {
    let shown = table.at(&record.target).map(|mount| mount.root.clone());
    let mut directories = shown.chain([fuse_root.join(&record.source.sub_path)]);
    let inside = directories.find_map(|directory| Some(part_root.strip_prefix(directory).ok()?.to_owned()));
    if inside.is_none() {
        tracing::warn!(target = %record.target.display(), part = %part_root.display(),
            "a subPath is not in its volume, and is not looked after");
    }
    inside
}

/// Returns the mounts of a volume that the kubelet has made for `subPath`s:
/// `<pod>/volume-subpaths/<volume>/<container>/<index>`, for a volume at
/// `<pod>/volumes/kubernetes.io~csi/<volume>/mount`. Of several mounts on one path, it is the
/// lowest, which is the kubelet's or a replacement of it.
fn parts<'a>(table: &'a Table, target: &Path) -> impl Iterator<Item = &'a Mount> + use<'a> {
    let volume = target.parent();
    let pod = volume.and_then(|volume| volume.ancestors().nth(3));
    let directory = pod
        .zip(volume.and_then(Path::file_name))
        .map(|(pod, name)| pod.join("volume-subpaths").join(name));
    table.iter().filter(move |mount| {
        let Some(directory) = &directory else { return false };
        mount.mount_point.starts_with(directory)
            && mount.mount_point.ancestors().nth(2) == Some(directory.as_path())
            && table
                .bottom(&mount.mount_point)
                .is_some_and(|bottom| bottom.id == mount.id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_stays_in_the_directory_of_its_volume() {
        let table = Table::parse(b"1 0 0:9 /real/team-a /k/target rw - fuse x rw");
        let record = Record {
            volume_id: "v".to_owned(),
            target: "/k/target".into(),
            source: Source {
                sub_path: "team-a".into(),
                ..Source::at(Path::new("/m"))
            },
            read_only: false,
            symlink: false,
            runtime: None,
        };
        let part = |root: &str| part_of(&table, &record, Path::new("/"), Path::new(root));
        assert_eq!(part("/real/team-a/x"), Some("x".into()));
        assert_eq!(part("/team-a/x/y"), Some("x/y".into()));
        assert_eq!(part("/real/team-a"), Some(PathBuf::new()));
        assert_eq!(part("/team-b/x"), None);
    }

    #[test]
    fn parts_of_a_volume_are_found_and_those_of_others_are_not() {
        let lines = [
            "1 0 0:9 / /k/pods/u/volumes/kubernetes.io~csi/ns-a/mount rw - fuse x rw",
            "2 0 0:9 /sub /k/pods/u/volume-subpaths/ns-a/app/0 rw - fuse x rw",
            "3 2 0:9 /sub /k/pods/u/volume-subpaths/ns-a/app/0 rw - fuse x rw",
            "4 0 0:9 /sub /k/pods/u/volume-subpaths/ns-ab/app/0 rw - fuse x rw",
            "5 0 0:9 /sub /k/pods/v/volume-subpaths/ns-a/app/0 rw - fuse x rw",
            "6 0 0:9 /sub /k/pods/u/volume-subpaths/ns-a/app/0/deeper rw - fuse x rw",
        ];
        let table = Table::parse(lines.join("\n").as_bytes());
        let found: Vec<u32> = parts(&table, Path::new("/k/pods/u/volumes/kubernetes.io~csi/ns-a/mount"))
            .map(|mount| mount.id)
            .collect();
        assert_eq!(found, [2]);
        assert_eq!(parts(&table, Path::new("/mount")).count(), 0);
    }
}
