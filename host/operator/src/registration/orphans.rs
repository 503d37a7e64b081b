//! Runtimes whose plugin was removed: they keep running, and get an event that nobody looks after
//! them.

use futures::StreamExt;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{DynamicObject, ListParams};
use kube::runtime::events::EventType;
use kube::{Api, Client, Resource};
use wasser_engine::Events;

use crate::left::Left;
use crate::served;

/// Runtimes that get the event; more would flood the events.
const TOLD: u32 = 500;
/// Events under way at the same time.
const AT_ONCE: usize = 8;
/// The reason of the event.
const REASON: &str = "PluginRemoved";

/// Publishes an event on every runtime of a kind that nobody serves any more. `reason` is what
/// keeps a registration from serving it, if there still is one.
pub async fn tell(client: &Client, left: &Left, events: &Events, kind: &str, reason: Option<&str>) {
    let runtimes = match runtimes(client, kind).await {
        Ok(runtimes) => runtimes,
        // The right to list them may be gone as well.
        Err(error) => match left.of(kind).await {
            Some(runtimes) => runtimes,
            None => {
                return tracing::warn!(kind, %error, "the runtimes whose plugin was removed could not be listed");
            }
        },
    };
    let count = runtimes.len();
    if count == 0 {
        return tracing::info!(kind, "the kind is not served any more; there are no runtimes of it");
    }
    tracing::warn!(
        kind,
        count,
        reason,
        "the kind is not served any more; its runtimes keep running as they are, and nobody looks after them"
    );
    let message = match reason {
        Some(reason) => format!(
            "The plugin for {kind} serves no more: {reason}. This runtime keeps running as it is; changes, health \
                and deletion wait until \
             that is mended"
        ),
        None => format!(
            "The plugin for {kind} was removed. This runtime keeps running as it is; changes, health and deletion \
                wait until a plugin for \
             {kind} is registered"
        ),
    };
    let told = runtimes.into_iter().take(TOLD as usize);
    let published = futures::stream::iter(told).for_each_concurrent(AT_ONCE, |about| {
        let message = &message;
        async move {
            events.publish(&about, EventType::Warning, REASON, message).await;
        }
    });
    published.await;
}

/// Returns the runtimes of a kind that the API server has.
async fn runtimes(client: &Client, kind: &str) -> kube::Result<Vec<ObjectReference>> {
    let Some(resource) = served::resource(client, |known| known == kind).await? else {
        return Ok(Vec::new());
    };
    let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
    let runtimes = api.list_metadata(&ListParams::default().limit(TOLD)).await?;
    Ok(runtimes
        .items
        .iter()
        .map(|runtime| runtime.object_ref(&resource))
        .collect())
}
