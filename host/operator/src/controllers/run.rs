//! Starts the watches and the controllers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{FutureExt, StreamExt};
use kube::ResourceExt;
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::controller::{Action, Config, applier};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use wasser_api::ObjectKey;
use wasser_api::dataset::{Dataset, Reference};
use wasser_engine::{EngineError, EngineSettings, Labeler, Retry, Shared, is_conflict_of};
use wasser_plugin::Registry;

use super::change_bus::{Audience, ChangeBus};
use super::dataset::Facts;
use super::kinds::Kinds;
use super::next::{AFTER_PANIC, DEADLINE, DEBOUNCE, PANICKED, STALE};
use super::present::Objects;
use super::runtime_index::RuntimeIndex;
use super::unserved::Unserved;
use super::watches;
use super::{dataset, operations, runtime};
use crate::context::Context;

/// Runs all controllers until stopped, and then lets the reconciles that are under way finish. They
/// learn of changes by `change_bus`.
///
/// # Errors
/// If a watch or a controller ends while it is needed.
pub async fn run(context: Arc<Context>, change_bus: Arc<ChangeBus>, stop: CancellationToken) -> anyhow::Result<()> {
    let supervisor = context.health.supervisor.clone();
    tokio::select! {
        biased;
        fallen = supervisor.fallen() => anyhow::bail!("{fallen} has ended, without which the process is of no use; \
            the reason is in the log"),
        ended = run_all(context, change_bus, stop) => ended,
    }
}

