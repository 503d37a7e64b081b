//! SyncMetadata: the size of a Dataset and the number of its files. To read them is a conversation
//! with the cache system that may outlive a reconcile, and so it runs as a task.
//!
//! Nobody is asked while no pod is ready. `[Calculating]` is shown while the first read runs or is
//! about to be tried again, and never for a later read: what was known stays until there is
//! something newer.

mod due;

use wasser_api::dataset::METADATA_SYNC_NOT_DONE as CALCULATING;
use wasser_api::reasons::events;
use wasser_api::size;
use wasser_plugin::bindings::types::StorageStats;

use crate::plugin::answer::answer;
use crate::request::Request;
use crate::shared::sizes_read::{SizesRead, Unread};
use crate::shared::tasks::Progress;

pub use due::Last;
use due::Look;

/// How often a failing read is tried before users are shown that it fails.
const PATIENCE: u32 = 3;

impl Request {
    /// SyncMetadata: shows the sizes that were read last, and has them read when that is due.
    pub async fn sync_metadata(&mut self) {
        if !self.syncs_metadata() {
            return;
        }
        let ready_since = self.ready_since();
        let tasks = &self.shared.metadata;
        let read = match tasks.progress(&self.uid) {
            Some(Progress::Running) => return self.show_calculating(),
            Some(Progress::Done(read)) => Some(read),
            None => None,
        };
        if let Some(read) = &read {
            self.show_sizes(read);
        }
        let Some(ready_since) = ready_since else {
            // With nobody to ask, nothing is being calculated.
            return self.show_unknown();
        };
        let Some(read) = read else {
            // What an earlier process has read is shown until it is this one's turn.
            if let Some(rest) = self.shared.rest_of_start(&self.uid).filter(|_| self.knows_sizes()) {
                return self.look_again_in(rest);
            }
            self.show_calculating();
            return self.start_reading(ready_since, 0);
        };
        let (tasks, age) = (
            &self.shared.metadata,
            self.shared.metadata.age(&self.uid).unwrap_or_default(),
        );
        let failures = tasks.failures(&self.uid);
        let look = self.look(&read, ready_since, failures);
        let Some(pause) = look.pause() else { return };
        if age < pause {
            return self.look_again_in(pause.saturating_sub(age));
        }
        if let Err(Unread::Failed(message)) = &read.outcome {
            if self.shared.metadata.failed(&self.uid) == PATIENCE {
                let message = format!("The size of the dataset cannot be read: {message}");
                self.warn(events::ERROR_PROCESS_RUNTIME, &message).await;
            }
        } else {
            self.shared.metadata.succeeded(&self.uid);
        }
        let put_off = match look.last {
            Last::Later(_, before) if !look.ready_anew => before.saturating_add(1),
            _ => 0,
        };
        self.start_reading(ready_since, put_off);
    }

    /// Number of files and bytes of the Dataset; none if they are not known, or being read. The status
    /// has the bytes with two decimals of their unit; they are exact where this process has read
    /// them.
    pub fn contents(&self) -> Option<(u64, u64)> {
        let read = match self.shared.metadata.progress(&self.uid) {
            Some(Progress::Running) => return None,
            Some(Progress::Done(read)) => read.outcome.ok().flatten(),
            None => None,
        };
        let status = &self.dataset_status;
        let files = status.file_num.as_ref()?.parse().ok()?;
        exact(files, status.ufs_total.as_ref()?, read.as_ref())
    }

    /// Whether sizes are shown that were read.
    fn knows_sizes(&self) -> bool {
        let shown = self.dataset_status.ufs_total.as_deref();
        shown.is_some_and(|shown| !shown.is_empty() && shown != CALCULATING)
    }

    /// Reads again, after the mounts changed.
    pub fn restart_metadata_sync(&mut self) {
        self.shared.metadata.forget(&self.uid);
        if self.syncs_metadata() {
            self.dataset_status.ufs_total = None;
            self.show_calculating();
        }
    }

    /// Since when the youngest pod of the runtime that is ready is so; none while no pod is. A
    /// runtime without pods has always somebody to ask.
    pub(crate) fn ready_since(&self) -> Option<i64> {
        if self.roles.is_empty() {
            return Some(0);
        }
        let pods = self.roles.iter().flat_map(|state| self.pods_of(state));
        pods.filter(|pod| pod.ready).map(|pod| pod.ready_since).max()
    }

