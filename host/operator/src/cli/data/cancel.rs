//! `wasser data cancel`: an operation is deleted, and with it all that it has made.

use std::pin::pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures::StreamExt;
use kube::ResourceExt;
use kube::api::{DeleteParams, Preconditions};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use wasser_process::signals;

use super::follow::over;
use super::names::Named;
use super::place::{PlaceArgs, Session, qualified};
use super::problem::Problem;
use super::screen::Screen;
use super::state;
use crate::cli::options;

/// What to end.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The operation: dataload/warm.
    #[arg(value_name = "KIND/NAME")]
    operation: Named,
    /// Do not wait until its pods are gone.
    #[arg(long)]
    no_wait: bool,
    /// Stop waiting after this long, with exit code 3: 30s, 5m.
    #[arg(long, value_name = "DURATION", value_parser = options::period)]
    timeout: Option<Duration>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// How far the deletion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// Nothing is left.
    Completely,
    /// It was asked for, and goes on.
    Soon,
    /// It takes longer than the user wants to wait.
    NotInTime(Duration),
    /// The user has interrupted the waiting.
    Interrupted,
}

impl Gone {
    /// Returns the exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Completely | Self::Soon => 0,
            Self::NotInTime(_) => 3,
            Self::Interrupted => 130,
        }
    }
}

/// Deletes an operation.
pub async fn run(args: Args, program: &str) -> Result<ExitCode> {
    let session = args.place.session(program).await?;
    let interrupt = signals::interrupt()?;
    let mut screen = Screen::standard();
    let named = &args.operation;
    let gone = cancel(&session, named, !args.no_wait, args.timeout, &mut screen, interrupt).await?;
    match gone {
        Gone::Completely => screen.say(&format!("{named} is gone")),
        Gone::Soon => screen.say(&format!("{named} is being deleted")),
        Gone::NotInTime(limit) => screen.complain(&format!(
            "Error: {named} is not gone within {} s; its deletion goes on",
            limit.as_secs_f64()
        )),
        Gone::Interrupted => screen.complain(&format!(
            "the deletion of {named} goes on. To wait for its end: {}",
            session.command("cancel", named)
        )),
    }
    Ok(ExitCode::from(gone.code()))
}

/// Deletes an operation, and waits until it is gone if that is wanted.
///
/// # Errors
/// There is no such operation, or this account may not delete or follow it.
pub async fn cancel(
    session: &Session,
    named: &Named,
    waits: bool,
    timeout: Option<Duration>,
    screen: &mut Screen,
    interrupt: impl Future<Output = ()>,
) -> Result<Gone, Problem> {
    let (api, resource, started) = (session.api(named.kind), qualified(named.kind), Instant::now());
    let attempt = |verb, what: &str| session.attempt(verb, &resource, format!("{what} {named}"));
    let found = api.get_metadata_opt(&named.name).await;
    let Some(found) = found.map_err(|error| Problem::of(&error, &attempt("get", "looking for")))? else {
        return Err(session.missing(named).await);
    };
    let uid = found.uid();
    let only = Preconditions {
        uid: uid.clone(),
        resource_version: None,
    };
    let deleted = api
        .delete(&named.name, &DeleteParams::foreground().preconditions(only))
        .await;
    match deleted {
        Ok(_) => {}
        // It has gone meanwhile; one that was created since is another one.
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => return Ok(Gone::Completely),
        Err(error) => return Err(Problem::of(&error, &attempt("delete", "deleting"))),
    }
    if !waits {
        return Ok(Gone::Soon);
    }
    let config = watcher::Config::default().fields(&format!("metadata.name={}", named.name));
    let mut events = pin!(watcher(api, config).default_backoff());
    let mut interrupt = pin!(interrupt);
    let mut is_listed = false;
    let until_gone = async {
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(object) | Event::InitApply(object)) => {
                    if !state::is_same(&object, &uid) {
                        return Ok(Gone::Completely);
                    }
                    is_listed = true;
                    screen.show(&format!("{named}  is being deleted"), started.elapsed());
                }
                Ok(Event::Delete(object)) if state::is_same(&object, &uid) => return Ok(Gone::Completely),
                Ok(Event::Init) => is_listed = false,
                Ok(Event::InitDone) if !is_listed => return Ok(Gone::Completely),
                Ok(_) => {}
                Err(error) => {
                    if let Some(problem) = Problem::of_watch(&error, &attempt("watch", "following")) {
                        return Err(problem);
                    }
                }
            }
        }
        Ok(Gone::Soon)
    };
    tokio::select! {
        biased;
        () = &mut interrupt => Ok(Gone::Interrupted),
        gone = until_gone => gone,
        () = over(timeout) => Ok(Gone::NotInTime(timeout.unwrap_or_default())),
    }
}
