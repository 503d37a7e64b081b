//! One question to a plugin, and its answer in a form that can be shown and compared.

use std::fmt;

use serde_json::{Value, json};
use wasser_plugin::bindings::types::{CacheState, Error, Measure, Mount, StorageStats, UfsChange};
use wasser_plugin::{CallError, Context, Instance, Plugin};

/// A question to a plugin.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Whether the spec can work.
    Validate,
    /// The chart values.
    Desired,
    /// Whether a role serves.
    CheckReady(String),
    /// Whether `prepare-ufs` is needed.
    ShouldCheckUfs,
    /// Mount the data sources.
    PrepareUfs,
    /// Prepare for workers.
    SetupWorkers,
    /// Read metadata.
    SyncMetadata,
    /// The size of the file system.
    StorageStats,
    /// The statuses of the cache.
    CacheStates,
    /// Whether the system is healthy.
    CheckRuntimeHealthy,
    /// How the mounts differ.
    ShouldUpdateUfs,
    /// Change the mounts.
    UpdateUfs(UfsChange),
    /// Adapt to the number of workers.
    SyncReplicas,
    /// Empty the cache.
    Shutdown,
    /// The plan of an operation of this kind.
    DataOperation(&'static str, Value),
}

/// A plugin's answer, or how the call failed.
pub type Answer = Result<Result<Value, Error>, CallError>;

impl Step {
    /// Returns the name of the function in the WIT.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Desired => "desired",
            Self::CheckReady(_) => "check-ready",
            Self::ShouldCheckUfs => "should-check-ufs",
            Self::PrepareUfs => "prepare-ufs",
            Self::SetupWorkers => "setup-workers",
            Self::SyncMetadata => "sync-metadata",
            Self::StorageStats => "storage-stats",
            Self::CacheStates => "cache-states",
            Self::CheckRuntimeHealthy => "check-runtime-healthy",
            Self::ShouldUpdateUfs => "should-update-ufs",
            Self::UpdateUfs(_) => "update-ufs",
            Self::SyncReplicas => "sync-replicas",
            Self::Shutdown => "shutdown",
            Self::DataOperation(..) => "data-operation",
        }
    }

    /// Returns whether a plugin is ever asked this.
    pub fn is_asked(&self, plugin: &Plugin) -> bool {
        match self {
            Self::Desired => true,
            Self::DataOperation(..) => plugin.has_operations(),
            _ => plugin.has(self.method()),
        }
    }

    /// Asks a plugin. The values of `desired` are the text that it returned.
    pub async fn ask(&self, instance: &mut Instance, context: &Context) -> Answer {
        match self {
            Self::Validate => done(instance.validate(context).await),
            Self::Desired => read(instance.desired(context).await, Value::from),
            Self::CheckReady(role) => read(instance.check_ready(context, role).await, Value::from),
            Self::ShouldCheckUfs => read(instance.should_check_ufs(context).await, Value::from),
            Self::PrepareUfs => done(instance.prepare_ufs(context).await),
            Self::SetupWorkers => done(instance.setup_workers(context).await),
            Self::SyncMetadata => done(instance.sync_metadata(context).await),
            Self::StorageStats => read(instance.storage_stats(context).await, |stats| sizes(&stats)),
            Self::CacheStates => read(instance.cache_states(context).await, |states| cached(&states)),
            Self::CheckRuntimeHealthy => done(instance.check_runtime_healthy(context).await),
            Self::ShouldUpdateUfs => read(instance.should_update_ufs(context).await, |change| changed(&change)),
            Self::UpdateUfs(change) => read(instance.update_ufs(context, change).await, Value::from),
            Self::SyncReplicas => done(instance.sync_replicas(context).await),
            Self::Shutdown => done(instance.shutdown(context).await),
            Self::DataOperation(kind, operation) => read(
                instance.data_operation(context, kind, &operation.to_string()).await,
                |plan| serde_json::from_str(&plan).unwrap_or(Value::String(plan)),
            ),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CheckReady(role) => write!(out, "check-ready {role}"),
            Self::DataOperation(kind, _) => write!(out, "data-operation {kind}"),
            other => out.write_str(other.method()),
        }
    }
}

/// The answer of a method.
pub type Outcome<T> = Result<Result<T, Error>, CallError>;

fn read<T>(outcome: Outcome<T>, shown: impl FnOnce(T) -> Value) -> Answer {
    outcome.map(|answer| answer.map(shown))
}

fn done(outcome: Outcome<()>) -> Answer {
    read(outcome, |()| Value::Null)
}

fn sizes(stats: &StorageStats) -> Value {
    json!({"used": stats.used, "free": stats.free, "total": stats.total, "totalFiles": stats.total_files})
}

fn cached(states: &[CacheState]) -> Value {
    let value = |measure: &Measure| match measure {
        Measure::Bytes(bytes) => json!({"bytes": bytes}),
        Measure::Share(share) => json!({"share": share}),
        Measure::Unknown => Value::Null,
        Measure::Other(text) => json!(text),
    };
    states
        .iter()
        .map(|state| (state.name.clone(), value(&state.value)))
        .collect()
}

pub fn changed(change: &UfsChange) -> Value {
    let mount = |mount: &Mount| {
        let spec: Value = serde_json::from_str(&mount.spec).unwrap_or_else(|_| mount.spec.clone().into());
        json!({"path": mount.path, "spec": spec})
    };
    let all = |mounts: &[Mount]| mounts.iter().map(mount).collect::<Vec<_>>();
    let changed = change.changed.iter();
    json!({
        "added": all(&change.added), "removed": all(&change.removed),
        "changed": changed.map(|pair| json!({"old": mount(&pair.old), "new": mount(&pair.new)})).collect::<Vec<_>>(),
    })
}

/// Returns an error of a plugin for people.
pub fn refusal(error: &Error) -> String {
    match error {
        Error::NotSupported => "left to the host".to_owned(),
        Error::InvalidSpec(invalid) => format!("{}: {}", invalid.field, invalid.message),
        Error::RetryAfter(delay) => format!("again in {} s: {}", delay.seconds, delay.message),
        Error::Failed(message) => message.clone(),
        Error::Other((code, message)) => format!("{code}: {message}"),
    }
}

/// Returns whether an error of a plugin tells users nothing.
pub fn is_mute(error: &Error) -> bool {
    let message = match error {
        Error::NotSupported => return false,
        Error::InvalidSpec(invalid) => &invalid.message,
        Error::RetryAfter(delay) => &delay.message,
        Error::Failed(message) | Error::Other((_, message)) => message,
    };
    message.trim().is_empty()
}
