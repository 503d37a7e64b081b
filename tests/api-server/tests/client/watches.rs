//! Watches, as the watchers of `kube::runtime` follow them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, WatchEvent, WatchParams};
use kube::runtime::watcher::{self, Event, watcher};
use kube::runtime::{WatchStreamExt, reflector};
use kube::{Api, ResourceExt};
use serde_json::json;
use wasser_test_api_server::{ApiServer, Cut, Effect, Failure, Fault, Verb};

use crate::{api, map, typed};

const QUIET: Duration = Duration::from_millis(5);

/// Word and name of an event.
fn describe(event: &WatchEvent<ConfigMap>) -> String {
    match event {
        WatchEvent::Added(map) => format!("added {}", map.name_any()),
        WatchEvent::Modified(map) => format!("modified {}", map.name_any()),
        WatchEvent::Deleted(map) => format!("deleted {}", map.name_any()),
        WatchEvent::Bookmark(_) => "bookmark".to_owned(),
        WatchEvent::Error(status) => format!("error {}", status.code),
    }
}

/// The events of a watch that begins at a version, until it ends or shows nothing more.
async fn watched(maps: &Api<ConfigMap>, params: &WatchParams, version: &str) -> Vec<String> {
    let stream = maps.watch(params, version).await.unwrap();
    let mut events = stream.map_ok(|event| describe(&event)).boxed();
    let mut seen = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(QUIET, events.next()).await {
        seen.push(event.unwrap());
    }
    seen
}

