//! What must be the same in every run, whatever was disturbed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};
use wasser_test_api_server::{ApiServer, Record, Snapshot};

use super::scenario::Step;
use crate::in_process::scene::OPERATOR;

/// How long an operator may do nothing before it is where it should be: longer than the pauses
/// after a failure or two, and than the period of a scene's operators.
const IDLE: Duration = Duration::from_secs(20);
/// How long a disturbed run may take for a step, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(300);
/// An operator that does nothing for this long has nothing left to do: longer than what it puts
/// off.
const REST: Duration = Duration::from_millis(2500);

/// An undisturbed run.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The objects after each step.
    pub after: Vec<Snapshot>,
    /// The writes that can be disturbed.
    pub writes: usize,
    /// How often each object was created and removed.
    lives: BTreeMap<String, (usize, usize)>,
    requests: usize,
    events: u64,
}

/// The objects of a server, without what differs from run to run. Definitions and registrations
/// are large, and nobody changes them.
pub fn look(server: &ApiServer) -> Snapshot {
    let own = format!("ConfigMap {OPERATOR}/");
    look_at(server, |name| {
        !name.starts_with("CustomResourceDefinition ") && !name.starts_with(&own)
    })
}

fn look_at(server: &ApiServer, wanted: impl Fn(&str) -> bool) -> Snapshot {
    let mut all = server.snapshot_of(wanted);
    for object in all.0.values_mut() {
        // It took as long as it took, and sizes are read from time to time.
        if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
            status.remove("setupDuration");
            status.remove("cacheStates");
            // Whether it was ever set depends on how soon the operation was over.
            if status
                .get("operationRef")
                .and_then(Value::as_object)
                .is_some_and(Map::is_empty)
            {
                status.remove("operationRef");
            }
            for field in ["ufsTotal", "fileNum"] {
                status.entry(field).and_modify(|size| *size = Value::from("<size>"));
            }
        }
        // It depends on UIDs.
        if let Some(digest) = object.pointer_mut("/metadata/annotations/wasser.fluid.io~1values-digest") {
            *digest = Value::from("<digest>");
        }
        // Pods are marked with the time at which their commands changed.
        if let Some(Value::String(values)) = object.pointer_mut("/data/data") {
            let lines = values.lines().map(|line| match line.split_once("restartedAt:") {
                Some((before, _)) => format!("{before}restartedAt: <time>\n"),
                None => format!("{line}\n"),
            });
            *values = lines.collect();
        }
        // Their order is that in which things happened to be seen.
        if let Some(Value::Array(conditions)) = object.pointer_mut("/status/conditions") {
            conditions.sort_by_key(|condition| condition["type"].to_string());
        }
    }
    all
}

/// Whether the objects are these. Those that change last are looked at first, which spares most
/// looks at the others.
fn is_same(server: &ApiServer, expected: &Snapshot, look: impl Fn(&ApiServer) -> Snapshot) -> bool {
    let changes_last = |name: &str| name.contains("Runtime ") || name.starts_with("Dataset ");
    let found = look_at(server, changes_last);
    let wanted = expected.0.iter().filter(|(name, _)| changes_last(name));
    found.0.iter().eq(wanted) && look(server) == *expected
}

/// How many revisions may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revisions {
    /// As many as in the undisturbed run.
    Same,
    /// One more or any fewer: two operators at once mend by one revision what one operator mends by
    /// two, as one of them may still be writing when the other one sees it.
    OfTwo,
    /// One more, once a workload or a record of the operator before has arrived late: its values had
    /// another time in them, so it is mended like any other change.
    OfLate,
}

impl Revisions {
    /// Whether their number does not count.
    fn are_free(self, server: &ApiServer) -> bool {
        match self {
            Self::Same => false,
            Self::OfTwo => true,
            Self::OfLate => has_changed_late(server),
        }
    }
}

