//! What the engine asks of a runtime: the methods that Fluid's runtime guide names, answered by a component or by a test.

use std::sync::Arc;

use async_trait::async_trait;
use wasser_plugin::bindings::types::{Context, Error as Answer, StorageStats, UfsChange, UfsUpdate};
use wasser_plugin::{CallError, Instance};

use crate::error::EngineError;

/// Wraps the methods of a plugin, to measure them.
pub type Dress = Arc<dyn Fn(Box<dyn Implement>) -> Box<dyn Implement> + Send + Sync>;

/// What a method answers, or how the call itself failed.
pub type Outcome<T> = Result<Result<T, Answer>, CallError>;

/// The methods of a runtime, as in the WIT interface `implement`.
#[async_trait]
pub trait Implement: Send + Sync {
    /// See the WIT.
    async fn validate(&mut self, ctx: &Context) -> Outcome<()>;
    /// See the WIT. The answer is JSON.
    async fn setup_master(&mut self, ctx: &Context) -> Outcome<String>;
    /// See the WIT.
    async fn check_master_ready(&mut self, ctx: &Context) -> Outcome<bool>;
    /// See the WIT.
    async fn should_check_ufs(&mut self, ctx: &Context) -> Outcome<bool>;
    /// See the WIT.
    async fn prepare_ufs(&mut self, ctx: &Context) -> Outcome<()>;
    /// See the WIT.
    async fn setup_workers(&mut self, ctx: &Context) -> Outcome<()>;
    /// See the WIT.
    async fn check_workers_ready(&mut self, ctx: &Context) -> Outcome<bool>;
    /// See the WIT.
    async fn sync_metadata(&mut self, ctx: &Context) -> Outcome<()>;
    /// See the WIT.
    async fn storage_stats(&mut self, ctx: &Context) -> Outcome<StorageStats>;
    /// See the WIT.
    async fn cache_states(&mut self, ctx: &Context) -> Outcome<Vec<(String, String)>>;
    /// See the WIT.
    async fn check_runtime_healthy(&mut self, ctx: &Context) -> Outcome<()>;
    /// See the WIT.
    async fn should_update_ufs(&mut self, ctx: &Context) -> Outcome<UfsChange>;
    /// See the WIT.
    async fn update_ufs(&mut self, ctx: &Context, change: &UfsChange) -> Outcome<UfsUpdate>;
    /// See the WIT.
    async fn sync_replicas(&mut self, ctx: &Context) -> Outcome<()>;
    /// See the WIT. The answer is JSON.
    async fn sync_runtime(&mut self, ctx: &Context) -> Outcome<Option<String>>;
    /// See the WIT.
    async fn shutdown(&mut self, ctx: &Context) -> Outcome<()>;
}

macro_rules! forward {
    ($($method:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Implement for Instance {
            $(async fn $method(&mut self, ctx: &Context $(, $argument: $type)*) -> Outcome<$answer> {
                Instance::$method(self, ctx $(, $argument)*).await
            })*
        }
    };
}

forward! {
    validate() -> ();
    setup_master() -> String;
    check_master_ready() -> bool;
    should_check_ufs() -> bool;
    prepare_ufs() -> ();
    setup_workers() -> ();
    check_workers_ready() -> bool;
    sync_metadata() -> ();
    storage_stats() -> StorageStats;
    cache_states() -> Vec<(String, String)>;
    check_runtime_healthy() -> ();
    should_update_ufs() -> UfsChange;
    update_ufs(change: &UfsChange) -> UfsUpdate;
    sync_replicas() -> ();
    sync_runtime() -> Option<String>;
    shutdown() -> ();
}

/// Turns an outcome into what the engine goes on with: the answer, or none where the plugin leaves the method to the host.
pub fn answer<T>(kind: &str, method: &'static str, outcome: Outcome<T>) -> Result<Option<T>, EngineError> {
    match outcome {
        Ok(Ok(value)) => Ok(Some(value)),
        Ok(Err(Answer::NotSupported)) => Ok(None),
        Ok(Err(Answer::InvalidSpec(invalid))) => Err(EngineError::InvalidSpec {
            field: invalid.field,
            message: invalid.message,
        }),
        Ok(Err(Answer::RetryAfter(delay))) => Err(EngineError::NotYet {
            after: std::time::Duration::from_secs(u64::from(delay.seconds.clamp(1, 600))),
            message: delay.message,
        }),
        Ok(Err(Answer::Failed(message))) => Err(EngineError::Failed { method, message }),
        Ok(Err(Answer::Other((code, message)))) => Err(EngineError::Failed {
            method,
            message: format!("{code}: {message}"),
        }),
        Err(error) => Err(EngineError::Plugin {
            kind: kind.to_owned(),
            source: Box::new(error),
        }),
    }
}
