//! Paths from a volume or a request, kept below the directory to which they belong.
//!
//! The kernel does the checking (`openat2`). An opened directory *is* below the root, however
//! directories are renamed or links are planted meanwhile. Mounts are then made on the open
//! directory, not on a path that may mean another one a moment later.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, open, openat2};
use rustix::io::Errno;

use crate::error::{Attempt, Error};

/// The mode of new directories on the way to a target, the same as the kubelet's.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o750);
/// The number of attempts for a look-up that races with a rename or a mount.
const RACES: usize = 64;

/// A directory in which paths must stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    given: PathBuf,
    real: PathBuf,
}

impl Root {
    /// Returns the root at a directory, which must exist.
    ///
    /// # Errors
    /// The directory does not exist or cannot be read.
    pub fn new(given: impl Into<PathBuf>) -> Result<Self, Error> {
        let given = given.into();
        let real = given.canonicalize().attempt("finding", &given)?;
        Ok(Self { given, real })
    }

    /// Returns the directory without symbolic links, as mountinfo shows it.
    pub fn real(&self) -> &Path {
        &self.real
    }

    /// Returns a path below the directory relative to it.
    ///
    /// # Errors
    /// Returns [`Error::Refused`] if the path is not below, or contains `..`.
    pub fn relative(&self, path: &Path) -> Result<PathBuf, Error> {
        let refused = |why: String| Error::Refused {
            path: path.to_owned(),
            why,
        };
        let rest = path
            .strip_prefix(&self.given)
            .or_else(|_| path.strip_prefix(&self.real))
            .map_err(|_| refused(format!("it is not below {}", self.given.display())))?;
        let mut parts = rest.components().filter(|part| *part != Component::CurDir).peekable();
        if parts.peek().is_none() {
            return Err(refused(format!("it is {} itself", self.given.display())));
        }
        if !parts.clone().all(|part| matches!(part, Component::Normal(_))) {
            return Err(refused("it contains `..`".to_owned()));
        }
        Ok(parts.collect())
    }

    /// Returns the same path without symbolic links above the directory, as mountinfo shows it.
    ///
    /// # Errors
    /// Fails as [`relative`](Self::relative) does.
    pub fn canonical(&self, path: &Path) -> Result<PathBuf, Error> {
        Ok(self.real.join(self.relative(path)?))
    }

    /// Opens the directory itself.
    ///
    /// # Errors
    /// The directory no longer exists.
    pub fn open(&self) -> Result<OwnedFd, Error> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        open(&self.real, flags, Mode::empty()).attempt("opening", &self.real)
    }

    /// Opens a directory below, without following any symbolic link. The file system that is
    /// mounted there is not asked.
    ///
    /// # Errors
    /// Returns [`Error::Refused`] if a symbolic link is on the way, and otherwise the error of the
    /// system call.
    pub fn open_below(&self, path: &Path) -> Result<OwnedFd, Error> {
        let relative = self.relative(path)?;
        let opened = open_beneath(&self.open()?, &relative, OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS);
        opened.map_err(|error| self.not_opened(error, path))
    }

    /// Creates a directory below, with its parents, and opens it.
    ///
    /// # Errors
    /// Fails as [`open_below`](Self::open_below) does.
    pub fn make_below(&self, path: &Path) -> Result<OwnedFd, Error> {
        let mut directory = self.open()?;
        for part in self.relative(path)?.components() {
            let name = part.as_os_str();
            match mkdirat(&directory, name, DIRECTORY_MODE) {
                // This also holds for a mount point whose file system is dead.
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(Error::io("making directory", path, error)),
            }
            directory = open_beneath(
                &directory,
                Path::new(name),
                OFlags::DIRECTORY,
                ResolveFlags::NO_SYMLINKS,
            )
            .map_err(|error| self.not_opened(error, path))?;
        }
        Ok(directory)
    }

    fn not_opened(&self, error: Errno, path: &Path) -> Error {
        match error {
            Errno::LOOP | Errno::XDEV => Error::Refused {
                path: path.to_owned(),
                why: self.link_on(path),
            },
            other => Error::io("opening", path, other),
        }
    }

    /// Returns the reason why a path with a symbolic link is refused, with the link.
    fn link_on(&self, path: &Path) -> String {
        let relative = self.relative(path).unwrap_or_default();
        let ways: Vec<&Path> = relative.ancestors().filter(|way| !way.as_os_str().is_empty()).collect();
        // Reading a link asks a mounted file system only if it is one.
        let found = ways.into_iter().rev().find_map(|way| {
            let link = self.real.join(way);
            std::fs::read_link(&link).ok().map(|to| (link, to))
        });
        match found {
            Some((link, to)) => format!(
                "there is a symbolic link on the way: {} leads to {}; mount that directory in the place of the link \
                 (mount --bind), and start the node plugin again",
                link.display(),
                to.display()
            ),
            None => "there is a symbolic link on the way".to_owned(),
        }
    }
}