async fn run_all(context: Arc<Context>, change_bus: Arc<ChangeBus>, stop: CancellationToken) -> anyhow::Result<()> {
    let supervisor = context.health.supervisor.clone();
    let runtimes = Arc::new(RuntimeIndex::default());
    let caches = watches::start(
        &context.client,
        context.recording.driver,
        &supervisor,
        &change_bus,
        runtimes.clone(),
        &stop,
    );
    let labeler = Labeler::new(
        context.client.clone(),
        caches.nodes.clone(),
        context.settings.excluded_nodes.clone(),
    );
    let settings = EngineSettings {
        mount_root: context.settings.mount_root.clone(),
        sync_period: context.settings.sync_period,
        patience: context.settings.patience,
        tenant_rules: context.settings.tenant_rules,
        look_up_secrets: context.settings.look_up_secrets,
    };
    let shared = Shared::new(
        context.client.clone(),
        caches.clone(),
        labeler.clone(),
        context.renderer.clone(),
        context.recording.clone(),
        context.threads.clone(),
        settings,
    );
    let shared = Arc::new(shared.with_rollouts(context.rollouts.clone()));
    watches::synced(&caches).await?;
    context.health.caches_synced();
    if !context.wait_until_leading(&stop).await {
        return Ok(());
    }

    shared.begin();

    // A replica that does not lead subscribes to nothing: what changes would pile up until it does.
    let dataset_touches = change_bus.subscribe(Audience::All);
    let (labels, nodes, labels_stop) = (labeler.clone(), change_bus.follow_nodes(), stop.clone());
    let labelling = async move { labels.run(nodes, labels_stop).await };
    context.metrics.standings.show(Objects {
        datasets: shared.caches.datasets.clone(),
        runtimes: runtimes.clone(),
    });
    // Its volume counts as well, for which only runtimes are woken.
    let touched = change_bus.subscribe(Audience::Runtimes);
    let passing_on = pass_on(shared.clone(), change_bus.clone(), touched, stop.clone());
    let datasets = run_datasets(
        context.clone(),
        shared.clone(),
        runtimes.clone(),
        dataset_touches,
        stop.clone(),
    );
    let for_operations = change_bus.subscribe(Audience::All);
    let operating = operations::run(
        context.clone(),
        shared.clone(),
        runtimes.clone(),
        for_operations,
        stop.clone(),
    );
    let tasks = [
        supervisor.spawn("the labeller of nodes", &stop, labelling),
        supervisor.spawn("the watch of references", &stop, passing_on),
        supervisor.spawn("the controller of Datasets", &stop, datasets),
        supervisor.spawn("the watch of operations", &stop, operating),
    ];
    let mut kinds = context.kinds.clone();
    let mut controllers = Kinds::new(
        context.clone(),
        shared.clone(),
        runtimes,
        change_bus.clone(),
        stop.clone(),
    );
    let mut serves_references = false;
    loop {
        let served = kinds.borrow_and_update().clone();
        controllers.serve(served);
        let before = std::mem::replace(&mut serves_references, references(&context.registry).is_some());
        if serves_references && !before {
            wake_references(&shared, &change_bus);
        }
        tokio::select! {
            () = stop.cancelled() => break,
            changed = kinds.changed() => if changed.is_err() { break },
        }
    }
    stop.cancelled().await;
    controllers.ended().await;
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn run_datasets(
    context: Arc<Context>,
    shared: Arc<Shared>,
    runtimes: Arc<RuntimeIndex>,
    touched: tokio::sync::mpsc::UnboundedReceiver<ObjectKey>,
    stop: CancellationToken,
) {
    // Until then, Datasets would seem to have no runtime, or no plugin that serves references.
    let listed = {
        let (context, runtimes) = (context.clone(), runtimes.clone());
        async move {
            context.health.wait_for_registrations().await;
            let unlisted = context.unlisted.reasons();
            runtimes.wait_until_listed(context.kinds.clone(), unlisted).await;
        }
    };
    let (mut listed, complete) = (Box::pin(listed), Arc::new(AtomicBool::new(false)));
    let in_time = tokio::time::timeout(context.settings.first_lists, &mut listed);
    match stop.run_until_cancelled(in_time).await {
        None => return,
        Some(Ok(())) => complete.store(true, Ordering::Relaxed),
        Some(Err(_)) => {
            tracing::warn!("the runtimes of some kind are not listed yet; Datasets without one wait for that")
        }
    }
    let store = shared.caches.datasets.clone();
    let present: Vec<ObjectKey> = store.state().iter().map(|dataset| ObjectKey::of(&**dataset)).collect();
    let keys = futures::stream::iter(present).chain(UnboundedReceiverStream::new(touched));
    let queue = keys.map(|ObjectKey { namespace, name }| {
        Ok::<_, watcher::Error>(ObjectRef::<Dataset>::new(&name).within(&namespace))
    });
    let queue = queue.take_until(stop.cancelled_owned());
    let (metrics, registry, namespace, supervisor) = (
        context.metrics.clone(),
        context.registry.clone(),
        context.settings.namespace.clone(),
        context.health.supervisor.clone(),
    );
    let (is_complete, unserved) = (complete.clone(), Arc::<Unserved>::default());
    let reconcile = move |dataset: Arc<Dataset>, shared: Arc<Shared>| {
        let (metrics, supervisor) = (metrics.clone(), supervisor.clone());
        let bound = dataset.status.iter().flat_map(|status| &status.runtimes);
        let mut types = bound.map(|bound| bound.runtime_type.as_str()).peekable();
        let are_listed = types.peek().is_some() && runtimes.has_listed(types);
        let facts = Facts {
            runtimes: runtimes.named(&dataset.namespace().unwrap_or_default(), &dataset.name_any()),
            runtimes_known: are_listed || is_complete.load(Ordering::Relaxed),
            for_references: references(&registry),
            namespace: namespace.clone(),
            unserved: unserved.clone(),
        };
        async move {
            let timer = metrics.start_reconcile("Dataset");
            let what = format!("the reconcile of Dataset {}", ObjectKey::of(&*dataset));
            let reconcile = tokio::time::timeout(DEADLINE, dataset::reconcile(dataset, &shared, facts));
            match supervisor.catch(&what, reconcile).await {
                Some(in_time) => {
                    let outcome = in_time.unwrap_or_else(|_| Err(late()));
                    timer.end(outcome.as_ref().err().map(EngineError::label));
                    outcome
                }
                None => {
                    timer.end(Some(PANICKED));
                    Ok(Action::requeue(AFTER_PANIC))
                }
            }
        }
        .boxed()
    };
    let config = Config::default()
        .debounce(DEBOUNCE)
        .concurrency(context.settings.workers);
    let results = applier(
        reconcile,
        |dataset, error, _| after(&format!("Dataset {}", dataset.name_any()), error),
        shared,
        store,
        queue,
        config,
    );
    let completing = async {
        if !complete.load(Ordering::Relaxed) {
            listed.await;
            complete.store(true, Ordering::Relaxed);
        }
        std::future::pending().await
    };
    tokio::select! {
        () = results.for_each(|_| std::future::ready(())) => {}
        () = completing => {}
    }
}

/// The kind that stands for Datasets which refer to others.
fn references(registry: &Registry) -> Option<ApiResource> {
    let all = registry.all();
    let plugin = all.iter().find(|plugin| runtime::serves_references(plugin))?;
    let description = &plugin.description;
    let kind = GroupVersionKind::gvk(wasser_api::GROUP, wasser_api::VERSION, &description.kind);
    Some(ApiResource::from_gvk_with_plural(&kind, &description.plural))
}

/// Lets every Dataset that refers to another one be looked at: a plugin that serves references has
/// come.
fn wake_references(shared: &Shared, change_bus: &ChangeBus) {
    for dataset in shared.caches.datasets.state() {
        if matches!(Reference::of(&dataset.spec.mounts), Ok(Some(_))) {
            change_bus.touch(ObjectKey::of(&*dataset), Audience::All);
        }
    }
}

/// Passes changes of a Dataset on to those that refer to it.
async fn pass_on(
    shared: Arc<Shared>,
    change_bus: Arc<ChangeBus>,
    mut touched: UnboundedReceiver<ObjectKey>,
    stop: CancellationToken,
) {
    while let Some(Some(key)) = stop.run_until_cancelled(touched.recv()).await {
        for from in shared.references.to(&key) {
            change_bus.touch(from, Audience::Runtimes);
        }
    }
}

/// The failure of a reconcile that took too long.
fn late() -> EngineError {
    EngineError::Failed {
        method: "reconcile",
        message: format!(
            "it took longer than {} s; the API server does not answer",
            DEADLINE.as_secs()
        ),
    }
}

/// What follows a failed reconcile of a Dataset.
fn after(what: &str, error: &EngineError) -> Action {
    // An object that was changed meanwhile, or that is waited for, is nothing to look into.
    if is_conflict_of(error) || matches!(error, EngineError::NotYet { .. }) {
        tracing::debug!(what, %error, "the reconcile did not reach its end");
    } else {
        tracing::warn!(what, %error, "the reconcile failed");
    }
    match error.retry() {
        Retry::AwaitChange => Action::await_change(),
        Retry::After(pause) => Action::requeue(pause),
        Retry::Conflict => Action::requeue(STALE),
        Retry::Backoff => Action::requeue(Duration::from_secs(5)),
    }
}
