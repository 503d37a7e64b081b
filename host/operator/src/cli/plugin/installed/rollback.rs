//! `wasser plugin rollback`: a registration names an earlier artifact again.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use super::desk::{Desk, PlaceArgs};
use super::error::ChangeError;
use super::grants::lines;
use super::owner;
use super::record::Record;
use super::shown::row;
use super::verdict::{Ending, wait};
use crate::cli::data::screen::Screen;
use crate::cli::options;

/// What to roll back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the registration, as `list` prints it.
    name: String,
    /// The revision to go back to [default: the one before this one].
    #[arg(long, value_name = "REVISION")]
    to: Option<u32>,
    /// How long to wait until the plugin serves; after that, the exit code is 3.
    #[arg(long, default_value = "60s", value_name = "DURATION", value_parser = options::period)]
    timeout: Duration,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Args {
    /// Rolls it back.
    pub async fn run(&self) -> Result<ExitCode> {
        let (desk, mut screen) = (self.place.desk().await?, Screen::standard());
        let ending = rollback(&desk, &self.name, self.to, self.timeout, &mut screen).await?;
        Ok(ExitCode::from(ending.code()))
    }
}

/// Registers an earlier revision again, with the grants, images and settings that it had, and waits for
/// the verdict.
///
/// # Errors
/// There is no such revision, the registration belongs to somebody else, or the API server refuses it.
pub async fn rollback(
    desk: &Desk,
    name: &str,
    to: Option<u32>,
    limit: Duration,
    screen: &mut Screen,
) -> Result<Ending, ChangeError> {
    let map = owner::find(desk, name).await?;
    let mut record = Record::of(&map)?;
    let before = record.current().cloned().unwrap_or_default();
    let target = record.earlier(name, to)?.clone();
    screen.say(&row(
        "from",
        &format!("revision {}: {}", before.revision, before.shown()),
    ));
    screen.say(&row("to", &format!("revision {}: {}", target.revision, target.shown())));
    let now = before.yaml(name).ok().and_then(|yaml| yaml.grants).unwrap_or_default();
    let then = target.yaml(name)?.grants.unwrap_or_default();
    for (title, grants) in [("may again", then.without(&now)), ("may no longer", now.without(&then))] {
        lines(&grants).iter().for_each(|line| screen.say(&row(title, line)));
    }
    let number = record.push(target);
    let written = desk.change(&map, |map| record.write(map)).await?;
    let ending = wait(desk, &written, limit, screen).await?;
    let remedy = format!("It is revision {number}; other ones: {}", desk.command("list -o json"));
    ending.report(desk, name, &remedy, screen);
    Ok(ending)
}
