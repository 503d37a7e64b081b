//! Whether a fuse pod has mounted its file system, and whether that answers.
//!
//! That something is mounted is seen in mountinfo, when it changes. Whether it answers is found out by asking; a file system whose process hangs
//! hangs whoever asks, without end and beyond the reach of signals. So every question has a thread of its own, with a time limit for those who
//! wait for the answer, and a file system that still owes one is not asked again.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::fs::{AtFlags, StatxFlags, statx};
use rustix::io::Errno;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};

use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::{Mount, Table};
use crate::mount::paths::{self, Root};
use crate::volume::attributes::Source;

/// How often a file system is asked again that is mounted but does not answer rightly, or a directory that nothing is mounted on: no event tells.
const AGAIN: Duration = Duration::from_millis(250);

/// What a file system answers.
#[derive(Debug)]
pub enum Answer {
    /// The directory asked for, open.
    Here(OwnedFd),
    /// The file system works; the sub path does not exist in it.
    NoSubPath,
    /// It is dead: its process has ended.
    Dead,
    /// It has not answered in time.
    Silent,
    /// Nothing is there.
    Nothing,
}

/// Asks file systems whether they answer.
#[derive(Debug)]
pub struct Prober {
    mount_root: Root,
    limit: Duration,
    /// How many answers each file system owes that nobody waits for any more.
    owed: Arc<Mutex<HashMap<String, usize>>>,
}

/// How far a question has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    GivenUp,
    Answered,
}

impl Prober {
    /// Asks below a directory, and waits so long.
    pub fn new(mount_root: Root, limit: Duration) -> Self {
        Self {
            mount_root,
            limit,
            owed: Arc::default(),
        }
    }

    /// Opens the directory of a source. `device` is that of the mount, where there is one: a new mount owes nothing for its predecessor.
    ///
    /// # Errors
    /// The path leads out of the mount root or, for the sub path, out of the file system; or a system call fails unexpectedly.
    pub async fn open(&self, source: &Source, device: Option<&str>) -> Result<Answer, Error> {
        let key = device.map_or_else(|| source.fluid_path.display().to_string(), str::to_owned);
        if lock(&self.owed).contains_key(&key) {
            return Ok(Answer::Silent);
        }
        let (root, asked) = (self.mount_root.clone(), source.clone());
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
                // If nobody waits any more, the answer, and what it opened, is dropped here.
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
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ask(root: &Root, source: &Source) -> Result<Answer, Error> {
    let mount = match root.open_below(&source.fluid_path) {
        Ok(mount) => mount,
        Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => return Ok(Answer::Nothing),
        Err(Error::Io { source: error, .. }) if is_dead(&error) => return Ok(Answer::Dead),
        Err(error) => return Err(error),
    };
    // What the kernel remembers does not count: the process must answer.
    match statx(&mount, c"", AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC, StatxFlags::TYPE) {
        Ok(_) => {}
        Err(error) if is_dead(&error.into()) => return Ok(Answer::Dead),
        Err(error) => return Err(Error::io("looking at", &source.fluid_path, error)),
    }
    if source.sub_path.as_os_str().is_empty() {
        return Ok(Answer::Here(mount));
    }
    match paths::open_inside(&mount, &source.sub_path) {
        Ok(directory) => Ok(Answer::Here(directory)),
        Err(Errno::NOENT) => Ok(Answer::NoSubPath),
        Err(Errno::XDEV) => {
            let path = source.fluid_path.join(&source.sub_path);
            Err(Error::Refused {
                path,
                why: "it leads out of the file system".to_owned(),
            })
        }
        Err(error) if is_dead(&error.into()) => Ok(Answer::Dead),
        Err(error) => Err(Error::io("opening", source.fluid_path.join(&source.sub_path), error)),
    }
}

/// Whether an error says that the process of a file system has ended.
fn is_dead(error: &std::io::Error) -> bool {
    let codes = [
        Errno::NOTCONN,
        Errno::CONNABORTED,
        Errno::STALE,
        Errno::HOSTDOWN,
        Errno::SHUTDOWN,
        Errno::IO,
    ];
    codes.iter().any(|code| error.raw_os_error() == Some(code.raw_os_error()))
}

impl Context {
    /// The mount of a source, if it is there and of the type that it should be.
    pub fn fuse_mount<'a>(&self, table: &'a Table, source: &Source) -> Option<&'a Mount> {
        let path = self.mount_root.canonical(&source.fluid_path).ok()?;
        table.top(&path).filter(|mount| mount.is_of_type(&source.mount_type))
    }

    /// Waits until a source is mounted and answers, and opens it. Without `mounted`, a directory that nothing is mounted on will do.
    ///
    /// # Errors
    /// [`Error::NotReady`] after the deadline, with what was seen last; at once if the path is refused or the sub path does not exist.
    pub async fn wait_ready(&self, source: &Source, mounted: bool, deadline: Instant) -> Result<OwnedFd, Error> {
        let mut watch = self.watch.clone();
        loop {
            watch.mark();
            let table = Table::read().attempt("reading the mounts for", &source.fluid_path)?;
            let fuse = self.fuse_mount(&table, source);
            let (why, look_again) = if mounted && fuse.is_none() {
                (self.not_mounted(&table, source), None)
            } else {
                match self.prober.open(source, fuse.map(|mount| mount.device.as_str())).await? {
                    Answer::Here(directory) => return Ok(directory),
                    Answer::NoSubPath => {
                        let sub_path = source.sub_path.display().to_string();
                        return Err(Error::NoSubPath {
                            sub_path,
                            fluid_path: source.fluid_path.clone(),
                        });
                    }
                    Answer::Dead => (
                        "its process has ended (transport endpoint is not connected)".to_owned(),
                        Some(AGAIN),
                    ),
                    Answer::Silent => ("it does not answer".to_owned(), Some(AGAIN)),
                    Answer::Nothing => ("the directory does not exist".to_owned(), Some(AGAIN)),
                }
            };
            let next = look_again.map_or(deadline, |pause| deadline.min(Instant::now() + pause));
            // Either there was a change or it is time; both are looked at above.
            let waited = timeout_at(next, watch.changed()).await;
            if waited.is_err() && next >= deadline {
                return Err(Error::NotReady(format!(
                    "{} was not ready within {:?}: {why}; see the fuse pod of the dataset on node {}",
                    source.fluid_path.display(),
                    self.config.publish_timeout,
                    self.config.node_id
                )));
            }
        }
    }

    fn not_mounted(&self, table: &Table, source: &Source) -> String {
        let found = self.mount_root.canonical(&source.fluid_path).ok();
        match found.as_deref().and_then(|path: &Path| table.top(path)) {
            Some(other) => format!(
                "a mount of type {} and source {} is there instead of {}",
                other.fs_type, other.source, source.mount_type
            ),
            None => format!("nothing of type {} is mounted there", source.mount_type),
        }
    }
}
