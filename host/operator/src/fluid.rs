//! Whether Fluid runs in the cluster as well.
//!
//! Two control planes for the same objects would undo each other's writes. Fluid does not know of
//! Wasser, so Wasser is the one that waits: it takes no work up while Fluid's controller of Datasets
//! renews its lease, and ends when one begins to. Looked at are the namespaces in which only an
//! administrator can have leases: Wasser's own, and Fluid's.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::time::Duration;

use futures::stream::{SelectAll, StreamExt};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Client, ResourceExt};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::client::watch_config;
use crate::watch_answer::watch_answer;

/// The lease of Fluid's controller of Datasets, which every installation of Fluid has.
const LEASE: &str = "dataset.data.fluid.io";
/// Where Fluid is installed, if not in the namespace of Wasser.
const NAMESPACE: &str = "fluid-system";
/// How long after the last renewal Fluid counts as running; it renews every two seconds.
const HOLDS: Duration = Duration::from_secs(20);
/// A renewal that is older than this, by clocks that may differ, was the last one.
const PAST: Duration = Duration::from_secs(300);

/// Whether Fluid runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fluid {
    /// It is not known yet.
    Unknown,
    /// It does not run.
    Absent,
    /// It runs: the namespace, and who holds the lease.
    Runs(String),
}

/// What is known of one lease.
#[derive(Debug, Default)]
struct Renewals {
    /// The last renewal, by the lease's own words, and when it was seen.
    last: Option<(String, Instant)>,
    holder: String,
    /// Whether a renewal was seen to come.
    renewed: bool,
}

impl Renewals {
    /// Takes a look at the lease. None if there is no such lease.
    fn see(&mut self, lease: Option<&Lease>, now: Instant, clock: Timestamp) {
        let spec = lease.and_then(|lease| lease.spec.as_ref());
        let holder = spec.and_then(|spec| spec.holder_identity.clone()).unwrap_or_default();
        let renewed_at = spec.and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0);
        let Some(at) = renewed_at.filter(|_| !holder.is_empty()) else {
            *self = Self::default();
            return;
        };
        let is_past = clock.duration_since(at).unsigned_abs() > PAST;
        let text = at.to_string();
        match &self.last {
            Some((known, _)) if *known == text => {}
            Some(_) => {
                self.renewed = true;
                self.last = Some((text, now));
            }
            None if is_past => {}
            None => self.last = Some((text, now)),
        }
        self.holder = holder;
    }

    /// What the renewals say at this time, and when they say something else unless one comes.
    fn verdict(&self, now: Instant) -> (Fluid, Option<Instant>) {
        let until = self.last.as_ref().map(|(_, seen)| *seen + HOLDS);
        match until.filter(|until| now < *until) {
            None => (Fluid::Absent, None),
            Some(until) if self.renewed => (Fluid::Runs(self.holder.clone()), Some(until)),
            Some(until) => (Fluid::Unknown, Some(until)),
        }
    }
}

/// Follows Fluid's leases for as long as anybody wants to know. `own` is the operator's namespace.
pub async fn follow(client: Client, own: &str, found: watch::Sender<Fluid>) {
    let namespaces: BTreeSet<&str> = [own, NAMESPACE].into();
    let mut events = SelectAll::new();
    for namespace in &namespaces {
        let named = watch_config().fields(&format!("metadata.name={LEASE}"));
        let leases = watch_objects(Api::<Lease>::namespaced(client.clone(), namespace), named).default_backoff();
        events.push(leases.map(|event| ((*namespace).to_owned(), event)).boxed());
    }
    let mut events = pin!(events);
    let mut known: Known = namespaces
        .iter()
        .map(|namespace| ((*namespace).to_owned(), None))
        .collect();
    loop {
        let now = Instant::now();
        let (verdict, until) = sum(&known, now);
        found.send_if_modified(|before| std::mem::replace(before, verdict.clone()) != verdict);
        let later = async {
            match until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            event = events.next() => match event {
                Some((namespace, event)) => note(&mut known, namespace, event),
                None => return,
            },
            () = later => {}
            () = found.closed() => return,
        }
    }
}

/// Waits until nothing but Wasser runs, and ends it when that changes.
pub struct Alone {
    found: watch::Receiver<Fluid>,
    lost: CancellationToken,
}

impl Alone {
    /// Begins to look for Fluid, and writes to `found` whether it runs. `own` is the operator's
    /// namespace; `lost` ends the process.
    pub fn begin(client: Client, own: &str, found: watch::Sender<Fluid>, lost: CancellationToken) -> Self {
        found.send_replace(Fluid::Unknown);
        let own = own.to_owned();
        let receiver = found.subscribe();
        tokio::spawn(async move { follow(client, &own, found).await });
        Self { found: receiver, lost }
    }

    /// Does this as soon as Fluid does not run, and ends the process if it runs afterwards.
    pub async fn then(mut self, stop: CancellationToken, work: impl Future<Output = ()>) {
        if stop.run_until_cancelled(self.absent()).await.is_none() {
            return;
        }
        let mut found = self.found.clone();
        let lost = self.lost.clone();
        tokio::spawn(async move {
            if let Ok(fluid) = found.wait_for(|fluid| matches!(fluid, Fluid::Runs(_))).await {
                tracing::error!(fluid = ?*fluid, "Fluid runs as well; this process ends, and waits for it to be gone");
                lost.cancel();
            }
        });
        work.await;
    }