    fn look(&self, read: &SizesRead, ready_since: i64, failures: u32) -> Look {
        let last = match &read.outcome {
            Ok(Some(_)) => Last::Read,
            Ok(None) => Last::NotSupported,
            Err(Unread::Later(after)) => Last::Later(*after, read.put_off),
            Err(Unread::Failed(_)) => Last::Failed(failures),
        };
        let bytes = |text: Option<&String>| text.and_then(|text| size::parse(text).ok());
        let cached = bytes(self.runtime_status.cache_states.get("cached"));
        let total = bytes(self.dataset_status.ufs_total.as_ref());
        Look {
            last,
            took: self.shared.metadata.took(&self.uid).unwrap_or_default(),
            ready_anew: ready_since > read.ready_since,
            writable: self
                .dataset
                .as_ref()
                .is_some_and(|dataset| !dataset.spec.is_read_only_below("")),
            states_changed: read.states != self.runtime_status.cache_states,
            exceeded: matches!((cached, total), (Some(cached), Some(total)) if cached > total),
            period: self.shared.settings.sync_period,
        }
    }

    /// `spec.management.metadataSyncPolicy.autoSync`, true where it is not set.
    fn syncs_metadata(&self) -> bool {
        self.object
            .pointer("/spec/management/metadataSyncPolicy/autoSync")
            .and_then(serde_json::Value::as_bool)
            .unwrap_or(true)
    }

    fn show_sizes(&mut self, read: &SizesRead) {
        match &read.outcome {
            Ok(Some(stats)) => {
                self.dataset_status.ufs_total = Some(size::format(stats.total));
                self.dataset_status.file_num = Some(stats.total_files.to_string());
            }
            Ok(None) => {
                self.dataset_status.ufs_total = None;
                self.dataset_status.file_num = None;
            }
            Err(Unread::Failed(_)) if self.shared.metadata.failures(&self.uid) >= PATIENCE => self.show_unknown(),
            Err(_) => self.show_calculating(),
        }
    }

    /// Shows that the sizes are being read, unless some are known, or users know that it fails.
    fn show_calculating(&mut self) {
        let fails = self.shared.metadata.failures(&self.uid) >= PATIENCE;
        if !fails && self.dataset_status.ufs_total.as_deref().is_none_or(str::is_empty) {
            self.dataset_status.ufs_total = Some(CALCULATING.to_owned());
            self.dataset_status.file_num = Some(CALCULATING.to_owned());
        }
    }

    /// Shows nothing instead of a calculation that nobody makes.
    fn show_unknown(&mut self) {
        for shown in [&mut self.dataset_status.ufs_total, &mut self.dataset_status.file_num] {
            if shown.as_deref() == Some(CALCULATING) {
                *shown = None;
            }
        }
    }

    /// Reads the sizes: with all that the plugin does for the first time, later only the figures.
    /// The last so many reads were put off.
    fn start_reading(&self, ready_since: i64, put_off: u32) {
        let known = self.dataset_status.ufs_total.as_deref();
        let first = known.is_none_or(|text| text.is_empty() || text == CALCULATING);
        let (mut implement, context, kind) = (self.instance(), self.context.clone(), self.identity.kind.clone());
        let (wake, faults, states) = (
            self.wake.clone(),
            self.faults(),
            self.runtime_status.cache_states.clone(),
        );
        let work = async move {
            let read = async {
                if first {
                    let outcome = implement.sync_metadata(&context).await;
                    faults.report(answer(&kind, "sync-metadata", outcome)).await?;
                }
                let outcome = implement.storage_stats(&context).await;
                faults
                    .report(answer::<StorageStats>(&kind, "storage-stats", outcome))
                    .await
            };
            SizesRead {
                outcome: read.await.map_err(Unread::of),
                ready_since,
                states,
                put_off,
            }
        };
        let rush = self.shared.rush.clone();
        let gate = async move {
            if first {
                rush.over().await;
            }
        };
        self.shared
            .metadata
            .start_when(gate, &self.uid, self.origin(), move || wake(), work);
    }
}

/// The number of files, and the bytes that a status shows, exactly where they are what was read.
fn exact(files: u64, shown: &str, read: Option<&StorageStats>) -> Option<(u64, u64)> {
    let total = read
        .map(|read| read.total)
        .filter(|total| size::format(*total) == shown);
    let bytes = total.or_else(|| size::parse(shown).ok().and_then(|bytes| bytes.try_into().ok()))?;
    Some((files, bytes))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::read("1.50KiB", Some(1537), Some((7, 1537)))]
    #[case::read_since("1.50KiB", Some(4096), Some((7, 1536)))]
    #[case::of_an_earlier_process("1.50KiB", None, Some((7, 1536)))]
    #[case::calculating("[Calculating]", None, None)]
    fn bytes_are_exact_where_they_were_read(
        #[case] shown: &str,
        #[case] read: Option<u64>,
        #[case] expected: Option<(u64, u64)>,
    ) {
        let read = read.map(|total| StorageStats {
            total,
            used: 0,
            free: None,
            total_files: 7,
        });
        assert_eq!(exact(7, shown, read.as_ref()), expected);
    }
}
