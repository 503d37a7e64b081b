//! `wasser data wait`.

use std::process::ExitCode;

use anyhow::Result;
use wasser_process::signals;

use super::follow::{FollowArgs, follow};
use super::names::Named;
use super::place::PlaceArgs;
use super::screen::Screen;

/// What to wait for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The operation: dataload/warm.
    #[arg(value_name = "KIND/NAME")]
    operation: Named,
    #[command(flatten)]
    follow: FollowArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Follows an operation to its end.
pub async fn run(args: Args, program: &str) -> Result<ExitCode> {
    let session = args.place.session(program).await?;
    let interrupt = signals::interrupt()?;
    let mut screen = Screen::standard();
    let ending = follow(&session, &args.operation, None, &args.follow, &mut screen, interrupt).await?;
    ending.report(&session, &args.operation, &mut screen);
    Ok(ExitCode::from(ending.code()))
}
