//! The wait for a fuse pod's mount.
//!
//! The kernel reports each mount, and [`probe`](crate::mount::probe) finds out whether it answers.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::context::Context;
use crate::error::{Attempt, Error};
use crate::mount::mountinfo::{Mount, Table};
use crate::mount::probe::Answer;
use crate::volume::attributes::Source;

/// The poll interval for mounts that do not answer and for directories without a mount: the kernel
/// sends no event for either.
const AGAIN: Duration = Duration::from_millis(250);

impl Context {
    /// Returns the mount of a source if it is there and has the right type.
    pub fn fuse_mount<'a>(&self, table: &'a Table, source: &Source) -> Option<&'a Mount> {
        let path = self.mount_root.canonical(&source.fluid_path).ok()?;
        table.top(&path).filter(|mount| mount.is_of_type(&source.mount_type))
    }

    /// Waits until a source is mounted and answers, and opens it. Without `mounted`, a directory
    /// without a mount is enough.
    ///
    /// # Errors
    /// Returns [`Error::NotReady`] after the deadline, with the last finding. Fails at once if the
    /// path is refused or the sub path does not exist.
    pub async fn wait_ready(&self, source: &Source, mounted: bool, deadline: Instant) -> Result<OwnedFd, Error> {
        let mut watch = self.watch.clone();
        loop {
            watch.mark();
            let table = Table::read().attempt("reading the mounts for", &source.fluid_path)?;
            let fuse = self.fuse_mount(&table, source);
            let (why, look_again) = if mounted && fuse.is_none() {
                (self.not_mounted(&table, source), None)
            } else {
                match self
                    .prober
                    .open(source, fuse.map(|mount| mount.device.as_str()))
                    .await?
                {
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
                    Answer::Failing => ("it answers with an input/output error".to_owned(), Some(AGAIN)),
                    Answer::Silent => ("it does not answer".to_owned(), Some(AGAIN)),
                    Answer::Nothing => ("the directory does not exist".to_owned(), Some(AGAIN)),
                }
            };
            let next = look_again.map_or(deadline, |pause| deadline.min(Instant::now() + pause));
            // The loop looks at the mounts again after a change and after the pause alike.
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