    async fn absent(&mut self) {
        loop {
            let now = self.found.borrow_and_update().clone();
            match now {
                Fluid::Absent => return,
                Fluid::Runs(holder) => tracing::warn!(
                    holder,
                    "Fluid runs in this cluster, and only one of the two may; uninstall it. Waiting"
                ),
                Fluid::Unknown => {}
            }
            if self.found.changed().await.is_err() {
                return;
            }
        }
    }
}

type Known = BTreeMap<String, Option<Renewals>>;

fn note(known: &mut Known, namespace: String, event: Result<Event<Lease>, watcher::Error>) {
    let renewals = known.entry(namespace).or_default();
    let mut see = |lease: Option<&Lease>| {
        let renewals = renewals.get_or_insert_default();
        renewals.see(lease, Instant::now(), Timestamp::now());
    };
    match event {
        Ok(Event::Apply(lease) | Event::InitApply(lease)) if lease.name_any() == LEASE => see(Some(&lease)),
        Ok(Event::Delete(_)) => see(None),
        Ok(Event::InitDone) => _ = renewals.get_or_insert_default(),
        Ok(_) => {}
        // Who may not look at Fluid's namespace is not kept from working.
        Err(error) => {
            tracing::debug!(%error, "Fluid's lease cannot be watched");
            if watch_answer(&error).is_some_and(|status| status.code == 403) {
                renewals.get_or_insert_default();
            }
        }
    }
}

/// What all leases say together.
fn sum(known: &Known, now: Instant) -> (Fluid, Option<Instant>) {
    let mut all = Fluid::Absent;
    let mut next: Option<Instant> = None;
    for (namespace, renewals) in known {
        let (verdict, until) = renewals
            .as_ref()
            .map_or((Fluid::Unknown, None), |renewals| renewals.verdict(now));
        next = next.into_iter().chain(until).min();
        match verdict {
            Fluid::Runs(holder) => all = Fluid::Runs(format!("{namespace} ({holder})")),
            Fluid::Unknown if all == Fluid::Absent => all = Fluid::Unknown,
            Fluid::Unknown | Fluid::Absent => {}
        }
    }
    (all, next)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wasser_test_api_server::ApiServer;

    use super::*;

    fn lease(holder: &str, renewed: Timestamp) -> Lease {
        serde_json::from_value(content(holder, renewed)).unwrap()
    }

    fn content(holder: &str, renewed: Timestamp) -> Value {
        let time = renewed.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": LEASE, "namespace": NAMESPACE},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "renewTime": time}})
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn fluid_runs_while_its_lease_is_renewed() {
        let (start, mut renewals) = (Instant::now(), Renewals::default());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(renewals.verdict(start), (Fluid::Absent, None));
        renewals.see(Some(&lease("a", second(0))), start, second(1));
        assert_eq!(renewals.verdict(at(5)).0, Fluid::Unknown, "it may have been the last");
        renewals.see(Some(&lease("a", second(2))), at(6), second(7));
        assert_eq!(renewals.verdict(at(7)), (Fluid::Runs("a".to_owned()), Some(at(26))));
        renewals.see(Some(&lease("a", second(2))), at(20), second(21));
        assert_eq!(
            renewals.verdict(at(26)),
            (Fluid::Absent, None),
            "a list shows the same one again"
        );
        renewals.see(Some(&lease("b", second(40))), at(40), second(41));
        assert_eq!(renewals.verdict(at(41)).0, Fluid::Runs("b".to_owned()));
        renewals.see(Some(&lease("", second(42))), at(42), second(43));
        assert_eq!(renewals.verdict(at(43)).0, Fluid::Absent, "it was given back");
    }

    #[test]
    fn a_lease_that_was_left_long_ago_is_not_waited_for() {
        let (now, mut renewals) = (Instant::now(), Renewals::default());
        renewals.see(Some(&lease("a", second(0))), now, second(3600));
        assert_eq!(renewals.verdict(now), (Fluid::Absent, None));
    }

    #[tokio::test]
    async fn a_fluid_that_begins_and_ends_is_noticed() {
        let server = ApiServer::new();
        server.namespace(NAMESPACE);
        let found = watch::Sender::new(Fluid::Unknown);
        let mut known = found.subscribe();
        let client = server.client("operator");
        let following = tokio::spawn(async move { follow(client, "wasser-system", found).await });
        known.wait_for(|fluid| *fluid == Fluid::Absent).await.unwrap();
        server.create(&content("pod-1", Timestamp::now()));
        known.wait_for(|fluid| *fluid == Fluid::Unknown).await.unwrap();
        server.edit("Lease", NAMESPACE, LEASE, |lease| {
            lease["spec"]["renewTime"] = content("", Timestamp::now())["spec"]["renewTime"].clone();
        });
        let runs = Fluid::Runs("fluid-system (pod-1)".to_owned());
        known.wait_for(|fluid| *fluid == runs).await.unwrap();
        server.delete("Lease", NAMESPACE, LEASE);
        known.wait_for(|fluid| *fluid == Fluid::Absent).await.unwrap();
        drop(known);
        following.await.unwrap();
    }
}
