//! A real FUSE file system with a real process, which can be stopped and killed. It is an empty
//! directory.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{Pid, Signal, kill_process};
use wasser_csi::mountinfo::Table;

use crate::fuse::connect;

/// The variable with the number of times that the process says what its directory is like.
const ANSWERS: &str = "WASSER_CSI_TEST_ANSWERS";
/// The variable with a path: while there is a file, the directory is stale.
const STALE: &str = "WASSER_CSI_TEST_STALE";
/// The test that is the process.
const PROCESS: &str = "client::serves_the_file_system_of_its_standard_input";

const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const STATFS: u32 = 17;
const INIT: u32 = 26;
const INTERRUPT: u32 = 36;
const DESTROY: u32 = 38;
const BATCH_FORGET: u32 = 42;
const NOT_IMPLEMENTED: i32 = -38;
const STALE_HANDLE: i32 = -116;

/// A mount, and the process that serves it until this is dropped.
pub struct Client {
    process: Child,
}

impl Client {
    /// Mounts on a path, over an existing mount, and answers as often as it is asked.
    pub fn mount(path: &Path) -> Self {
        Self::mount_with(path, usize::MAX)
    }

    /// Mounts on a path. After this many questions for its directory, it hangs.
    pub fn mount_with(path: &Path, answers: usize) -> Self {
        Self::mount_for(path, answers, Path::new("/nowhere"))
    }

    /// Mounts on a path. While there is a file called `stale`, the file system is stale.
    pub fn mount_that_is_stale_with(path: &Path, stale: &Path) -> Self {
        Self::mount_for(path, usize::MAX, stale)
    }

    fn mount_for(path: &Path, answers: usize, stale: &Path) -> Self {
        if let Err(error) = std::fs::create_dir_all(path) {
            assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
        }
        let connection = connect(path, ",allow_other");
        mount_change(path, MountPropagationFlags::SHARED).unwrap();
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", PROCESS, "--include-ignored", "--test-threads", "1"])
            .env(ANSWERS, answers.to_string())
            .env(STALE, stale)
            .stdin(Stdio::from(connection))
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { process }
    }

    /// Stops the process: from now on, the file system hangs.
    pub fn hang(&self) {
        let id = Pid::from_raw(self.process.id().try_into().unwrap()).unwrap();
        kill_process(id, Signal::STOP).unwrap();
    }

    /// Kills the process: from now on, the transport endpoint is not connected.
    pub fn die(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.die();
    }
}

/// Returns the device of the top mount on a path.
pub fn device(path: &Path) -> Option<String> {
    Table::read().unwrap().top(path).map(|mount| mount.device.clone())
}

#[test]
#[ignore = "is the process of a file system"]
fn serves_the_file_system_of_its_standard_input() {
    let Some(answers) = std::env::var(ANSWERS).ok().and_then(|text| text.parse().ok()) else {
        return;
    };
    let stale = std::env::var_os(STALE).map(PathBuf::from).unwrap_or_default();
    let mut connection = File::from(std::io::stdin().as_fd().try_clone_to_owned().unwrap());
    let (mut left, mut request): (usize, _) = (answers, vec![0; 1 << 20]);
    // Reading fails when nobody has it mounted any more.
    while let Ok(length) = connection.read(&mut request) {
        if length == 0 {
            return;
        }
        let number = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
        let (operation, unique) = (number(4), &request[8..16]);
        let body = match operation {
            FORGET | BATCH_FORGET | INTERRUPT => continue,
            GETATTR if stale.exists() => Err(STALE_HANDLE),
            GETATTR if left == 0 => continue,
            GETATTR => {
                left -= 1;
                Ok(attributes())
            }
            INIT => Ok(limits()),
            DESTROY => Ok(Vec::new()),
            STATFS => Ok(vec![0; 80]),
            _ => Err(NOT_IMPLEMENTED),
        };
        let (error, body) = body.map_or_else(|error| (error, Vec::new()), |body| (0, body));
        let size = u32::try_from(16 + body.len()).unwrap();
        let answer = [&size.to_ne_bytes()[..], &error.to_ne_bytes(), unique, &body].concat();
        // Whoever asked may have been killed.
        drop(connection.write(&answer));
    }
}

/// The answer to INIT: version 7.31, writes of 4 KiB, and nothing that is optional.
fn limits() -> Vec<u8> {
    let mut answer = [7_u32, 31, 0, 0, 0, 4096].map(u32::to_ne_bytes).concat();
    answer.resize(64, 0);
    answer
}

/// The answer to GETATTR, not to be kept: an empty directory of root's.
fn attributes() -> Vec<u8> {
    let mut attributes = vec![0; 104];
    attributes[16..24].copy_from_slice(&1_u64.to_ne_bytes());
    attributes[76..80].copy_from_slice(&0o40_755_u32.to_ne_bytes());
    attributes[80..84].copy_from_slice(&2_u32.to_ne_bytes());
    attributes
}
