//! The table of mounts, read from `/proc/…/mountinfo`.
//!
//! Mount points are compared as whole paths, never as parts of a line: `…/ns/a` is not `…/ns/ab`.
//! Parents show which of several mounts on one path is on top. Neither the order of lines nor the
//! numbers show it, because numbers are used again.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A mount: one line of mountinfo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The number of the mount.
    pub id: u32,
    /// The number of the mount that it is mounted on.
    pub parent: u32,
    /// The file system, as `major:minor`. A file system that is mounted again gets another device
    /// as long as any mount of the old one is left.
    pub device: String,
    /// The directory of the file system that this mount shows.
    pub root: PathBuf,
    /// The path of the mount.
    pub mount_point: PathBuf,
    /// The options of this mount, as `rw,nosuid,…`.
    pub options: String,
    /// The peer group to which it sends and from which it receives, if it is shared.
    pub shared: Option<u32>,
    /// The peer group from which it only receives, if there is one.
    pub master: Option<u32>,
    /// The type of the file system, as `fuse.juicefs`.
    pub fs_type: String,
    /// The source, in the file system's own words.
    pub source: String,
    /// The options of the file system, which hold for all of its mounts.
    pub super_options: String,
}

impl Mount {
    /// Returns whether nothing can be written through this mount.
    pub fn is_read_only(&self) -> bool {
        is_read_only(&self.options)
    }

    /// Returns whether nothing can be written through any mount of the file system.
    pub fn is_of_read_only_file_system(&self) -> bool {
        is_read_only(&self.super_options)
    }

    /// Returns whether a process serves the file system, and the file system ends with it.
    pub fn is_fuse(&self) -> bool {
        self.fs_type.contains("fuse")
    }

    /// Returns whether the type that a volume names is a part of the file system's type
    /// (`fuse.alluxio-fuse`) or of its source (`JuiceFS` of `JuiceFS:myjfs`).
    pub fn is_of_type(&self, mount_type: &str) -> bool {
        self.fs_type.contains(mount_type) || self.source.contains(mount_type)
    }
}

/// All mounts of a mount namespace at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    mounts: Vec<Mount>,
}

impl Table {
    /// Reads the mounts that this process sees.
    ///
    /// # Errors
    /// procfs cannot be read.
    pub fn read() -> io::Result<Self> {
        std::fs::read("/proc/self/mountinfo").map(|text| Self::parse(&text))
    }

    /// Parses mountinfo. Other lines and unknown optional fields are skipped.
    pub fn parse(text: &[u8]) -> Self {
        Self {
            mounts: text.split(|byte| *byte == b'\n').filter_map(parse_line).collect(),
        }
    }

    /// Returns all mounts.
    pub fn iter(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter()
    }

    /// Returns the mounts on a path, in no particular order.
    pub fn at<'a, 'p>(&'a self, path: &'p Path) -> impl Iterator<Item = &'a Mount> + use<'a, 'p> {
        self.mounts.iter().filter(move |mount| mount.mount_point == path)
    }

    /// Returns the number of mounts on a path.
    pub fn count(&self, path: &Path) -> usize {
        self.at(path).count()
    }

    /// Returns the top mount of a path, which users of the path see: no other is mounted on it.
    pub fn top(&self, path: &Path) -> Option<&Mount> {
        let parents: HashSet<u32> = self.at(path).map(|mount| mount.parent).collect();
        self.at(path).find(|mount| !parents.contains(&mount.id))
    }

    /// Returns the lowest mount on a path.
    pub fn bottom(&self, path: &Path) -> Option<&Mount> {
        let ids: HashSet<u32> = self.at(path).map(|mount| mount.id).collect();
        self.at(path).find(|mount| !ids.contains(&mount.parent))
    }

    /// Returns the mount that contains a path, whether or not the path is a mount point itself.
    pub fn containing(&self, path: &Path) -> Option<&Mount> {
        path.ancestors().find_map(|ancestor| self.top(ancestor))
    }
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
    let mut text = || fields.next().map(unescape);
    let (id, parent, device) = (number(&text()?)?, number(&text()?)?, string(text()?));
    let (root, mount_point, options) = (path(without_mark(text()?)), path(text()?), string(text()?));
    let (mut shared, mut master) = (None, None);
    loop {
        let field = string(text()?);
        match field.split_once(':') {
            _ if field == "-" => break,
            Some(("shared", group)) => shared = group.parse().ok(),
            Some(("master", group)) => master = group.parse().ok(),
            _ => {}
        }
    }
    let (fs_type, source) = (string(text()?), string(text()?));
    let super_options = text().map(string).unwrap_or_default();
    Some(Mount {
        id,
        parent,
        device,
        root,
        mount_point,
        options,
        shared,
        master,
        fs_type,
        source,
        super_options,
    })
}

