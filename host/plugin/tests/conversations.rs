//! Tests that nothing of a plugin is held while it waits for a pod, and that its method is called
//! again with the results.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use common::backend::{Fake, scope};
use common::registration::{context, host, load};
use common::{Argument, Guest};
use tokio::sync::{Semaphore, watch};
use wasser_api::ObjectKey;
use wasser_plugin::bindings::types::{Error, Role};
use wasser_plugin::{Backend, BackendError, CallError, Captured, Ending, ExecCommand, Output, PodRecord};

use Argument::{Number, Text, Texts};

const NO: Argument<'static> = Number(0);
/// The command `status` in a worker, as the canonical ABI flattens it.
const STATUS: &[Argument<'static>] = &[
    Text("demo-worker-0"),
    NO,
    NO,
    NO,
    Texts(&["status"]),
    NO,
    NO,
    NO,
    NO,
    NO,
];
const GRANTS: &str = "grants: {exec: [worker]}\n";

/// Returns a plugin that asks for the status so many times.
fn asking(times: u32) -> Vec<u8> {
    let guest = Guest::wanting(&[("exec", &["worker"])]);
    guest.converses("sync-metadata", "run", STATUS, times).build()
}

/// A cluster whose commands end when the test says so.
struct Slow {
    pods: Arc<Fake>,
    may_end: Semaphore,
    running: watch::Sender<usize>,
    done: AtomicUsize,
}

impl Slow {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            pods: Fake::new(),
            may_end: Semaphore::new(0),
            running: watch::Sender::new(0),
            done: AtomicUsize::new(0),
        })
    }
}

#[async_trait]
impl Backend for Slow {
    async fn list_pods(&self, scope: &ObjectKey, role: &Role) -> Result<Vec<PodRecord>, BackendError> {
        self.pods.list_pods(scope, role).await
    }

    async fn exec(&self, _scope: &ObjectKey, _command: &ExecCommand<'_>) -> Result<Output, BackendError> {
        self.running.send_modify(|running| *running += 1);
        let end = self.may_end.acquire().await.unwrap();
        end.forget();
        self.done.fetch_add(1, Ordering::Relaxed);
        let empty = || Captured {
            bytes: Vec::new(),
            truncated: false,
        };
        Ok(Output {
            ending: Ending::Exited(0),
            stdout: empty(),
            stderr: empty(),
        })
    }
}

#[tokio::test]
async fn fifty_runtimes_whose_pods_hang_have_no_instance() {
    const RUNTIMES: usize = 50;
    let (host, _directory) = host();
    let plugin = Arc::new(load(&host, &asking(1), GRANTS).await.unwrap());
    let slow = Slow::new();
    let calls: Vec<_> = (0..RUNTIMES)
        .map(|_| {
            let mut instance = plugin.instance(scope(), slow.clone());
            tokio::spawn(async move { instance.sync_metadata(&context()).await })
        })
        .collect();
    let mut running = slow.running.subscribe();
    running.wait_for(|running| *running == RUNTIMES).await.unwrap();
    assert_eq!(host.instances(), 0);
    slow.may_end.add_permits(RUNTIMES);
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(Ok(())));
    }
    assert_eq!((slow.done.load(Ordering::Relaxed), host.instances()), (RUNTIMES, 0));
}

#[tokio::test]
async fn a_method_is_called_again_with_every_result_and_each_job_is_done_once() {
    let (host, _directory) = host();
    let plugin = load(&host, &asking(5), GRANTS).await.unwrap();
    let slow = Slow::new();
    slow.may_end.add_permits(100);
    let mut instance = plugin.instance(scope(), slow.clone());
    for round in 1..=2 {
        assert_eq!(instance.sync_metadata(&context()).await, Ok(Ok(())));
        assert_eq!(slow.done.load(Ordering::Relaxed), 5 * round, "a later call asks anew");
    }
}

async fn failure(component: &[u8], grants: &str, backend: Arc<dyn Backend>) -> String {
    let (host, _directory) = host();
    let plugin = load(&host, component, grants).await.unwrap();
    match plugin.instance(scope(), backend).sync_metadata(&context()).await {
        Ok(Err(Error::Failed(message))) => message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_job_that_is_not_granted_is_refused_at_once() {
    let fake = Fake::new();
    let refused = failure(&asking(1), "", fake.clone()).await;
    assert!(refused.starts_with("`exec: [worker]` is not granted"), "{refused}");
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_job_that_fails_is_a_result() {
    let fake = Fake::new();
    assert_eq!(failure(&asking(1), GRANTS, fake.clone()).await, "exec was made");
    assert_eq!(fake.asked().len(), 1);
}

#[tokio::test]
async fn a_method_that_asks_without_end_gets_no_more() {
    let slow = Slow::new();
    slow.may_end.add_permits(10_000);
    let refused = failure(&asking(10_000), GRANTS, slow.clone()).await;
    assert!(refused.contains("asked for 500 commands and requests"), "{refused}");
    assert_eq!(slow.done.load(Ordering::Relaxed), 500);
}

#[tokio::test]
async fn a_method_has_its_time_whoever_waits() {
    let (host, _directory) = host();
    let limits = format!("{GRANTS}limits: {{taskDeadline: 300ms}}\n");
    let plugin = load(&host, &asking(1), &limits).await.unwrap();
    let mut instance = plugin.instance(scope(), Fake::hanging());
    let late = instance.sync_metadata(&context()).await.unwrap_err();
    assert!(matches!(late, CallError::Deadline { .. }), "{late}");
    assert!(late.to_string().contains("took longer than 300ms"), "{late}");
    assert_eq!(host.instances(), 0);
}
