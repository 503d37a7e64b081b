//! The jobs of one method: what it has asked for, in which order, and the results. And what it has
//! said to people, which its next call says again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::bindings::exec::{Command, Output};
use crate::bindings::http::{Request, Response};
use crate::bindings::types::HostError;
use crate::sandbox::budget::{Answering, Share};

/// The maximum number of jobs until a method has its answer.
const MOST: usize = 500;
/// The maximum bytes of them and their results together.
const KEPT: usize = 8 << 20;

/// What a method asks for. It is the same job if it is asked for in the same words.
#[derive(Debug, Clone, PartialEq)]
pub enum Job {
    /// A command in a pod.
    Command(Command),
    /// A request to a pod.
    Request(Request),
}

/// The result of a job.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// That of a command.
    Command(Result<Output, HostError>),
    /// That of a request.
    Request(Result<Response, HostError>),
}

/// A job that was checked, and is to be done.
#[derive(Debug, Clone)]
pub struct Begun {
    /// Its place in the journal.
    pub index: usize,
    /// The job.
    pub job: Job,
    /// The container in which a command runs if it names none.
    pub container: String,
}

#[derive(Debug)]
struct Entry {
    job: Job,
    container: String,
    outcome: Option<Outcome>,
    /// Whether the current call has asked for it already.
    asked: bool,
}

/// The jobs of one method, until it has answered.
#[derive(Debug)]
pub struct Journal {
    entries: Vec<Entry>,
    kept: usize,
    /// The memory that the results take of what the plugin has.
    share: Arc<Share>,
    /// Events and lines of the log as digests, each with whether the current call has said it already.
    said: Vec<(u64, bool)>,
}

impl Journal {
    /// Returns one whose results take memory of a plugin.
    pub fn of(share: Arc<Share>) -> Self {
        Self {
            entries: Vec::new(),
            kept: 0,
            share,
            said: Vec::new(),
        }
    }

    /// Returns the memory for the answer of one pod, which counts while it arrives.
    pub fn room(&self) -> Answering {
        Answering::of(self.share.clone())
    }

    /// Forgets everything, and gives its memory back.
    pub fn clear(&mut self) {
        self.share.give_back(bytes(self.kept));
        self.kept = 0;
        self.entries = Vec::new();
        self.said = Vec::new();
    }

    /// Begins a call, which asks for everything again.
    pub fn begin_call(&mut self) {
        for entry in &mut self.entries {
            entry.asked = false;
        }
        for (_, again) in &mut self.said {
            *again = false;
        }
    }

    /// Returns whether an earlier call has said the same to people.
    pub fn was_said(&mut self, words: &impl Hash) -> bool {
        let digest = digest(words);
        let said = self.said.iter_mut().find(|(said, again)| *said == digest && !again);
        said.is_some_and(|(_, again)| !std::mem::replace(again, true))
    }

    /// Notes what was said to people.
    pub fn say(&mut self, words: &impl Hash) {
        if self.said.len() < MOST {
            self.said.push((digest(words), true));
        }
    }

    /// Returns the result of a job that an earlier call has begun.
    pub fn result(&mut self, job: &Job) -> Option<Outcome> {
        let is_it = |entry: &&mut Entry| !entry.asked && entry.outcome.is_some() && entry.job == *job;
        let entry = self.entries.iter_mut().find(is_it)?;
        entry.asked = true;
        entry.outcome.clone()
    }

    /// Begins a job that was checked.
    ///
    /// # Errors
    /// There are too many.
    pub fn begin(&mut self, job: Job, container: String) -> Result<(), HostError> {
        if self.entries.len() >= MOST {
            return Err(HostError::Failed(format!(
                "the method has asked for {MOST} commands and requests, and may not ask for more until it answers"
            )));
        }
        let size = job.size();
        let room = self.room();
        if !self.keeps(size, room) {
            return Err(too_large());
        }
        self.entries.push(Entry {
            job,
            container,
            outcome: None,
            asked: true,
        });
        Ok(())
    }

    /// Returns whether there are jobs without a result.
    pub fn has_begun(&self) -> bool {
        self.entries.iter().any(|entry| entry.outcome.is_none())
    }

    /// Returns the jobs without a result.
    pub fn begun(&self) -> Vec<Begun> {
        let entries = self.entries.iter().enumerate();
        let begun = entries.filter(|(_, entry)| entry.outcome.is_none());
        begun
            .map(|(index, entry)| Begun {
                index,
                job: entry.job.clone(),
                container: entry.container.clone(),
            })
            .collect()
    }

    /// Keeps the result of a job, and the room that it arrived in.
    pub fn end(&mut self, index: usize, outcome: Outcome, room: Answering) {
        let fits = self.keeps(outcome.size(), room);
        if let Some(entry) = self.entries.get_mut(index) {
            entry.outcome = Some(if fits { outcome } else { outcome.too_large() });
        }
    }

    /// Keeps something of this size, if the method and the plugin may have more.
    fn keeps(&mut self, size: usize, room: Answering) -> bool {
        let all = self.kept.saturating_add(size);
        let fits = all <= KEPT && room.holds(bytes(size));
        if fits {
            room.leave(bytes(size));
            self.kept = all;
        }
        fits
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.clear();
    }
}