fn version(server: &ApiServer) -> String {
    server.create(&map("mark", json!({})))["metadata"]["resourceVersion"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_watch_shows_what_happened_since_a_version() {
    let server = ApiServer::new();
    let start = version(&server);
    let maps = api::<ConfigMap>(&server);
    let mut labelled = map("a", json!({}));
    labelled["metadata"]["labels"] = json!({"app": "x"});
    server.create(&labelled);
    server.create(&map("b", json!({})));
    server.edit("ConfigMap", "default", "a", |map| map["data"] = json!({"k": "1"}));
    server.edit("ConfigMap", "default", "a", |map| map["metadata"]["labels"] = json!({}));
    maps.delete("b", &DeleteParams::default()).await.unwrap();

    let params = WatchParams::default().disable_bookmarks();
    assert_eq!(
        watched(&maps, &params, &start).await,
        ["added a", "added b", "modified a", "modified a", "deleted b"]
    );
    let selected = params.clone().labels("app=x");
    assert_eq!(
        watched(&maps, &selected, &start).await,
        ["added a", "modified a", "deleted a"],
        "what is no longer selected is gone"
    );
    assert_eq!(watched(&maps, &params, "0").await, ["added a", "added mark"]);
    server.forget_history();
    assert_eq!(watched(&maps, &params, &start).await, ["error 410"]);
}

#[tokio::test]
async fn a_watch_ends_in_time_with_a_bookmark() {
    let server = ApiServer::new();
    let start = version(&server);
    let maps = api::<ConfigMap>(&server);
    let stream = maps.watch(&WatchParams::default().timeout(1), &start).await.unwrap();
    let events: Vec<String> = stream.map_ok(|event| describe(&event)).try_collect().await.unwrap();
    assert_eq!(events, ["bookmark"]);
}

/// Follows ConfigMaps, with what a controller would have cached.
fn follow(
    server: &ApiServer,
    config: watcher::Config,
) -> (
    reflector::Store<ConfigMap>,
    impl Stream<Item = Event<ConfigMap>> + use<>,
) {
    let (store, writer) = reflector::store();
    let stream = watcher(api::<ConfigMap>(server), config).reflect(writer);
    (store, stream.filter_map(|event| async { event.ok() }).boxed())
}

fn names(store: &reflector::Store<ConfigMap>) -> Vec<String> {
    let mut names: Vec<String> = store.state().iter().map(|map| map.name_any()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_watch_that_is_held_back_shows_nothing_until_it_is_released() {
    let server = ApiServer::new();
    server.create(&map("a", json!({})));
    let (store, stream) = follow(&server, watcher::Config::default());
    tokio::spawn(stream.for_each(|_| async {}));
    server.settled(QUIET).await;
    assert_eq!(names(&store), ["a"]);
    server.hold("configmaps");
    server.create(&map("b", json!({})));
    server.settled(QUIET).await;
    assert_eq!(names(&store), ["a"], "the cache is stale");
    server.release("configmaps");
    server.settled(QUIET).await;
    assert_eq!(names(&store), ["a", "b"]);

    server.hold_behind("configmaps", 1);
    server.create(&map("c", json!({})));
    server.settled(QUIET).await;
    assert_eq!(names(&store), ["a", "b"]);
    server.create(&map("d", json!({})));
    server.settled(QUIET).await;
    assert_eq!(names(&store), ["a", "b", "c"], "one event behind");
    server.release_all();
    server.settled(QUIET).await;
    assert_eq!(names(&store), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_watcher_goes_on_however_its_watch_ends() {
    for config in [
        watcher::Config::default(),
        watcher::Config::default().streaming_lists(),
        watcher::Config::default().page_size(1),
    ] {
        let server = ApiServer::new();
        server.create(&map("a", json!({})));
        server.create(&map("b", json!({})));
        let (store, stream) = follow(&server, config);
        tokio::spawn(stream.for_each(|_| async {}));
        server.settled(QUIET).await;
        assert_eq!(names(&store), ["a", "b"]);
        for (name, cut) in [("c", Cut::End), ("d", Cut::Break), ("e", Cut::Expire)] {
            server.cut("configmaps", cut);
            server.forget_history();
            server.create(&map(name, json!({})));
            server.settled(QUIET).await;
            assert!(
                names(&store).contains(&name.to_owned()),
                "{cut:?}: {}",
                server.situation()
            );
        }
    }
}

#[tokio::test]
async fn events_can_come_twice_and_bookmarks_on_demand() {
    let server = ApiServer::new();
    let start = version(&server);
    server.repeat("configmaps", true);
    server.create(&map("a", json!({})));
    let maps = api::<ConfigMap>(&server);
    let mut stream = maps.watch(&WatchParams::default(), &start).await.unwrap().boxed();
    assert_eq!(describe(&stream.next().await.unwrap().unwrap()), "added a");
    assert_eq!(describe(&stream.next().await.unwrap().unwrap()), "added a");
    server.bookmark();
    assert_eq!(describe(&stream.next().await.unwrap().unwrap()), "bookmark");
    server.repeat("configmaps", false);
    server.create(&map("b", json!({})));
    server.create(&map("c", json!({})));
    assert_eq!(describe(&stream.next().await.unwrap().unwrap()), "added b");
    assert_eq!(describe(&stream.next().await.unwrap().unwrap()), "added c");
}

#[tokio::test]
async fn a_watch_can_be_refused() {
    let server = ApiServer::new();
    let refuse = server.arm(
        Fault::any().verb(Verb::Watch).times(1),
        Effect::Answer(Failure::too_many_requests(Duration::from_secs(1))),
    );
    let (store, stream) = follow(&server, watcher::Config::default());
    tokio::spawn(stream.for_each(|_| async {}));
    refuse.hit(1).await;
    server.create(&map("a", json!({})));
    server.settled(QUIET).await;
    assert_eq!(names(&store), ["a"]);
}

#[tokio::test]
async fn until_gives_what_a_look_finds() {
    let server = ApiServer::new();
    let maps = api::<ConfigMap>(&server);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(20)).await;
        maps.create(&kube::api::PostParams::default(), &typed(map("late", json!({}))))
            .await
            .unwrap();
    });
    let found = server
        .until("the late map", |server| server.object("ConfigMap", "default", "late"))
        .await;
    assert_eq!(found["metadata"]["name"], "late");
}

#[tokio::test]
async fn a_client_that_computes_is_waited_for_unless_it_hangs() {
    let server = ApiServer::new();
    let asked = Arc::new(AtomicUsize::new(0));
    server.wait_for({
        let asked = asked.clone();
        move || asked.fetch_add(1, Ordering::Relaxed) < 2
    });
    server.settled(QUIET).await;
    assert_eq!(asked.load(Ordering::Relaxed), 3);
    server.wait_for(|| true);
    server.settled(QUIET).await;
}
