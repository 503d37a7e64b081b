//! The generation of a running fuse pod, which the pod itself writes next to its mount.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, open, statx};
use wasser_api::labels;

use crate::context::Context;
use crate::mount::paths;

/// The file next to the mount.
const FILE: &str = ".fuse-generation";
/// The directory next to the mount in which the downward API shows all labels of the pod, as clients
/// of Fluid have it, and the file in it.
const LABELS_DIRECTORY: &str = ".meta/fuse";
const LABELS_FILE: &str = "labels";
/// The most bytes of a file that are read.
const MOST: u64 = 64 << 10;

/// Returns the generation of the fuse pod that mounts at a path, if it says so.
pub(super) fn running(context: &Context, fluid_path: &Path) -> Option<String> {
    let parent = fluid_path.parent()?;
    let read = |directory: &Path, file: &str| text_in(&context.mount_root.open_below(directory).ok()?, file);
    let own = read(parent, FILE).map(|text| text.trim().to_owned());
    own.filter(|generation| !generation.is_empty())
        .or_else(|| generation_in(&read(&parent.join(LABELS_DIRECTORY), LABELS_FILE)?))
}

/// Returns the text of a file; `None` if it is not a regular file in this directory. The downward API
/// makes it a link to a file next to it.
fn text_in(directory: &OwnedFd, name: &str) -> Option<String> {
    let file = paths::open_inside(directory, Path::new(name)).ok()?;
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let stat = statx(&file, c"", flags, StatxFlags::TYPE).ok()?;
    if FileType::from_raw_mode(stat.stx_mode.into()) != FileType::RegularFile {
        return None;
    }
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let opened = open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut text = String::new();
    File::from(opened).take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Returns the generation in the file with the labels, which has lines of `key="value"`.
fn generation_in(labels_file: &str) -> Option<String> {
    let value = labels_file
        .lines()
        .find_map(|line| line.strip_prefix(labels::FUSE_GENERATION)?.strip_prefix('='))?;
    Some(value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, mkfifoat};

    use super::*;

    #[test]
    fn the_generation_is_read_as_the_downward_api_writes_it() {
        let text = "app=\"juicefs\"\nfuse.runtime.fluid.io/generation=\"3\"\nx=\"y\"";
        assert_eq!(generation_in(text).as_deref(), Some("3"));
        assert_eq!(generation_in("fuse.runtime.fluid.io/generation-old=\"3\""), None);
        assert_eq!(generation_in(""), None);
    }

    #[test]
    fn only_a_small_file_of_the_fuse_pod_is_read() {
        let pod = tempfile::tempdir().unwrap();
        let labels = pod.path().join("labels");
        let directory: OwnedFd = File::open(pod.path()).unwrap().into();
        // As the downward API makes it.
        std::fs::create_dir(pod.path().join("..2026_1")).unwrap();
        std::fs::write(pod.path().join("..2026_1/labels"), "x").unwrap();
        symlink("..2026_1", pod.path().join("..data")).unwrap();
        symlink("..data/labels", &labels).unwrap();
        assert_eq!(text_in(&directory, "labels").as_deref(), Some("x"));
        std::fs::write(pod.path().join("..2026_1/labels"), vec![b'x'; 1 << 20]).unwrap();
        assert_eq!(text_in(&directory, "labels").map(|text| text.len()), Some(64 << 10));

        for elsewhere in ["/dev/zero", "/proc/self/status", "..data"] {
            std::fs::remove_file(&labels).unwrap();
            symlink(elsewhere, &labels).unwrap();
            assert_eq!(text_in(&directory, "labels"), None, "{elsewhere}");
        }
        std::fs::remove_file(&labels).unwrap();
        // Opening a pipe waits for whoever writes to it.
        mkfifoat(CWD, &labels, Mode::RUSR).unwrap();
        assert_eq!(text_in(&directory, "labels"), None);
    }
}
