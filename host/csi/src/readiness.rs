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

    /// Returns where a directory of a volume really is that may have mounts below its path: below the
    /// lowest of them that contains it. One that no mount contains is where the volume says.
    pub fn resolved(&self, table: &Table, source: &Source) -> Source {
        let whole = self.mount_root.canonical(&source.fluid_path);
        let Ok(whole) = whole else { return source.clone() };
        let path = whole.join(&source.sub_path);
        let mount = table.containing(&path).filter(|mount| {
            mount.mount_point != whole && mount.mount_point.starts_with(&whole) && mount.is_of_type(&source.mount_type)
        });
        let below = mount.and_then(|mount| Some((mount, path.strip_prefix(&mount.mount_point).ok()?)));
        match below {
            Some((mount, rest)) => Source {
                fluid_path: mount.mount_point.clone(),
                sub_path: rest.to_owned(),
                ..source.clone()
            },
            None => source.clone(),
        }
    }

    /// Waits until a source is mounted and answers, and opens it. Without `mounted`, a directory
    /// without a mount is enough, but for a directory in it: that would be one of the node's disk
    /// until it is covered. Returns where it is as well.
    ///
    /// # Errors
    /// Returns [`Error::NotReady`] after the deadline, with the last finding. Fails at once if the
    /// path is refused or the sub path does not exist.
    pub async fn wait_ready(
        &self,
        given: &Source,
        mounted: bool,
        deadline: Instant,
    ) -> Result<(Source, OwnedFd), Error> {
        let mut watch = self.watch.clone();
        let mounted = mounted || !given.sub_path.as_os_str().is_empty();
        loop {
            watch.mark();
            let table = Table::read().attempt("reading the mounts for", &given.fluid_path)?;
            let source = self.resolved(&table, given);
            let fuse = self.fuse_mount(&table, &source);
            let (why, look_again) = if mounted && fuse.is_none() {
                (self.not_mounted(&table, &source), None)
            } else {
                let device = fuse.map(|mount| mount.device.as_str());
                match self.prober.open(&source, device).await? {
                    Answer::Here(directory) => return Ok((source, directory)),
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
                    Answer::Stale => (
                        "what it had mounted is gone (stale file handle)".to_owned(),
                        Some(AGAIN),
                    ),
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
                    given.fluid_path.display(),
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
            None if source.sub_path.as_os_str().is_empty() => {
                format!("nothing of type {} is mounted there", source.mount_type)
            }
            None => format!(
                "nothing of type {} is mounted there, or on the way to {}",
                source.mount_type,
                source.sub_path.display()
            ),
        }
    }
}
