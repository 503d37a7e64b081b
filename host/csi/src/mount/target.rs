//! A target: the path in a pod's volumes at which the kubelet wants a volume.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, readlinkat, symlinkat, unlinkat};
use rustix::io::Errno;

use crate::error::{Attempt, Error};
use crate::mount::paths::{Root, through};

/// A target whose parent directory is open, so that it stays the same even if the path changes.
#[derive(Debug)]
pub struct Target {
    parent: OwnedFd,
    name: OsString,
    path: PathBuf,
}

/// The kind of entry at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    Nothing,
    /// A directory, perhaps a mount point, even of a dead file system.
    Directory,
    /// A symbolic link.
    Link,
    /// Another entry, which the node plugin never creates.
    Other,
}

impl Target {
    /// Returns the target at a path, without creating anything; `None` if its parent does not
    /// exist.
    ///
    /// # Errors
    /// The path leads out of the root, or cannot be looked up.
    pub fn find(root: &Root, path: &Path) -> Result<Option<Self>, Error> {
        let (parent_path, name) = split(root, path)?;
        match root.open_below(&parent_path) {
            Ok(parent) => Self::new(root, path, parent, name).map(Some),
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the target at a path, and creates its parent directories.
    ///
    /// # Errors
    /// The path leads out of the root, or a directory cannot be created.
    pub fn make(root: &Root, path: &Path) -> Result<Self, Error> {
        let (parent_path, name) = split(root, path)?;
        Self::new(root, path, root.make_below(&parent_path)?, name)
    }

    fn new(root: &Root, path: &Path, parent: OwnedFd, name: OsString) -> Result<Self, Error> {
        Ok(Self {
            parent,
            name,
            path: root.canonical(path)?,
        })
    }

    /// Returns the path as mountinfo shows it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns its parent directory.
    pub fn parent(&self) -> impl AsFd {
        &self.parent
    }

    /// Returns its name in the parent directory.
    pub fn name(&self) -> &OsStr {
        &self.name
    }

    /// Returns a path to it for system calls that take no directory.
    pub fn handle(&self) -> PathBuf {
        through(&self.parent, &self.name)
    }

    /// Returns the kind of entry there. A mounted file system is not asked, so this returns even if
    /// that hangs.
    ///
    /// # Errors
    /// The kernel cannot look at it.
    pub fn found(&self) -> Result<Found, Error> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(&self.parent, &self.name, flags | OFlags::DIRECTORY, Mode::empty()) {
            Ok(_) => return Ok(Found::Directory),
            Err(Errno::NOENT) => return Ok(Found::Nothing),
            Err(Errno::NOTDIR | Errno::LOOP) => {}
            Err(error) => return Err(Error::io("looking at", &self.path, error)),
        }
        // Reading a link asks the file system only if it is one. `stat` would ask a dead file
        // system if a file of it is mounted here.
        match readlinkat(&self.parent, &self.name, Vec::new()) {
            Ok(_) => Ok(Found::Link),
            Err(Errno::INVAL) => Ok(Found::Other),
            Err(error) => Err(Error::io("looking at", &self.path, error)),
        }
    }

    /// Creates the directory as a mount point. A symbolic link of an earlier publishing is
    /// replaced.
    ///
    /// # Errors
    /// Another entry exists there, or it cannot be created.
    pub fn make_directory(&self) -> Result<(), Error> {
        match self.found()? {
            Found::Directory => Ok(()),
            Found::Link => {
                self.remove_link()?;
                self.make_directory()
            }
            Found::Nothing => match mkdirat(&self.parent, &self.name, Mode::from_raw_mode(0o750)) {
                Ok(()) | Err(Errno::EXIST) => Ok(()),
                Err(error) => Err(Error::io("making directory", &self.path, error)),
            },
            Found::Other => Err(Error::Refused {
                path: self.path.clone(),
                why: "it is a file".to_owned(),
            }),
        }
    }

    /// Creates a symbolic link. An empty directory, which some kubelets create, is replaced, and so
    /// is another link.
    ///
    /// # Errors
    /// Another entry exists there, or it cannot be created.
    pub fn make_link(&self, to: &Path) -> Result<(), Error> {
        match self.found()? {
            Found::Link => {
                let now = readlinkat(&self.parent, &self.name, Vec::new()).attempt("reading link", &self.path)?;
                if now.as_bytes() == to.as_os_str().as_encoded_bytes() {
                    return Ok(());
                }
                self.remove_link()?;
            }
            Found::Directory => self.remove_directory()?,
            Found::Nothing => {}
            Found::Other => {
                return Err(Error::Refused {
                    path: self.path.clone(),
                    why: "it is a file".to_owned(),
                });
            }
        }
        symlinkat(to, &self.parent, &self.name).attempt("linking", &self.path)
    }

    /// Removes a symbolic link.
    ///
    /// # Errors
    /// The link cannot be removed.
    pub fn remove_link(&self) -> Result<(), Error> {
        self.unlink(AtFlags::empty())
    }

    /// Removes the directory. It must be empty, because its content belongs to somebody.
    ///
    /// # Errors
    /// The directory is not empty or cannot be removed.
    pub fn remove_directory(&self) -> Result<(), Error> {
        self.unlink(AtFlags::REMOVEDIR)
    }

    fn unlink(&self, flags: AtFlags) -> Result<(), Error> {
        match unlinkat(&self.parent, &self.name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(Error::io("removing", &self.path, error)),
        }
    }
}

fn split(root: &Root, path: &Path) -> Result<(PathBuf, OsString), Error> {
    root.relative(path)?;
    let refused = || Error::Refused {
        path: path.to_owned(),
        why: "it is too close to the root".to_owned(),
    };
    let parent = path
        .parent()
        .filter(|parent| root.relative(parent).is_ok())
        .ok_or_else(refused)?;
    Ok((parent.to_owned(), path.file_name().ok_or_else(refused)?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_made_kept_replaced_and_removed() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path()).unwrap();
        let path = directory.path().join("pods/p/mount");
        assert!(Target::find(&root, &path).unwrap().is_none());
        let target = Target::make(&root, &path).unwrap();
        assert_eq!(target.found().unwrap(), Found::Nothing);
        target.make_directory().unwrap();
        assert_eq!(target.found().unwrap(), Found::Directory);
        target.make_link(Path::new("/a")).unwrap();
        target.make_link(Path::new("/a")).unwrap();
        target.make_link(Path::new("/b")).unwrap();
        assert_eq!(std::fs::read_link(&path).unwrap(), Path::new("/b"));
        assert_eq!(target.found().unwrap(), Found::Link);
        target.make_directory().unwrap();
        assert_eq!(target.found().unwrap(), Found::Directory);
        target.remove_directory().unwrap();
        target.remove_link().unwrap();
        assert!(Target::find(&root, &path).unwrap().is_some());
    }

    #[test]
    fn what_is_in_the_way_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let root = Root::new(directory.path()).unwrap();
        let path = directory.path().join("pods/p/mount");
        let target = Target::make(&root, &path).unwrap();
        std::fs::create_dir_all(path.join("precious")).unwrap();
        assert!(target.make_link(Path::new("/a")).is_err() && target.remove_directory().is_err());
        std::fs::remove_dir_all(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        assert!(matches!(target.make_directory(), Err(Error::Refused { .. })));
        assert!(matches!(target.make_link(Path::new("/a")), Err(Error::Refused { .. })));
        assert!(matches!(
            Target::find(&root, &directory.path().join("pods")),
            Err(Error::Refused { .. })
        ));
    }
}