fn bytes(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}

fn digest(words: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    words.hash(&mut hasher);
    hasher.finish()
}

impl Outcome {
    /// The bytes of a result.
    fn size(&self) -> usize {
        match self {
            Self::Command(Ok(output)) => output.stdout.bytes.len() + output.stderr.bytes.len(),
            Self::Request(Ok(response)) => {
                let headers = response.headers.iter();
                response.body.len() + headers.map(|(name, value)| name.len() + value.len()).sum::<usize>()
            }
            Self::Command(Err(_)) | Self::Request(Err(_)) => 0,
        }
    }

    fn too_large(&self) -> Self {
        match self {
            Self::Command(_) => Self::Command(Err(too_large())),
            Self::Request(_) => Self::Request(Err(too_large())),
        }
    }
}

impl Job {
    /// The bytes of what is asked for, as far as a guest decides.
    fn size(&self) -> usize {
        match self {
            Self::Command(command) => {
                let argv: usize = command.argv.iter().map(String::len).sum();
                argv + command.stdin.as_ref().map_or(0, Vec::len)
            }
            Self::Request(request) => request.path.len(),
        }
    }
}

/// The answer to whoever asks for more bytes than there may be.
pub fn too_large() -> HostError {
    HostError::Failed(format!(
        "commands, requests and their results have more bytes than the plugin may have: {KEPT} for one method, and \
         its share of the memory for all"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Room;
    use crate::bindings::exec::{Captured, Ending};
    use crate::sandbox::budget::Budget;

    fn journal() -> Journal {
        Journal::of(Budget::new().share())
    }

    fn end(journal: &mut Journal, index: usize, outcome: Outcome) {
        let room = journal.room();
        journal.end(index, outcome, room);
    }

    fn job(word: &str) -> Job {
        Job::Command(Command {
            pod: "demo-worker-0".to_owned(),
            container: None,
            argv: vec![word.to_owned()],
            stdin: None,
            timeout_ms: None,
        })
    }

    fn wrote(bytes: usize) -> Outcome {
        let captured = |bytes| Captured {
            bytes: vec![b'x'; bytes],
            truncated: false,
        };
        Outcome::Command(Ok(Output {
            ending: Ending::Exited(0),
            stdout: captured(bytes),
            stderr: captured(0),
        }))
    }

    #[test]
    fn the_same_command_is_another_job_each_time() {
        let mut journal = journal();
        for round in 1..=3 {
            journal.begin_call();
            for earlier in 1..round {
                assert_eq!(journal.result(&job("status")), Some(wrote(earlier)));
            }
            assert_eq!(journal.result(&job("status")), None);
            journal.begin(job("status"), String::new()).unwrap();
            let begun = journal.begun();
            assert_eq!(begun.len(), 1);
            end(&mut journal, begun[0].index, wrote(round));
            assert!(!journal.has_begun());
        }
    }

    /// A method may find other pods in its second call.
    #[test]
    fn a_job_is_found_by_its_words_and_not_by_its_place() {
        let mut journal = journal();
        for (word, bytes) in [("a", 1), ("b", 2)] {
            journal.begin(job(word), String::new()).unwrap();
            let index = journal.begun()[0].index;
            end(&mut journal, index, wrote(bytes));
        }
        journal.begin_call();
        assert_eq!(journal.result(&job("b")), Some(wrote(2)));
        assert_eq!(journal.result(&job("c")), None);
        assert_eq!(journal.result(&job("a")), Some(wrote(1)));
    }

    #[test]
    fn the_same_words_count_once_for_each_time_that_one_call_says_them() {
        let mut journal = journal();
        for times in 1..=3 {
            journal.begin_call();
            for _ in 1..times {
                assert!(journal.was_said(&"mounted"));
            }
            assert!(!journal.was_said(&"mounted") && !journal.was_said(&"other"));
            journal.say(&"mounted");
        }
    }

    #[test]
    fn jobs_and_their_results_are_limited() {
        let mut journal = journal();
        for _ in 0..MOST {
            journal.begin(job("a"), String::new()).unwrap();
        }
        assert!(journal.begin(job("a"), String::new()).is_err());
        let rest = KEPT - MOST;
        end(&mut journal, 0, wrote(rest));
        end(&mut journal, 1, wrote(1));
        end(&mut journal, 2, wrote(0));
        journal.begin_call();
        assert_eq!(journal.result(&job("a")), Some(wrote(rest)));
        assert!(matches!(journal.result(&job("a")), Some(Outcome::Command(Err(_)))));
        assert_eq!(journal.result(&job("a")), Some(wrote(0)));
    }

    #[test]
    fn an_answer_without_room_is_none() {
        let share = Budget::of(100, 100).share();
        let mut journal = Journal::of(share.clone());
        journal.begin(job("a"), String::new()).unwrap();
        let room = journal.room();
        assert!(!room.take(100), "the word takes one");
        journal.end(0, wrote(0), room);
        journal.begin_call();
        assert!(matches!(journal.result(&job("a")), Some(Outcome::Command(Err(_)))));
        drop(journal);
        share.take(100).unwrap();
    }
}
