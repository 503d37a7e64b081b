//! Shutdown: everything that a runtime leaves behind, removed in an order that can be interrupted anywhere.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::Value;
use wasser_api::reasons::events;

use crate::error::{EngineError, is_not_found};
use crate::implement::answer;
use crate::request::Request;
use crate::tasks::Progress;

/// Attempts to empty the cache where the runtime's clean policy does not say.
const DEFAULT_ATTEMPTS: u32 = 3;
/// Wait after the first failed attempt; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

impl Request {
    /// Cleans the cache, the nodes, the release and the records. Fails with a wait while something is still going on.
    pub async fn shutdown(&mut self) -> Result<(), EngineError> {
        self.clean_cache().await?;
        let wish = self.node_wish();
        self.cluster.labeler.clear(&self.uid, wish).await;
        let (namespace, name) = (&self.identity.namespace, &self.identity.name);
        let config_maps = self.cluster.caches.release_config_maps.has(namespace, name);
        self.cluster
            .releases
            .uninstall(namespace, name, &self.policy(), config_maps)
            .await
            .map_err(|source| EngineError::Release {
                release: self.identity.display(),
                source: Box::new(source),
            })?;
        self.delete_config_map(&self.identity.values_config_map()).await?;
        self.cluster.forget(&self.uid);
        Ok(())
    }

    /// Attempts to empty the cache, up to the limit of the clean policy; then the deletion goes on without.
    async fn clean_cache(&mut self) -> Result<(), EngineError> {
        let limit = self.clean_policy("maxRetryAttempts").unwrap_or(DEFAULT_ATTEMPTS);
        let tasks = &self.cluster.cleanups;
        match tasks.progress(&self.uid) {
            None => self.start_cleanup(Duration::ZERO),
            Some(Progress::Done(Ok(()))) => return Ok(()),
            Some(Progress::Running) => {}
            Some(Progress::Done(Err(message))) => {
                let failures = tasks.failed(&self.uid);
                if failures >= limit {
                    let message =
                        format!("Failed to clean the cache after {failures} attempts; the deletion goes on. The last error: {message}");
                    self.event(true, events::ERROR_PROCESS_RUNTIME, &message).await;
                    return Ok(());
                }
                self.start_cleanup(FIRST_PAUSE * 2_u32.saturating_pow(failures.saturating_sub(1)));
            }
        }
        Err(EngineError::NotYet {
            after: Duration::from_secs(60),
            message: "the cache is being cleaned".to_owned(),
        })
    }

    fn start_cleanup(&self, pause: Duration) {
        let (mut implement, context, kind) = (self.instance(), self.context.clone(), self.identity.kind.clone());
        let wake = Arc::clone(&self.wake);
        let work = async move {
            tokio::time::sleep(pause).await;
            let outcome = implement.shutdown(&context).await;
            answer(&kind, "shutdown", outcome).map(drop).map_err(|error| error.to_string())
        };
        self.cluster.cleanups.start(&self.uid, &self.identity.kind, move || wake(), work);
    }

    /// A number of `spec.management.cleanCachePolicy`, or of `spec.cleanCachePolicy`, where some runtimes have it.
    fn clean_policy(&self, field: &str) -> Option<u32> {
        let find = |prefix: &str| {
            self.object
                .pointer(&format!("{prefix}/cleanCachePolicy/{field}"))
                .and_then(Value::as_u64)
        };
        find("/spec/management")
            .or_else(|| find("/spec"))
            .and_then(|number| u32::try_from(number).ok())
    }

    async fn delete_config_map(&self, name: &str) -> Result<(), EngineError> {
        let api = Api::<ConfigMap>::namespaced(self.cluster.client.clone(), &self.identity.namespace);
        match api.delete(name, &DeleteParams::default()).await {
            Ok(_) => Ok(()),
            Err(error) if is_not_found(&error) => Ok(()),
            Err(error) => Err(EngineError::kube(format!("deleting ConfigMap {}/{name}", self.identity.namespace))(
                error,
            )),
        }
    }
}
