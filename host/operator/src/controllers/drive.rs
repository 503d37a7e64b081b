//! Runs a controller to its end.

use std::hash::Hash;
use std::pin::pin;

use futures::{FutureExt, Stream, StreamExt};
use kube::Resource;
use kube::runtime::reflector::{Lookup, Store};
use tokio_util::sync::CancellationToken;

/// Runs a controller until it is stopped and what was under way has ended. One that is stopped
/// before its first list has nothing under way, but would wait for that list.
pub async fn drive<K>(results: impl Stream, store: Store<K>, stop: CancellationToken)
where
    K: Resource + Lookup<DynamicType = <K as Resource>::DynamicType> + Clone + 'static,
    <K as Resource>::DynamicType: Eq + Hash + Clone,
{
    let mut ended = pin!(results.for_each(|_| std::future::ready(())));
    tokio::select! {
        () = &mut ended => return,
        () = stop.cancelled() => {}
    }
    if store.wait_until_ready().now_or_never().is_some() {
        ended.await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::stream;
    use k8s_openapi::api::core::v1::ConfigMap;
    use kube::runtime::reflector;
    use kube::runtime::watcher::Event;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn what_was_never_listed_is_not_waited_for() {
        let (store, _writer) = reflector::store::<ConfigMap>();
        let stop = CancellationToken::new();
        stop.cancel();
        let driven = drive(stream::pending::<()>(), store, stop);
        tokio::time::timeout(SOON, driven).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_under_way_ends() {
        let (store, mut writer) = reflector::store::<ConfigMap>();
        writer.apply_watcher_event(&Event::Init);
        writer.apply_watcher_event(&Event::InitDone);
        let stop = CancellationToken::new();
        stop.cancel();
        let (ended, ends) = tokio::sync::oneshot::channel::<()>();
        let mut driven = pin!(drive(stream::once(ends), store, stop));
        assert!(futures::poll!(&mut driven).is_pending());
        drop(ended);
        tokio::time::timeout(SOON, driven).await.unwrap();
    }
}
