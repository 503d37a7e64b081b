//! Tests what the instances of one plugin may use together: others go on, and nobody is blamed for
//! what another one uses.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use std::sync::Arc;

use async_trait::async_trait;
use common::backend::{Fake, scope};
use common::registration::{context, host, load};
use common::{ANSWER, Argument, Guest};
use futures::FutureExt;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wasser_api::ObjectKey;
use wasser_plugin::bindings::types::Role;
use wasser_plugin::{Backend, BackendError, CallError, ExecCommand, Instance, Output, Plugin, PodRecord, Standing};

/// As many instances as one plugin may have, and as many as all may have.
const OF_ONE: usize = 224;
const ALL: usize = 512;
const GROW: &str = "(if (i32.eq (memory.grow (i32.const 900)) (i32.const -1)) (then (unreachable)))";

/// A plugin that does this and then finds nothing wrong.
fn answering(body: &str) -> Vec<u8> {
    let fine = format!("{body} (i32.store (i32.const {ANSWER}) (i32.const 0)) (i32.const {ANSWER})");
    Guest::default().method("validate", &fine).build()
}

/// Calls a plugin, and keeps the instance.
async fn held(plugin: &Plugin) -> Result<Instance, CallError> {
    let mut instance = plugin.instance(scope(), Fake::new());
    instance.validate(&context()).await?.unwrap();
    Ok(instance)
}

fn is_good(plugin: &Plugin) -> bool {
    matches!(plugin.standing(), Standing::Good { faults: 0 })
}

#[tokio::test]
async fn instances_that_grow_to_their_limit_leave_memory_to_other_plugins() {
    let (host, _directory) = host();
    let greedy = load(&host, &answering(GROW), "").await.unwrap();
    let other = load(&host, &answering(""), "").await.unwrap();
    let mut all = Vec::new();
    let error = loop {
        match held(&greedy).await {
            Ok(instance) => all.push(instance),
            Err(error) => break error,
        }
    };
    assert_eq!(all.len(), 5, "five times 56 MiB");
    assert_eq!(error.label(), "host", "{error}");
    assert!(
        error
            .to_string()
            .contains("288 MiB of memory together, which is all that one plugin may have"),
        "{error}"
    );
    assert!(is_good(&greedy), "many instances are not a fault");
    held(&other).await.unwrap();

    // What ends gives back what it had.
    all.pop();
    held(&greedy).await.unwrap();
}

/// A cluster whose commands write a MiB to each stream and then never end.
struct Writing {
    pods: Arc<Fake>,
    /// The commands, and the MiB that are kept of them.
    running: watch::Sender<(usize, usize)>,
}

#[async_trait]
impl Backend for Writing {
    async fn list_pods(&self, scope: &ObjectKey, role: &Role) -> Result<Vec<PodRecord>, BackendError> {
        self.pods.list_pods(scope, role).await
    }

    async fn exec(&self, _scope: &ObjectKey, command: &ExecCommand<'_>) -> Result<Output, BackendError> {
        let kept = (0..2).filter(|_| command.room.take(1 << 20)).count();
        self.running.send_modify(|(commands, all)| {
            *commands += 1;
            *all += kept;
        });
        std::future::pending().await
    }
}

/// Has one more command written, and returns the MiB that are kept of all so far.
async fn one_more(plugin: &Arc<Plugin>, cluster: &Arc<Writing>) -> (JoinHandle<()>, usize) {
    let mut running = cluster.running.subscribe();
    let before = running.borrow_and_update().0;
    let mut instance = plugin.instance(scope(), cluster.clone());
    let call = tokio::spawn(async move { drop(instance.sync_metadata(&context()).await) });
    let kept = running.wait_for(|(commands, _)| *commands > before).await.unwrap().1;
    (call, kept)
}

#[tokio::test]
async fn what_hanging_commands_have_written_is_of_their_plugins_memory() {
    let (host, _directory) = host();
    let (text, no) = (Argument::Text, || Argument::Number(0));
    let words = Argument::Texts(&["status"]);
    let status = [
        text("demo-worker-0"),
        no(),
        no(),
        no(),
        words,
        no(),
        no(),
        no(),
        no(),
        no(),
    ];
    let guest = Guest::wanting(&[("exec", &["worker"])]).converses("sync-metadata", "run", &status, 1);
    let greedy = Arc::new(load(&host, &guest.build(), "grants: {exec: [worker]}\n").await.unwrap());
    let other = load(&host, &answering(GROW), "").await.unwrap();
    let cluster = Arc::new(Writing {
        pods: Fake::new(),
        running: watch::Sender::new((0, 0)),
    });
    let mut calls = Vec::new();
    let mut kept = 0;
    for _ in 0..160 {
        let (call, all) = one_more(&greedy, &cluster).await;
        calls.push(call);
        kept = all;
    }
    assert_eq!(kept, 287, "the words of the commands take a part of the last one");
    assert!(is_good(&greedy));
    held(&other).await.unwrap();

    // Who no longer waits gives everything back.
    for call in calls {
        call.abort();
        let _aborted = call.await;
    }
    let (call, all) = one_more(&greedy, &cluster).await;
    assert_eq!(all, kept + 2);
    call.abort();
}

#[tokio::test]
async fn no_plugin_has_all_instances() {
    let (host, _directory) = host();
    let greedy = load(&host, &answering(""), "").await.unwrap();
    let other = load(&host, &answering(""), "").await.unwrap();
    let mut all = Vec::new();
    for _ in 0..OF_ONE {
        all.push(held(&greedy).await.unwrap());
    }
    let mut next = Box::pin(held(&greedy));
    assert!((&mut next).now_or_never().is_none(), "it waits for one of its own");
    for _ in 0..OF_ONE {
        all.push(held(&other).await.unwrap());
    }
    assert_eq!(host.instances(), 2 * OF_ONE);
    let third = load(&host, &answering(""), "").await.unwrap();
    for _ in 0..ALL - 2 * OF_ONE {
        all.push(held(&third).await.unwrap());
    }
    assert_eq!(host.instances(), ALL);
    assert!(is_good(&greedy) && is_good(&other) && is_good(&third));
    all.clear();
    next.await.unwrap();
}

#[tokio::test]
async fn a_component_with_more_tables_than_its_place_in_the_pool_is_refused() {
    let component = Guest::default().function("(table 1 funcref) (table 1 funcref)").build();
    let (host, _directory) = host();
    let refused = load(&host, &component, "").await.unwrap_err();
    assert!(
        refused.contains("tables count of 2 exceeds the per-instance limit"),
        "{refused}"
    );
}
