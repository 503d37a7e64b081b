//! The question to a mounted file system whether it answers.
//!
//! A file system whose process hangs also hangs whoever asks it, without end and beyond the reach
//! of signals. So every question has a thread, with a time limit for those who wait for the answer.
//! A file system that still owes an answer is not asked again.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rustix::fs::{AtFlags, StatxFlags, statx};
use rustix::io::Errno;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::paths::{self, Root};
use crate::error::{Attempt, Error};
use crate::volume::attributes::Source;

/// The answer of a file system.
#[derive(Debug)]
pub enum Answer {
    /// It works; this is the requested directory, open.
    Here(OwnedFd),
    /// It works, but does not contain the sub path.
    NoSubPath,
    /// It is dead: its process has ended, and it will never answer again.
    Dead,
    /// It answers with an error, and may recover.
    Failing,
    /// What was mounted is no longer there, as after a server of NFS has lost its export.
    Stale,
    /// It has not answered in time.
    Silent,
    /// The directory does not exist.
    Nothing,
}

/// Asks file systems whether they answer.
#[derive(Debug)]
pub struct Prober {
    mount_root: Root,
    limit: Duration,
    /// The number of answers that each file system owes and nobody waits for any more.
    owed: Arc<Mutex<HashMap<String, usize>>>,
}

/// The progress of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    GivenUp,
    Answered,
}

impl Prober {
    /// Returns a prober for the file systems below a directory, with a time limit for answers.
    pub fn new(mount_root: Root, limit: Duration) -> Self {
        Self {
            mount_root,
            limit,
            owed: Arc::default(),
        }
    }

    /// Opens the directory of a source. `device` is that of the mount, if there is one: a new mount
    /// owes nothing for its predecessor.
    ///
    /// # Errors
    /// The path leads out of the mount root or, for the sub path, out of the file system; or a
    /// system call fails unexpectedly.
    pub async fn open(&self, source: &Source, device: Option<&str>) -> Result<Answer, Error> {
        self.open_below(&self.mount_root, source, device).await
    }

    /// Opens the directory of a source that is mounted below another root.
    ///
    /// # Errors
    /// Fails as [`open`](Self::open) does.
    pub async fn open_below(&self, root: &Root, source: &Source, device: Option<&str>) -> Result<Answer, Error> {
        let key = device.map_or_else(|| source.fluid_path.display().to_string(), str::to_owned);
        if lock(&self.owed).contains_key(&key) {
            return Ok(Answer::Silent);
        }
        let (root, asked) = (root.clone(), source.clone());
        let (sender, receiver) = oneshot::channel();
        let stage = Arc::new(Mutex::new(Stage::Waiting));
        let (thread_stage, owed, thread_key) = (stage.clone(), self.owed.clone(), key.clone());
        let thread = std::thread::Builder::new()
            .name("probe".to_owned())
            .stack_size(128 * 1024)
            .spawn(move || {
                let answer = ask(&root, &asked);
                let mut stage = lock(&thread_stage);
                if *stage == Stage::GivenUp {
                    settle(&owed, &thread_key);
                }
                *stage = Stage::Answered;
                // If nobody waits any more, the answer is dropped here, with the directory that it
                // opened.
                drop(sender.send(answer));
            });
        thread.attempt("starting a thread for", &source.fluid_path)?;
        if let Ok(Ok(answer)) = timeout(self.limit, receiver).await {
            return answer;
        }
        let mut stage = lock(&stage);
        if *stage == Stage::Waiting {
            *stage = Stage::GivenUp;
            *lock(&self.owed).entry(key).or_default() += 1;
        }
        Ok(Answer::Silent)
    }
}

fn settle(owed: &Mutex<HashMap<String, usize>>, key: &str) {
    let mut owed = lock(owed);
    match owed.get_mut(key) {
        Some(count) if *count > 1 => *count -= 1,
        _ => drop(owed.remove(key)),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}

fn ask(root: &Root, source: &Source) -> Result<Answer, Error> {
    let mount = match root.open_below(&source.fluid_path) {
        Ok(mount) => mount,
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Answer::Nothing),
        Err(Error::Io {
            source: error,
            action,
            path,
        }) => {
            return failure(&error).ok_or(Error::Io {
                source: error,
                action,
                path,
            });
        }
        Err(error) => return Err(error),
    };
    // The kernel's cache does not count: the process must answer.
    match statx(
        &mount,
        c"",
        AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC,
        StatxFlags::TYPE,
    ) {
        Ok(_) => {}
        Err(error) => {
            return failure(&error.into()).ok_or_else(|| Error::io("looking at", &source.fluid_path, error));
        }
    }
    if source.sub_path.as_os_str().is_empty() && source.part.as_os_str().is_empty() {
        return Ok(Answer::Here(mount));
    }
    let opened = paths::open_inside(&mount, &source.sub_path).and_then(|directory| {
        if source.part.as_os_str().is_empty() {
            return Ok(directory);
        }
        paths::open_real(&directory, &source.part)
    });
    match opened {
        Ok(directory) => Ok(Answer::Here(directory)),
        Err(Errno::NOENT) => Ok(Answer::NoSubPath),
        // It has a link on the way that was a directory when the kubelet has mounted it.
        Err(Errno::XDEV | Errno::LOOP) => {
            let path = source.fluid_path.join(&source.sub_path).join(&source.part);
            Err(Error::Refused {
                path,
                why: "it leads out of the file system".to_owned(),
            })
        }
        Err(error) => {
            failure(&error.into()).ok_or_else(|| Error::io("opening", source.fluid_path.join(&source.sub_path), error))
        }
    }
}

/// Returns the meaning of an error of a file system; `None` if it is not one of a file system that
/// does not work.
///
/// The kernel itself says that a FUSE process has ended. The other errors can also come from a
/// process that lives, while its store does not answer for example: its mount must stay, since it
/// would not mount again.
fn failure(error: &std::io::Error) -> Option<Answer> {
    let is_one_of = |codes: &[Errno]| {
        codes
            .iter()
            .any(|code| error.raw_os_error() == Some(code.raw_os_error()))
    };
    if is_one_of(&[Errno::NOTCONN, Errno::CONNABORTED]) {
        Some(Answer::Dead)
    } else if is_one_of(&[Errno::STALE]) {
        Some(Answer::Stale)
    } else if is_one_of(&[Errno::HOSTDOWN, Errno::SHUTDOWN, Errno::IO]) {
        Some(Answer::Failing)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_the_process_is_death() {
        let answer = |code: Errno| failure(&code.into());
        assert!(matches!(answer(Errno::NOTCONN), Some(Answer::Dead)));
        assert!(matches!(answer(Errno::CONNABORTED), Some(Answer::Dead)));
        assert!(matches!(answer(Errno::IO), Some(Answer::Failing)));
        assert!(matches!(answer(Errno::STALE), Some(Answer::Stale)));
        assert!(answer(Errno::ACCESS).is_none());
    }
}
