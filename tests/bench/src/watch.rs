//! Watches of the API server, one for each kind: nothing is polled while something is measured.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;

use wasser_test_cluster::Cluster;

/// A kind to watch: its name in reports, and the path of its list.
pub type Watched = (&'static str, &'static str);

/// Running watches, and what they have reported so far.
pub struct Watches {
    children: Vec<Child>,
    events: Receiver<Result<(&'static str, Instant, Event)>>,
    tally: Tally,
}

impl Watches {
    /// Starts the watches. What exists already comes first.
    pub fn start(cluster: &Cluster, kinds: &[Watched]) -> Result<Self> {
        let (sender, events) = channel();
        let mut watches = Self {
            children: Vec::new(),
            events,
            tally: Tally::default(),
        };
        for &(kind, path) in kinds {
            let query = if path.contains('?') { '&' } else { '?' };
            let mut command = cluster.kubectl_command();
            let mut child = command
                .args(["get", "--raw", &format!("{path}{query}watch=true")])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .with_context(|| format!("watching {kind}"))?;
            let output = child.stdout.take().with_context(|| format!("watching {kind}"))?;
            watches.children.push(child);
            let sender = sender.clone();
            std::thread::spawn(move || read(kind, BufReader::new(output), &sender));
        }
        Ok(watches)
    }

    /// Waits until the reports of the watches fulfil a condition.
    ///
    /// # Errors
    /// Fails if the condition does not hold within this time, with what there is instead, and if a
    /// watch ends.
    pub fn wait(&mut self, what: &str, patience: Duration, holds: impl Fn(&Tally) -> bool) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !holds(&self.tally) {
            match self
                .events
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(event) => {
                    let (kind, at, event) = event?;
                    self.tally.apply(kind, at, event);
                }
                Err(RecvTimeoutError::Timeout) => bail!(
                    "after {} s still not: {what}; there is {}",
                    patience.as_secs(),
                    self.tally.describe()
                ),
                Err(RecvTimeoutError::Disconnected) => bail!("every watch has ended"),
            }
        }
        Ok(())
    }

    /// Returns what the watches have reported so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        for child in &mut self.children {
            // A process that has ended by itself is not a failure here.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn read(kind: &'static str, output: impl BufRead, sender: &Sender<Result<(&'static str, Instant, Event)>>) {
    for line in output.lines() {
        let at = Instant::now();
        let event = line.context("reading a watch").and_then(|line| Event::parse(&line));
        // Without a receiver, the events are not needed any more.
        if sender
            .send(
                event
                    .map(|event| (kind, at, event))
                    .with_context(|| format!("watching {kind}")),
            )
            .is_err()
        {
            return;
        }
    }
    let _ = sender.send(Err(anyhow!("the watch of {kind} has ended")));
}

/// One line of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An object is there, perhaps with a phase.
    Seen(String, Option<String>),
    /// An object is gone.
    Gone(String),
    /// Nothing about an object.
    Other,
}

impl Event {
    fn parse(line: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Line {
            r#type: String,
            object: Object,
        }
        #[derive(Deserialize)]
        struct Object {
            #[serde(default)]
            metadata: Metadata,
            #[serde(default)]
            status: serde_json::Value,
            message: Option<String>,
        }
        #[derive(Deserialize, Default)]
        struct Metadata {
            #[serde(default)]
            name: String,
        }
        let Line { r#type, object } = serde_json::from_str(line).with_context(|| format!("not an event: {line}"))?;
        match r#type.as_str() {
            "ADDED" | "MODIFIED" => {
                let phase = object.status["phase"].as_str().or_else(|| ended(&object.status));
                Ok(Self::Seen(object.metadata.name, phase.map(str::to_owned)))
            }
            "DELETED" => Ok(Self::Gone(object.metadata.name)),
            "BOOKMARK" => Ok(Self::Other),
            other => bail!("{other}: {}", object.message.unwrap_or_default()),
        }
    }
}

/// How a Job has ended, which has no phase.
fn ended(status: &serde_json::Value) -> Option<&str> {
    let conditions = status["conditions"].as_array()?.iter();
    let mut holding = conditions.filter(|condition| condition["status"] == "True");
    holding.find_map(|condition| {
        condition["type"]
            .as_str()
            .filter(|it| ["Complete", "Failed"].contains(it))
    })
}

/// The objects that exist, by kind.
#[derive(Debug, Default)]
pub struct Tally {
    kinds: BTreeMap<&'static str, Kind>,
}

#[derive(Debug, Default)]
struct Kind {
    present: BTreeSet<String>,
    /// For each object, its phases and since when, in order.
    phases: BTreeMap<String, Vec<(String, Instant)>>,
    last_gone: Option<Instant>,
}

impl Tally {
    fn apply(&mut self, kind: &'static str, at: Instant, event: Event) {
        let kind = self.kinds.entry(kind).or_default();
        match event {
            Event::Seen(name, phase) => {
                if let Some(phase) = phase {
                    let phases = kind.phases.entry(name.clone()).or_default();
                    if phases.last().is_none_or(|(known, _)| *known != phase) {
                        phases.push((phase, at));
                    }
                }
                kind.present.insert(name);
            }
            Event::Gone(name) => {
                kind.present.remove(&name);
                kind.phases.remove(&name);
                kind.last_gone = Some(at);
            }
            Event::Other => {}
        }
    }

    /// Returns how many objects of a kind there are.
    pub fn present(&self, kind: &str) -> usize {
        self.kinds.get(kind).map_or(0, |kind| kind.present.len())
    }