/// Whether a request of the operator that was never answered has changed a workload or a record.
fn has_changed_late(server: &ApiServer) -> bool {
    let requests = server.requests().of(OPERATOR);
    let is_it = |resource: &str| matches!(resource, "daemonsets" | "statefulsets" | "secrets");
    let mut late = requests
        .0
        .iter()
        .filter(|record| record.code.is_none() && record.changed);
    late.any(|record| is_it(&record.call.resource))
}

/// What is there apart from how many revisions there are.
fn of_newest_revisions(mut all: Snapshot) -> Snapshot {
    let (mut newest, mut number) = (BTreeMap::new(), BTreeMap::new());
    all.0.retain(|name, record| {
        let Some((release, revision)) = revision_of(name) else {
            return true;
        };
        if number.get(release).is_none_or(|known| *known < revision) {
            number.insert(release.to_owned(), revision);
            newest.insert(format!("{release}.newest"), record.clone());
        }
        false
    });
    for (name, mut record) in newest {
        let metadata = record.get_mut("metadata").and_then(Value::as_object_mut);
        if let Some(metadata) = metadata {
            metadata.remove("name");
            let labels = metadata.get_mut("labels").and_then(Value::as_object_mut);
            if let Some(labels) = labels {
                labels.retain(|label, _| label != "version" && label != "modifiedAt");
            }
        }
        all.0.insert(name, record);
    }
    all
}

/// The release and the number of its revision, if an object is its record.
fn revision_of(name: &str) -> Option<(&str, u32)> {
    let (release, revision) = name.rsplit_once(".v")?;
    let is_record = release.contains("/sh.helm.release.v1.");
    is_record
        .then(|| revision.parse().ok())
        .flatten()
        .map(|revision| (release, revision))
}

/// Whether a request is a write that can be disturbed: the operator's own, and not an event, which
/// nothing depends on.
pub fn counts(client: &str, call: &wasser_test_api_server::Call) -> bool {
    client == OPERATOR && call.verb.writes() && call.resource != "events"
}

/// Waits for the goal of a step, and for rest.
pub async fn undisturbed(server: &ApiServer, step: &Step) -> Snapshot {
    if !comes(server, step.name, step.goal).await {
        let datasets: Vec<String> = server
            .objects("Dataset", "")
            .iter()
            .map(|dataset| dataset["status"].to_string())
            .collect();
        panic!(
            "the goal of the step {} is not reached\n{}\n{}",
            step.name,
            datasets.join("\n"),
            server.situation()
        );
    }
    server.settled(REST).await;
    look(server)
}

/// Waits until the objects are as they are after the step of an undisturbed run, with as many
/// revisions as there may be.
///
/// # Panics
/// If they do not become so; the message has the differences.
pub async fn same(server: &ApiServer, step: &Step, expected: &Snapshot, revisions: Revisions) {
    let of_newest = of_newest_revisions(expected.clone());
    let look_at_newest = |server: &ApiServer| of_newest_revisions(look(server));
    let is_same_but_for_them = |server: &ApiServer| {
        revisions != Revisions::Same && is_same(server, &of_newest, look_at_newest) && revisions.are_free(server)
    };
    let so = |server: &ApiServer| is_same(server, expected, look) || is_same_but_for_them(server);
    if !comes(server, step.name, so).await {
        let differences = if revisions.are_free(server) {
            differences(&of_newest, &look_at_newest(server))
        } else {
            differences(expected, &look(server))
        };
        panic!(
            "the objects differ after the step {}:\n{differences}\n{}",
            step.name,
            server.situation()
        );
    }
}

/// Waits until something is so. False once the operator has been idle for too long.
pub async fn comes(server: &ApiServer, what: &str, is_so: impl Fn(&ApiServer) -> bool) -> bool {
    let mut so = std::pin::pin!(async {
        let look = |server: &ApiServer| is_so(server).then_some(());
        // What waits for less than a minute must not decide how long this waits.
        while tokio::time::timeout(IDLE, server.until(what, look)).await.is_err() {}
    });
    tokio::select! {
        () = &mut so => true,
        () = server.settled(IDLE) => is_so(server),
        () = tokio::time::sleep(PATIENCE) => false,
    }
}

