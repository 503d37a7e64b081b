//! Whether a fuse pod has mounted its file system, and whether that answers.
//!
//! That something is mounted is seen in mountinfo, when it changes. Whether it answers is found out by asking it ([`probe`](crate::mount::probe)).

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::{Mount, Table};
use crate::mount::probe::Answer;
use crate::volume::attributes::Source;

/// How often a file system is asked again that is mounted but does not answer rightly, or a directory that nothing is mounted on: no event tells.
const AGAIN: Duration = Duration::from_millis(250);

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