    /// Returns how many objects of a kind are in this phase.
    pub fn count(&self, kind: &str, phase: &str) -> usize {
        self.in_phase(kind, phase).count()
    }

    /// Since when each object of the kind that is in this phase is in it.
    fn in_phase<'t>(&'t self, kind: &str, phase: &'t str) -> impl Iterator<Item = Instant> + 't {
        let phases = self.kinds.get(kind).into_iter().flat_map(|kind| kind.phases.values());
        let last = phases.filter_map(|phases| phases.last());
        last.filter(move |(reached, _)| reached == phase)
            .map(|(_, since)| *since)
    }

    /// Returns when each object of the kind that is in this phase reached it, in order.
    pub fn reached(&self, kind: &str, phase: &str) -> Vec<Instant> {
        let mut times: Vec<Instant> = self.in_phase(kind, phase).collect();
        times.sort();
        times
    }

    /// Returns when an object was first seen in a phase. `None` if it was not.
    pub fn when(&self, kind: &str, name: &str, phase: &str) -> Option<Instant> {
        let mut phases = self.kinds.get(kind)?.phases.get(name)?.iter();
        phases.find(|(reached, _)| reached == phase).map(|(_, at)| *at)
    }

    /// Returns the objects of a kind, by name.
    pub fn names(&self, kind: &str) -> impl Iterator<Item = &str> {
        let present = self.kinds.get(kind).into_iter().flat_map(|kind| &kind.present);
        present.map(String::as_str)
    }

    /// Returns when the last object of a kind was removed. `None` if none was.
    pub fn last_gone(&self, kind: &str) -> Option<Instant> {
        self.kinds.get(kind)?.last_gone
    }

    /// Describes the numbers in words.
    fn describe(&self) -> String {
        let kinds = self.kinds.iter().map(|(name, kind)| {
            let mut phases = BTreeMap::<&str, usize>::new();
            kind.phases
                .values()
                .filter_map(|phases| phases.last())
                .for_each(|(phase, _)| *phases.entry(phase).or_default() += 1);
            let phases: Vec<String> = phases.iter().map(|(phase, count)| format!("{count} {phase}")).collect();
            let phases = if phases.is_empty() {
                String::new()
            } else {
                format!(" ({})", phases.join(", "))
            };
            format!("{} {name}{phases}", kind.present.len())
        });
        kinds.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_watch_are_understood() {
        let parse = |line: &str| Event::parse(line).unwrap();
        let line = r#"{"type":"MODIFIED","object":{"kind":"Dataset",
            "metadata":{"name":"a","uid":"1"},"status":{"phase":"Bound"}}}"#;
        assert_eq!(parse(line), Event::Seen("a".to_owned(), Some("Bound".to_owned())));
        assert_eq!(
            parse(r#"{"type":"ADDED","object":{"metadata":{"name":"a"}}}"#),
            Event::Seen("a".to_owned(), None)
        );
        assert_eq!(
            parse(r#"{"type":"DELETED","object":{"metadata":{"name":"a"}}}"#),
            Event::Gone("a".to_owned())
        );
        assert_eq!(parse(r#"{"type":"BOOKMARK","object":{"metadata":{}}}"#), Event::Other);
    }

    #[test]
    fn a_job_that_has_ended_is_in_the_phase_that_its_condition_says() {
        let conditions = r#"[{"type":"SuccessCriteriaMet","status":"True"},{"type":"Failed","status":"False"},
            {"type":"Complete","status":"True"}]"#;
        let line = format!(
            r#"{{"type":"MODIFIED","object":{{"metadata":{{"name":"a"}},"status":{{"conditions":{conditions}}}}}}}"#
        );
        let seen = Event::parse(&line).unwrap();
        assert_eq!(seen, Event::Seen("a".to_owned(), Some("Complete".to_owned())));
    }

    #[test]
    fn errors_of_a_watch_say_what_the_server_said() {
        let error = Event::parse(
            r#"{"type":"ERROR","object":{"kind":"Status","metadata":{},"status":"Failure",
                "message":"too old","code":410}}"#,
        );
        assert!(error.unwrap_err().to_string().contains("too old"));
        assert!(Event::parse("nonsense").is_err());
    }

    #[test]
    fn the_tally_knows_what_is_there_and_since_when() {
        let (mut tally, start) = (Tally::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let seen = |name: &str, phase: &str| Event::Seen(name.to_owned(), Some(phase.to_owned()));
        tally.apply("datasets", at(0), Event::Seen("a".to_owned(), None));
        tally.apply("datasets", at(1), seen("a", "Bound"));
        tally.apply("datasets", at(2), seen("a", "Bound"));
        tally.apply("datasets", at(3), seen("b", "NotBound"));
        assert_eq!((tally.present("datasets"), tally.present("others")), (2, 0));
        assert_eq!(tally.reached("datasets", "Bound"), [at(1)]);
        tally.apply("datasets", at(3), seen("c", "Bound"));
        tally.apply("datasets", at(4), seen("c", "Failed"));
        assert_eq!(tally.when("datasets", "c", "Bound"), Some(at(3)));
        assert_eq!(tally.when("datasets", "c", "NotBound"), None);
        assert_eq!(tally.reached("datasets", "Failed"), [at(4)]);
        tally.apply("datasets", at(5), Event::Gone("c".to_owned()));
        assert_eq!(tally.describe(), "2 datasets (1 Bound, 1 NotBound)");
        tally.apply("datasets", at(6), Event::Gone("a".to_owned()));
        assert_eq!(
            (tally.present("datasets"), tally.last_gone("datasets")),
            (1, Some(at(6)))
        );
        assert!(tally.reached("datasets", "Bound").is_empty());
    }
}