/// Opens a directory or a file of a mounted file system. Symbolic links are followed as long as
/// they stay in it.
///
/// # Errors
/// Returns [`Errno::XDEV`] if the path leads out, and otherwise the error of the file system.
pub fn open_inside(mount: impl AsFd, sub_path: &Path) -> Result<OwnedFd, Errno> {
    let itself = if sub_path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        sub_path
    };
    open_beneath(mount, itself, OFlags::empty(), ResolveFlags::empty())
}

/// Opens what is in a directory of a mounted file system, without following any symbolic link.
///
/// # Errors
/// Returns [`Errno::LOOP`] if a symbolic link is on the way, and otherwise the error of the file
/// system.
pub fn open_real(directory: impl AsFd, path: &Path) -> Result<OwnedFd, Errno> {
    open_beneath(directory, path, OFlags::empty(), ResolveFlags::NO_SYMLINKS)
}

fn open_beneath(directory: impl AsFd, path: &Path, kind: OFlags, more: ResolveFlags) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC | kind;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | more;
    let mut result = Err(Errno::AGAIN);
    for _ in 0..RACES {
        result = openat2(&directory, path, flags, Mode::empty(), resolve);
        // During a rename or a mount, the kernel cannot decide whether a path with `..` stays
        // below.
        if !matches!(result, Err(Errno::AGAIN)) {
            break;
        }
    }
    result
}

/// Returns the path of an entry in an open directory, for system calls that take no directory:
/// `/proc/self/fd/<n>/<name>`.
pub fn through(directory: impl AsFd, name: &OsStr) -> PathBuf {
    use std::os::fd::AsRawFd;
    Path::new("/proc/self/fd")
        .join(directory.as_fd().as_raw_fd().to_string())
        .join(name)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "itself")]
    #[case("a/../../x", "contains `..`")]
    #[case("../x", "contains `..`")]
    fn paths_that_leave_the_root_are_refused(#[case] path: &str, #[case] why: &str) {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path()).unwrap();
        let error = root.make_below(&directory.path().join(path)).unwrap_err();
        assert!(
            matches!(&error, Error::Refused { .. }) && error.to_string().contains(why),
            "{error}"
        );
        let error = root.open_below(Path::new("/etc")).unwrap_err();
        assert!(error.to_string().contains("not below"), "{error}");
    }

    #[test]
    fn directories_are_made_but_links_are_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path()).unwrap();
        root.make_below(&directory.path().join("a/b/c")).unwrap();
        root.make_below(&directory.path().join("a/b/c")).unwrap();
        assert!(directory.path().join("a/b/c").is_dir());
        symlink("/etc", directory.path().join("a/out")).unwrap();
        symlink("b", directory.path().join("a/in")).unwrap();
        for path in ["a/out", "a/out/x", "a/in"] {
            let path = directory.path().join(path);
            assert!(
                matches!(root.open_below(&path), Err(Error::Refused { .. })),
                "{}",
                path.display()
            );
            assert!(
                matches!(root.make_below(&path), Err(Error::Refused { .. })),
                "{}",
                path.display()
            );
        }
        let error = root
            .open_below(&directory.path().join("a/out/x"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("a/out leads to /etc; mount that directory"), "{error}");
    }

    #[test]
    fn links_in_a_file_system_may_stay_in_it_but_not_leave_it() {
        let directory = tempfile::tempdir().unwrap();
        let mount = directory.path().join("mount");
        fs::create_dir_all(mount.join("data/here")).unwrap();
        symlink("data", mount.join("inside")).unwrap();
        symlink("../..", mount.join("data/up")).unwrap();
        symlink("/etc", mount.join("absolute")).unwrap();
        let mount = open(&mount, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        open_inside(&mount, Path::new("inside/here")).unwrap();
        assert_eq!(open_inside(&mount, Path::new("data/up")).unwrap_err(), Errno::XDEV);
        assert_eq!(open_inside(&mount, Path::new("absolute")).unwrap_err(), Errno::XDEV);
        assert_eq!(open_inside(&mount, Path::new("absent")).unwrap_err(), Errno::NOENT);
    }

    #[test]
    fn a_root_behind_a_link_is_known_by_both_names() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("real")).unwrap();
        symlink("real", directory.path().join("link")).unwrap();
        let root = Root::new(directory.path().join("link")).unwrap();
        let real = directory.path().canonicalize().unwrap().join("real/x");
        assert_eq!(root.canonical(&directory.path().join("link/x")).unwrap(), real);
        assert_eq!(root.canonical(&real).unwrap(), real);
    }
}
