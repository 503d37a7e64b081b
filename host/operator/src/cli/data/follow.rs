//! Follows an operation to its end, by watch.
//!
//! Whatever ends the following but the operation's own end leaves the operation as it is.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::ResourceExt;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::time::MissedTickBehavior;

use super::logs::Logs;
use super::names::Named;
use super::place::{Session, qualified};
use super::problem::{Problem, chain};
use super::screen::Screen;
use super::state;
use crate::cli::options;

/// How often the time is shown anew.
const TICK: Duration = Duration::from_secs(1);
/// How long the rest of the pods' logs may take after the end.
const REST: Duration = Duration::from_secs(5);

/// How to follow.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct FollowArgs {
    /// Stop waiting after this long, with exit code 3; the operation goes on: 30m, 2h.
    #[arg(long, value_name = "DURATION", value_parser = options::period)]
    pub timeout: Option<Duration>,
    /// Show the logs of its pods, on standard error.
    #[arg(long)]
    pub logs: bool,
}

/// How the following ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The operation has succeeded; with how long it took, and its figures.
    Complete(String),
    /// The operation has failed, for this reason.
    Failed(String),
    /// It takes longer than the user wants to wait.
    TimedOut(Duration),
    /// The user has interrupted it.
    Interrupted,
    /// The operation was deleted before its end.
    Deleted,
}

impl Ending {
    /// Returns the exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Complete(_) => 0,
            Self::Failed(_) | Self::Deleted => 1,
            Self::TimedOut(_) => 3,
            Self::Interrupted => 130,
        }
    }

    /// Tells the user.
    pub fn report(&self, session: &Session, named: &Named, screen: &mut Screen) {
        let back = || session.command("wait", named);
        match self {
            Self::Complete(words) => screen.say(&format!("{named} is complete{words}")),
            Self::Failed(why) => screen.complain(&format!("Error: {named} has failed: {why}")),
            Self::TimedOut(limit) => screen.complain(&format!(
                "Error: {named} has not ended within {} s; it goes on, and can be followed again: {}",
                limit.as_secs_f64(),
                back()
            )),
            Self::Interrupted => screen.complain(&format!(
                "{named} goes on. To follow it again: {}\nTo end it: {}",
                back(),
                session.command("cancel", named)
            )),
            Self::Deleted => screen.complain(&format!(
                "Error: {named} was deleted before it had ended; create it again if that was not meant"
            )),
        }
    }
}

/// Follows an operation until it ends, the time is over, or the user interrupts. With a UID, an
/// operation that is not there was deleted, and one with another UID is not followed.
///
/// # Errors
/// There is no such operation, or this account may not follow it.
pub async fn follow(
    session: &Session,
    named: &Named,
    mut uid: Option<String>,
    options: &FollowArgs,
    screen: &mut Screen,
    interrupt: impl Future<Output = ()>,
) -> Result<Ending, Problem> {
    let started = Instant::now();
    let config = watcher::Config::default().fields(&format!("metadata.name={}", named.name));
    let mut events = pin!(watcher(session.api(named.kind), config).default_backoff());
    let mut logs = options.logs.then(|| Logs::follow(session, named));
    let mut interrupt = pin!(interrupt);
    let mut timeout = pin!(over(options.timeout));
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut is_listed = false;
    let ending = loop {
        let event = tokio::select! {
            biased;
            () = &mut interrupt => break Ending::Interrupted,
            event = events.next() => event,
            Some(line) = next_line(&mut logs) => {
                screen.log(&line, started.elapsed());
                continue;
            }
            () = &mut timeout => break Ending::TimedOut(options.timeout.unwrap_or_default()),
            _ = ticks.tick(), if screen.shows_time() => {
                screen.tick(started.elapsed());
                continue;
            }
        };
        match event {
            Some(Ok(Event::Apply(object) | Event::InitApply(object))) => {
                if !state::is_same(&object, &uid) {
                    break Ending::Deleted;
                }
                is_listed = true;
                uid = object.uid();
                if let Some(result) = state::result(&object) {
                    break result.into();
                }
                screen.show(&format!("{named}  {}", state::describe(&object)), started.elapsed());
            }
            Some(Ok(Event::Delete(object))) => {
                if state::is_same(&object, &uid) {
                    // One that is removed as soon as it has ended may be seen first when it is gone.
                    break state::result(&object).map_or(Ending::Deleted, Ending::from);
                }
            }
            Some(Ok(Event::Init)) => is_listed = false,
            Some(Ok(Event::InitDone)) if is_listed => {}
            Some(Ok(Event::InitDone)) if uid.is_some() => break Ending::Deleted,
            Some(Ok(Event::InitDone)) => return Err(session.missing(named).await),
            Some(Err(error)) => {
                let resource = qualified(named.kind);
                let attempt = session.attempt("watch", &resource, format!("following {named}"));
                if let Some(problem) = Problem::of_watch(&error, &attempt) {
                    return Err(problem);
                }
                let words = format!(
                    "{named}  the watch was interrupted and is tried again: {}",
                    chain(&error)
                );
                screen.show(&words, started.elapsed());
            }
            None => return Err(session.missing(named).await),
        }
    };
    if let (Some(logs), Ending::Complete(_) | Ending::Failed(_)) = (logs, &ending) {
        let mut rest = pin!(logs.rest().take_until(tokio::time::sleep(REST)));
        while let Some(line) = rest.next().await {
            screen.log(&line, started.elapsed());
        }
    }
    Ok(ending)
}

impl From<state::Result> for Ending {
    fn from(result: state::Result) -> Self {
        match result {
            state::Result::Complete(words) => Self::Complete(words),
            state::Result::Failed(why) => Self::Failed(why),
        }
    }
}

/// Waits until the time is over, if it is ever.
pub async fn over(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// The next line of the pods' logs. Without logs, there never is one.
async fn next_line(logs: &mut Option<Logs>) -> Option<String> {
    match logs {
        Some(logs) => logs.next().await,
        None => None,
    }
}