/// Removes the mark of a directory that somebody has removed. It is no part of the path.
fn without_mark(mut root: Vec<u8>) -> Vec<u8> {
    if let Some(path) = root.strip_suffix(b"//deleted") {
        root.truncate(path.len());
    }
    root
}

fn is_read_only(options: &str) -> bool {
    options.split(',').any(|option| option == "ro")
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn string(text: Vec<u8>) -> String {
    String::from_utf8_lossy(&text).into_owned()
}

fn path(text: Vec<u8>) -> PathBuf {
    OsString::from_vec(text).into()
}

/// Restores space, tab, newline and backslash, which the kernel writes as a backslash and three
/// octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        match rest {
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..] => {
                out.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                rest = tail;
            }
            _ => {
                out.push(*first);
                rest = tail;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = r"63 43 0:39 / /k rw,relatime shared:21 - tmpfs none rw
65 93 0:40 / /k/t\040x rw shared:22 master:3 propagate_from:9 unbindable - fuse.juicefs JuiceFS:a\134b rw,user_id=0
93 63 0:41 /sub /k/t\040x ro,nosuid shared:23 - fuse jindo rw
64 63 0:42 / /k/t rw - fuse.alluxio-fuse alluxio-fuse rw
";

    #[test]
    fn lines_are_read_with_their_peer_groups() {
        let table = Table::parse(TEXT.as_bytes());
        assert_eq!(table.iter().count(), 4);
        let mount = table.iter().nth(1).unwrap();
        assert_eq!((mount.shared, mount.master), (Some(22), Some(3)));
        assert_eq!(
            (mount.device.as_str(), mount.mount_point.as_path()),
            ("0:40", Path::new("/k/t x"))
        );
        assert_eq!(
            (mount.fs_type.as_str(), mount.source.as_str()),
            ("fuse.juicefs", r"JuiceFS:a\b")
        );
        assert!(mount.is_of_type("JuiceFS") && mount.is_of_type("fuse.juicefs") && !mount.is_of_type("jindo"));
    }

    #[test]
    fn parents_show_which_mount_is_on_top() {
        let table = Table::parse(TEXT.as_bytes());
        let path = Path::new("/k/t x");
        assert_eq!(table.count(path), 2);
        // The mount with the higher number is below, because numbers are used again.
        assert_eq!((table.top(path).unwrap().id, table.bottom(path).unwrap().id), (65, 93));
        assert!(table.bottom(path).unwrap().is_read_only() && !table.top(path).unwrap().is_read_only());
    }

    #[test]
    fn a_root_that_was_removed_keeps_its_path() {
        let table =
            Table::parse(b"1 0 0:9 /sub//deleted /k/a rw - fuse x rw\n2 0 0:9 /sub/deleted /k/b rw - fuse x rw");
        let roots: Vec<&Path> = table.iter().map(|mount| mount.root.as_path()).collect();
        assert_eq!(roots, [Path::new("/sub"), Path::new("/sub/deleted")]);
    }

    #[test]
    fn a_mount_point_is_a_whole_path() {
        let table = Table::parse(TEXT.as_bytes());
        assert_eq!(table.top(Path::new("/k/t")).unwrap().id, 64);
        assert_eq!(table.count(Path::new("/k/t ")), 0);
        assert_eq!(table.containing(Path::new("/k/t/below")).unwrap().id, 64);
        assert_eq!(table.containing(Path::new("/k/tt")).unwrap().id, 63);
        assert_eq!(table.containing(Path::new("/elsewhere")), None);
    }

    proptest! {
        #[test]
        fn any_path_comes_back(bytes in proptest::collection::vec(1_u8..=255, 1..40)) {
            let escaped: Vec<u8> = bytes
                .iter()
                .flat_map(|byte| match byte {
                    b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
                    other => vec![*other],
                })
                .collect();
            prop_assert_eq!(unescape(&escaped), bytes);
        }

        #[test]
        fn nothing_makes_the_parser_fail(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            Table::parse(&text);
        }
    }
}
