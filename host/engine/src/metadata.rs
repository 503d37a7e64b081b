//! SyncMetadata and the cache states: conversations with the cache system that outlive a reconcile, and so run as tasks.

use std::sync::Arc;

use wasser_api::dataset::METADATA_SYNC_NOT_DONE as CALCULATING;
use wasser_api::size;
use wasser_plugin::bindings::types::StorageStats;

use crate::error::EngineError;
use crate::implement::answer;
use crate::request::Request;
use crate::tasks::Progress;

/// How often a failing metadata sync or cache-state read is tried before the user is told.
const PATIENCE: u32 = 3;
/// The pause between two failing metadata syncs doubles so often: from 15 s to 8 min.
const LONGEST_BACKOFF: u32 = 5;

impl Request {
    /// SyncMetadata: starts the sync where the Dataset shows no sizes yet, and takes the result over when it is there.
    pub fn sync_metadata(&mut self) -> Result<(), EngineError> {
        let pending = |text: &Option<String>| text.as_deref().is_none_or(|text| text.is_empty() || text == CALCULATING);
        if !self.syncs_metadata() || !pending(&self.dataset_status.ufs_total) {
            return Ok(());
        }
        match self.cluster.metadata.progress(&self.uid) {
            Some(Progress::Running) => self.show_calculating(),
            Some(Progress::Done(Ok(Some(stats)))) => {
                self.dataset_status.ufs_total = Some(size::format(stats.total));
                self.dataset_status.file_num = Some(stats.total_files.to_string());
            }
            Some(Progress::Done(Ok(None))) => {
                self.dataset_status.ufs_total = None;
                self.dataset_status.file_num = None;
            }
            Some(Progress::Done(Err(message))) => {
                self.show_calculating();
                let tasks = &self.cluster.metadata;
                let pause = self.cluster.settings.sync_period * 2_u32.pow(tasks.failures(&self.uid).min(LONGEST_BACKOFF));
                if tasks.age(&self.uid).is_some_and(|age| age >= pause) {
                    let failures = tasks.failed(&self.uid);
                    self.start_metadata_sync();
                    if failures == PATIENCE {
                        return Err(EngineError::Failed {
                            method: "sync-metadata",
                            message,
                        });
                    }
                }
            }
            None => {
                self.show_calculating();
                self.start_metadata_sync();
            }
        }
        Ok(())
    }

    /// Calculates again, after the mounts changed.
    pub fn restart_metadata_sync(&mut self) {
        self.cluster.metadata.forget(&self.uid);
        if self.syncs_metadata() {
            self.show_calculating();
        }
    }

    /// `spec.management.metadataSyncPolicy.autoSync`, true where it is not set.
    fn syncs_metadata(&self) -> bool {
        self.object
            .pointer("/spec/management/metadataSyncPolicy/autoSync")
            .and_then(serde_json::Value::as_bool)
            .unwrap_or(true)
    }

    fn show_calculating(&mut self) {
        self.dataset_status.ufs_total = Some(CALCULATING.to_owned());
        self.dataset_status.file_num = Some(CALCULATING.to_owned());
    }

    fn start_metadata_sync(&self) {
        let (mut implement, context, kind) = (self.instance(), self.context.clone(), self.identity.kind.clone());
        let wake = self.wake.clone();
        let work = async move {
            let outcome = implement.sync_metadata(&context).await;
            answer(&kind, "sync-metadata", outcome).map_err(words)?;
            let outcome = implement.storage_stats(&context).await;
            answer::<StorageStats>(&kind, "storage-stats", outcome).map_err(words)
        };
        self.cluster.metadata.start(&self.uid, &self.identity.kind, move || wake(), work);
    }

    /// Reads the cache states when a period has passed, and shows what was read last. The sizes come first: pods that have just started are
    /// not asked two things at once.
    pub fn sync_cache_states(&mut self) {
        if self.cluster.metadata.progress(&self.uid) == Some(Progress::Running) {
            return;
        }
        let tasks = &self.cluster.cache_states;
        let mut failing = 0;
        match tasks.progress(&self.uid) {
            Some(Progress::Done(Ok(states))) => {
                self.runtime_status.cache_states = states.into_iter().collect();
                tasks.succeeded(&self.uid);
            }
            Some(Progress::Done(Err(message))) => {
                tracing::debug!(runtime = self.identity.display(), message, "reading the cache states failed");
                failing = tasks.failures(&self.uid).saturating_add(1);
            }
            Some(Progress::Running) | None => {}
        }
        let pause = self.cluster.settings.sync_period * 2_u32.pow(failing.min(LONGEST_BACKOFF));
        if tasks.age(&self.uid).is_none_or(|age| age >= pause) {
            if failing > 0 {
                tasks.failed(&self.uid);
            }
            let (mut implement, context, kind) = (self.instance(), self.context.clone(), self.identity.kind.clone());
            let shown: Vec<(String, String)> = self.runtime_status.cache_states.clone().into_iter().collect();
            let wake = Arc::clone(&self.wake);
            let (changed, is_changed) = (
                Arc::new(std::sync::atomic::AtomicBool::new(false)),
                std::sync::atomic::Ordering::Relaxed,
            );
            let flag = changed.clone();
            let done = move || {
                if changed.load(is_changed) {
                    wake();
                }
            };
            self.cluster.cache_states.start(&self.uid, &self.identity.kind, done, async move {
                let outcome = implement.cache_states(&context).await;
                let mut states = answer(&kind, "cache-states", outcome)
                    .map_err(|error| error.to_string())?
                    .unwrap_or_default();
                states.sort();
                flag.store(states != shown, is_changed);
                Ok(states)
            });
        }
    }
}

/// What went wrong, without the method: whoever shows it names that.
fn words(error: EngineError) -> String {
    match error {
        EngineError::Failed { message, .. } => message,
        other => other.to_string(),
    }
}
