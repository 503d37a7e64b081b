//! What is known of the operations that run, and whom to ask next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use parking_lot::Mutex;
use wasser_engine::Trouble;
use wasser_engine::operations::Operation;
use wasser_engine::operations::progress::{Done, Looks, PROGRESS};

/// Operations that one round asks at most; the others are asked in the next rounds.
const MOST: usize = 32;
/// The pause between two events about one operation, which doubles up to the longest.
const EVENTS: Duration = Duration::from_secs(60);
const EVENTS_LONGEST: Duration = Duration::from_secs(600);

/// How far the operations are that run.
#[derive(Default)]
pub struct Progress(Mutex<HashMap<String, Seen>>);

/// What was seen of one run.
struct Seen {
    /// The UID of its Job.
    job: String,
    /// The latest figures of its pods. Where there is one pod on each node, they are known by it, so
    /// that another attempt takes the place of the one before.
    pods: BTreeMap<String, Done>,
    looks: Looks,
    /// Why a pod of it does not start.
    trouble: Option<String>,
    rounds: usize,
    /// When the last round was that asked its pods.
    asked: Option<Instant>,
    event_due: Instant,
    event_pause: Duration,
}

impl Seen {
    /// A pod that does not start is what matters, however far others are.
    fn figures(&self) -> BTreeMap<String, String> {
        let mut figures = self.looks.figures();
        if let Some(trouble) = &self.trouble {
            figures.insert(PROGRESS.to_owned(), trouble.clone());
        }
        figures
    }
}

/// What the pods of an operation say.
#[derive(Default)]
pub struct Said {
    /// How far each is, by what it is known by.
    pub done: Vec<(String, Done)>,
    /// The name of a pod that does not start, and why.
    pub trouble: Option<(String, Trouble)>,
}

/// An operation that runs, with its Job.
pub struct Running {
    /// The operation.
    pub operation: Operation,
    /// Its Job.
    pub job: Arc<Job>,
    /// How many pods have to succeed.
    pub pods_wanted: usize,
}

impl Progress {
    /// Returns the figures of a run for `status.infos`; none if none are known.
    pub fn figures(&self, operation: &str, job: &str) -> BTreeMap<String, String> {
        let seen = self.0.lock();
        let run = seen.get(operation).filter(|run| run.job == job);
        run.map(Seen::figures).unwrap_or_default()
    }

    /// Returns those to ask now, the one that has waited longest first. What runs for the first time
    /// is asked in the next round.
    pub fn due(&self, mut running: Vec<Running>, now: Instant) -> Vec<Running> {
        let mut seen = self.0.lock();
        seen.retain(|uid, run| {
            let goes_on = |it: &Running| it.operation.uid == *uid && it.job.uid().as_deref() == Some(&run.job);
            running.iter().any(goes_on)
        });
        let mut since = HashMap::new();
        running.retain(|it| {
            let uid = &it.operation.uid;
            if let Some(run) = seen.get(uid) {
                since.insert(uid.clone(), run.asked);
                return true;
            }
            let run = Seen {
                job: it.job.uid().unwrap_or_default(),
                pods: BTreeMap::new(),
                looks: Looks::default(),
                trouble: None,
                rounds: 0,
                asked: None,
                event_due: now + EVENTS,
                event_pause: EVENTS,
            };
            seen.insert(uid.clone(), run);
            false
        });
        running.sort_by_key(|it| since.get(&it.operation.uid).copied().flatten());
        running.truncate(MOST);
        for it in &running {
            if let Some(run) = seen.get_mut(&it.operation.uid) {
                run.asked = Some(now);
                run.rounds += 1;
            }
        }
        running
    }

    /// Returns how often an operation was asked.
    pub fn rounds(&self, operation: &str) -> usize {
        self.0.lock().get(operation).map_or(0, |run| run.rounds)
    }