/// The differences between two looks, one on each line.
pub fn differences(expected: &Snapshot, found: &Snapshot) -> String {
    let all: Vec<String> = expected.differences(found).iter().map(ToString::to_string).collect();
    all.join("\n")
}

impl Reference {
    /// Sums up an undisturbed run.
    pub fn new(server: &ApiServer, after: Vec<Snapshot>) -> Self {
        let requests = server.requests();
        let is_disturbable = |record: &&Record| counts(&record.client, &record.call);
        Self {
            after,
            writes: requests.0.iter().filter(is_disturbable).count(),
            lives: lives(server),
            requests: requests.of(OPERATOR).0.len(),
            events: events(server),
        }
    }

    /// Checks what a run has done on its way. `starts` is how often the operator was started again.
    ///
    /// # Panics
    /// If it created or removed something more often than the undisturbed run, published many more
    /// events, or made many more requests.
    pub fn check(&self, server: &ApiServer, starts: usize, revisions: Revisions) {
        let mut wrong = Vec::new();
        let mut may_have_more = revisions.are_free(server);
        let found = lives(server);
        for name in self
            .lives
            .keys()
            .chain(found.keys().filter(|name| !self.lives.contains_key(*name)))
        {
            let count = |lives: &BTreeMap<String, (usize, usize)>| lives.get(name).copied().unwrap_or_default();
            if count(&self.lives) == count(&found) {
                continue;
            }
            let is_revision = revision_of(name).is_some();
            let may_lack = is_revision && revisions == Revisions::OfTwo && count(&found) == (0, 0);
            let is_more = is_revision && count(&self.lives) == (0, 0) && count(&found) == (1, 1);
            if !(may_lack || is_more && std::mem::take(&mut may_have_more)) {
                wrong.push(format!(
                    "{name}: {:?} → {:?} creations and removals",
                    count(&self.lives),
                    count(&found)
                ));
            }
        }
        let published = events(server);
        if published > 2 * self.events + 4 {
            wrong.push(format!("{published} events in place of {}", self.events));
        }
        let requests = server.requests().of(OPERATOR).0.len();
        if requests > 2 * self.requests + starts * 60 {
            wrong.push(format!("{requests} requests in place of {}", self.requests));
        }
        assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), server.situation());
    }
}

/// How often each object was created and removed, except for pods, which follow their workloads,
/// and events.
fn lives(server: &ApiServer) -> BTreeMap<String, (usize, usize)> {
    let mut lives = server.lives();
    lives.retain(|name, _| !name.starts_with("Pod ") && !name.starts_with("Event "));
    lives
}

/// How many events were published, repetitions included.
fn events(server: &ApiServer) -> u64 {
    let repeated = |event: &Value| event.pointer("/series/count").and_then(Value::as_u64).unwrap_or(1);
    server.objects("Event", "").iter().map(repeated).sum()
}

#[test]
fn one_revision_more_leaves_the_newest_as_it_is() {
    let record = |number: u32, status: &str| {
        let name = format!("sh.helm.release.v1.demo.v{number}");
        let labels = json!({"version": number.to_string(), "status": status});
        let record = json!({"metadata": {"name": name, "labels": labels}});
        (format!("Secret default/{name}"), record)
    };
    let newest = |records: Vec<(String, Value)>| of_newest_revisions(Snapshot(records.into_iter().collect()));
    let of_two = newest(vec![record(1, "superseded"), record(2, "deployed")]);
    let of_three = newest(vec![
        record(1, "superseded"),
        record(2, "superseded"),
        record(3, "deployed"),
    ]);
    assert_eq!(of_two, of_three);
    assert_ne!(of_two, newest(vec![record(2, "failed")]));
}
