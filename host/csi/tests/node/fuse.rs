//! File systems in place of those of fuse pods.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};

/// Mounts a file system that works: a tmpfs under the name of JuiceFS, with a file that identifies
/// it.
pub fn mount_working(path: &Path, content: &str) {
    // A dead mount in the way is not a directory to the standard library, but can be mounted on.
    if let Err(error) = fs::create_dir_all(path) {
        assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
    }
    mount(
        "JuiceFS:test",
        path,
        "tmpfs",
        MountFlags::NOSUID | MountFlags::NODEV,
        None,
    )
    .unwrap();
    mount_change(path, MountPropagationFlags::SHARED).unwrap();
    fs::write(path.join("who"), content).unwrap();
}

/// Unmounts the top mount, as a fuse pod does that ends properly.
pub fn unmount_lazily(path: &Path) {
    unmount(path, UnmountFlags::DETACH).unwrap();
}

/// Mounts a real FUSE file system, and returns the connection over which it is served.
pub fn connect(path: &Path, more_options: &str) -> File {
    let connection = File::options().read(true).write(true).open("/dev/fuse").unwrap();
    let descriptor = connection.as_raw_fd();
    let options = format!("fd={descriptor},rootmode=40000,user_id=0,group_id=0{more_options}");
    let options = std::ffi::CString::new(options).unwrap();
    mount(
        "JuiceFS:test",
        path,
        "fuse.juicefs",
        MountFlags::NOSUID,
        options.as_c_str(),
    )
    .unwrap();
    connection
}

/// A real FUSE mount. While this lives, it hangs, since nobody answers. Then it is dead.
pub struct RealFuse {
    connection: Option<File>,
    path: PathBuf,
}

impl RealFuse {
    /// Mounts it, over an existing mount.
    pub fn mount(path: &Path) -> Self {
        fs::create_dir_all(path).unwrap();
        Self {
            connection: Some(connect(path, "")),
            path: path.to_owned(),
        }
    }

    /// Ends the process behind it, after it was unmounted.
    pub fn abandon(&mut self) {
        drop(self.connection.take());
    }

    /// Ends the process behind it. From now on, the transport endpoint is not connected.
    pub fn die(&mut self) {
        drop(self.connection.take());
        let error = fs::read_dir(&self.path).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::NOTCONN.raw_os_error()));
    }
}