    /// Notes what pods have said. Returns whether users are to be shown other figures than before,
    /// and the event that is due.
    pub fn note(&self, running: &Running, said: Said, now: Instant) -> (bool, Option<String>) {
        let mut seen = self.0.lock();
        let job = running.job.uid();
        let Some(run) = seen
            .get_mut(&running.operation.uid)
            .filter(|run| Some(&run.job) == job.as_ref())
        else {
            return (false, None);
        };
        let before = run.figures();
        run.pods.extend(said.done);
        run.trouble = said.trouble.map(|(_, trouble)| trouble.reason);
        let Some(mut done) = run.pods.values().copied().reduce(Done::and) else {
            return (run.figures() != before, None);
        };
        if run.pods.len() < running.pods_wanted {
            (done.total_files, done.total_bytes) = (None, None);
        }
        run.looks.add(now, done);
        let figures = run.figures();
        let event = (now >= run.event_due).then(|| {
            run.event_pause = (run.event_pause * 2).min(EVENTS_LONGEST);
            run.event_due = now + run.event_pause;
            let Operation { kind, name, .. } = &running.operation;
            format!("{kind} {name} goes on: {}", words(&figures))
        });
        (figures != before, event)
    }
}

/// Figures as a sentence has them.
fn words(figures: &BTreeMap<String, String>) -> String {
    let named = figures.iter().map(|(name, value)| match name.as_str() {
        PROGRESS => value.clone(),
        name => format!("{name} {value}"),
    });
    named.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wasser_api::operations::OperationKind;

    use super::*;

    fn running(name: &str, job: &str, pods_wanted: usize) -> Running {
        let object = json!({"metadata": {"name": name, "namespace": "default", "uid": name},
            "spec": {"dataset": {"name": "demo"}}});
        let operation = Operation::read(
            OperationKind::DataLoad,
            Arc::new(serde_json::from_value(object).unwrap()),
        );
        Running {
            operation: operation.unwrap(),
            job: Arc::new(serde_json::from_value(json!({"metadata": {"uid": job}})).unwrap()),
            pods_wanted,
        }
    }

    fn said(pod: &str, line: &str) -> Said {
        Said {
            done: vec![(pod.to_owned(), Done::of(line).unwrap())],
            trouble: None,
        }
    }

    #[test]
    fn what_runs_is_asked_in_turn_and_not_in_its_first_round() {
        let (progress, now) = (Progress::default(), Instant::now());
        let all = |count: usize| -> Vec<Running> { (0..count).map(|at| running(&at.to_string(), "j", 1)).collect() };
        assert!(progress.due(all(40), now).is_empty());
        let mut asked: Vec<String> = Vec::new();
        for round in 1..=2 {
            let due = progress.due(all(40), now + Duration::from_secs(round));
            assert_eq!(due.len(), MOST);
            asked.extend(due.into_iter().map(|it| it.operation.uid));
        }
        asked.sort();
        asked.dedup();
        assert_eq!(asked.len(), 40);
        progress.due(Vec::new(), now);
        assert!(progress.0.lock().is_empty());
    }

    #[test]
    fn figures_are_of_one_job_and_of_all_its_pods() {
        let (progress, now) = (Progress::default(), Instant::now());
        let run = || running("warm", "first", 2);
        progress.due(vec![run()], now);
        let (changed, _) = progress.note(&run(), said("a", "progress files=5 total-files=10"), now);
        assert!(changed);
        assert_eq!(progress.figures("warm", "first")["files"], "5");
        progress.note(&run(), said("b", "progress files=10 total-files=10"), now);
        assert_eq!(progress.figures("warm", "first")[PROGRESS], "75%");
        assert!(!progress.note(&run(), Said::default(), now).0, "nothing new was said");
        // Another attempt on the same node.
        progress.note(&run(), said("a", "progress files=1 total-files=10"), now);
        assert_eq!(progress.figures("warm", "first")["files"], "11/20");
        assert!(progress.figures("warm", "second").is_empty());
        progress.due(vec![running("warm", "second", 2)], now);
        assert!(progress.figures("warm", "first").is_empty());
    }

    #[test]
    fn events_come_ever_more_seldom() {
        let (progress, start) = (Progress::default(), Instant::now());
        let run = || running("warm", "first", 1);
        progress.due(vec![run()], start);
        let mut at = Vec::new();
        for second in (10..=1800).step_by(10) {
            let line = format!("progress files={second}");
            let (_, event) = progress.note(&run(), said("", &line), start + Duration::from_secs(second));
            at.extend(event.map(|event| (second, event)));
        }
        let seconds: Vec<u64> = at.iter().map(|(second, _)| *second).collect();
        assert_eq!(seconds, [60, 180, 420, 900, 1500]);
        assert_eq!(at[0].1, "DataLoad warm goes on: files 60, 60 files, rate 1 files/s");
    }
}
