//! Reconciles that the tests end when they say so.

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot::{self, Receiver};

use super::*;

const NOW: Next = Next::After(Duration::ZERO);

fn overtime(soon: Duration) -> Arc<Overtime> {
    Arc::new(Overtime {
        soon,
        ..Overtime::new(8, CancellationToken::new())
    })
}

/// A wake, and what it leads to.
fn wake() -> (Wake, UnboundedReceiver<()>) {
    let (sender, receiver) = unbounded_channel();
    let tell = move || {
        let _ = sender.send(());
    };
    (Arc::new(tell), receiver)
}

const fn a(urgent: bool) -> Reconciled<'static> {
    Reconciled {
        uid: "a",
        namespace: "ns",
        urgent,
    }
}

async fn waiting(answered: Receiver<Next>) -> Next {
    answered.await.unwrap_or(NOW)
}

/// A reconcile that finds this at once.
async fn look(overtime: &Arc<Overtime>, urgent: bool, found: Next) -> Next {
    overtime.run(a(urgent), wake().0, || async move { found }).await
}

#[tokio::test]
async fn a_reconcile_that_ends_soon_is_not_late() {
    let overtime = overtime(Duration::from_secs(60));
    assert_eq!(look(&overtime, false, NOW).await, NOW);
    assert!(overtime.lock().is_empty());
}

#[tokio::test]
async fn one_that_waits_lets_go_of_its_worker_and_is_followed_when_it_asked_for_it() {
    let overtime = overtime(Duration::ZERO);
    let ((answer, answered), (wake, mut woken)) = (oneshot::channel(), wake());
    assert_eq!(overtime.run(a(false), wake, || waiting(answered)).await, Next::Change);
    let began = std::time::Instant::now();
    answer.send(Next::After(Duration::from_millis(7))).unwrap();
    woken.recv().await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(7));
    assert!(overtime.lock().is_empty());
}

#[tokio::test]
async fn an_event_after_the_end_is_answered_by_a_new_look() {
    let overtime = overtime(Duration::ZERO);
    let ((answer, answered), (wake, mut woken)) = (oneshot::channel(), wake());
    overtime.run(a(false), wake, || waiting(answered)).await;
    answer.send(Next::After(Duration::from_secs(120))).unwrap();
    while !matches!(overtime.lock().get("a"), Some(Entry::Waiting(_))) {
        tokio::task::yield_now().await;
    }
    let new = Next::After(Duration::from_secs(3));
    assert_eq!(look(&overtime, false, new).await, new);
    // What the earlier one asked for is forgotten.
    assert!(overtime.lock().is_empty());
    assert!(woken.try_recv().is_err());
}

#[tokio::test]
async fn a_pause_that_ends_late_leaves_what_has_begun_meanwhile() {
    let overtime = overtime(Duration::ZERO);
    let ((answer, answered), (wake, mut woken)) = (oneshot::channel(), wake());
    overtime.run(a(false), wake, || waiting(answered)).await;
    overtime.waited("a");
    assert_eq!(look(&overtime, false, NOW).await, Next::Change);
    answer.send(Next::Change).unwrap();
    woken.recv().await.unwrap();
}

#[tokio::test]
async fn an_event_meanwhile_leads_to_another_look_afterwards_and_not_at_the_same_time() {
    let overtime = overtime(Duration::ZERO);
    let ((answer, answered), (wake, mut woken)) = (oneshot::channel(), wake());
    overtime.run(a(false), wake, || waiting(answered)).await;
    assert_eq!(look(&overtime, false, NOW).await, Next::Change);
    answer.send(Next::Change).unwrap();
    woken.recv().await.unwrap();
    assert_eq!(look(&overtime, false, NOW).await, NOW);
}

#[tokio::test]
async fn an_urgent_one_cancels_what_is_running_but_not_itself() {
    let overtime = overtime(Duration::ZERO);
    let ((_answer, answered), (first, mut woken)) = (oneshot::channel(), wake());
    overtime.run(a(false), first, || waiting(answered)).await;
    look(&overtime, true, NOW).await;
    woken.recv().await.unwrap();
    let ((answer, answered), (second, mut woken)) = (oneshot::channel(), wake());
    overtime.run(a(true), second, || waiting(answered)).await;
    look(&overtime, true, NOW).await;
    answer.send(Next::Change).unwrap();
    woken.recv().await.unwrap();
    assert_eq!(look(&overtime, true, NOW).await, NOW);
}

#[tokio::test]
async fn one_that_panics_or_is_stopped_does_not_run_for_ever() {
    let overtime = overtime(Duration::ZERO);
    let ((answer, answered), (first, mut woken)) = (oneshot::channel::<Next>(), wake());
    let panics = || async {
        let _ = answered.await;
        panic!("this is what the test is about");
    };
    overtime.run(a(false), first, panics).await;
    drop(answer);
    woken.recv().await.unwrap();
    assert!(overtime.lock().is_empty());

    let ((_answer, answered), (second, mut woken)) = (oneshot::channel(), wake());
    overtime.run(a(false), second, || waiting(answered)).await;
    overtime.stop.cancel();
    woken.recv().await.unwrap();
    assert!(overtime.lock().is_empty());
}

#[tokio::test]
async fn where_too_many_are_late_they_keep_their_workers() {
    let overtime = Arc::new(Overtime {
        places: Arc::new(Semaphore::new(1)),
        soon: Duration::ZERO,
        ..Overtime::new(8, CancellationToken::new())
    });
    let (first, answered) = oneshot::channel::<Next>();
    overtime.run(a(false), wake().0, || waiting(answered)).await;
    let (second, answered) = oneshot::channel();
    let b = Reconciled { uid: "b", ..a(false) };
    let running = tokio::spawn({
        let overtime = overtime.clone();
        async move { overtime.run(b, wake().0, || waiting(answered)).await }
    });
    let own = Next::After(Duration::from_secs(9));
    second.send(own).unwrap();
    assert_eq!(running.await.unwrap(), own);
    drop(first);
}

#[tokio::test]
async fn a_namespace_whose_reconciles_hang_leaves_places_to_others_and_queues_its_own() {
    let overtime = Arc::new(Overtime {
        shares: FairPlaces::new(4),
        soon: Duration::ZERO,
        ..Overtime::new(8, CancellationToken::new())
    });
    let of = |uid: &'static str, namespace: &'static str| Reconciled {
        uid,
        namespace,
        urgent: false,
    };
    let ((first, answered), hangs) = (oneshot::channel(), std::future::pending);
    overtime.run(of("a", "one"), wake().0, || waiting(answered)).await;
    overtime.run(of("b", "one"), wake().0, hangs).await;
    let (queued, mut woken) = wake();
    let begin = |found: Next| move || async move { found };
    let own = Next::After(Duration::from_secs(9));
    assert_eq!(
        overtime.run(of("c", "one"), queued.clone(), begin(own)).await,
        Next::Change
    );
    assert_eq!(
        overtime.run(of("c", "one"), queued.clone(), begin(own)).await,
        Next::Change
    );
    assert!(woken.try_recv().is_err());
    assert_eq!(overtime.run(of("d", "two"), wake().0, begin(own)).await, own);
    // One that is gone takes nobody's turn.
    let (lost, mut never) = wake();
    assert_eq!(overtime.run(of("e", "one"), lost, begin(own)).await, Next::Change);
    overtime.forget("e");
    first.send(Next::Change).unwrap();
    woken.recv().await.unwrap();
    assert_eq!(overtime.run(of("c", "one"), queued, begin(own)).await, own);
    assert!(never.try_recv().is_err());
    assert_eq!(overtime.lock().len(), 1);
}
