//! `wasser plugin dev`: an author's loop against a cluster.
//!
//! A [`Session`] builds the project, registers what was built, and waits for [`changes`] of the files
//! that [`paths`] counts, which [`watch`] sees and [`debounce`] lets come to rest. How a registration
//! becomes the next one is in `installed`, as for `install` and `upgrade`.

pub mod changes;
mod debounce;
mod paths;
mod register;
pub mod session;
mod told;
mod trouble;
mod watch;

use std::fs;
use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, ensure};
use tokio_util::sync::CancellationToken;
use wasser_author::{Compilers, Project};
use wasser_oci::Reference;
use wasser_pack::oci::layout;
use wasser_process::signals::on_signal;

use super::installed::consent::Consent;
use super::installed::desk::PlaceArgs;
use super::installed::offer::Built;
use super::installed::terms::TermsArgs;
use crate::cli::data::screen::Screen;
use crate::cli::plugin::update;
use session::{Bench, Build, Push, Session};

/// The tag of builds in a registry. They are registered by their digests.
const TAG: &str = "dev";
/// The exit code after a second Ctrl-C, as shells have it.
const KILLED: i32 = 130;

/// What to develop, and where.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory of the plugin.
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Push each build to this repository, with the tag `dev`, and register it by its digest. A plugin
    /// in Python or JavaScript needs that: no ConfigMap takes its component.
    #[arg(long, value_name = "REGISTRY/REPOSITORY", value_parser = repository)]
    push: Option<Reference>,
    /// Build and register once, and end with the verdict.
    #[arg(long)]
    once: bool,
    /// The name of the registration [default: the plugin's own name].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Args {
    /// Builds and registers until Ctrl-C, or once.
    pub async fn run(&self) -> Result<ExitCode> {
        let project = Project::open(&self.directory)?;
        update::warn(&project, &self.directory);
        let directory = fs::canonicalize(&self.directory)?.display().to_string();
        ensure!(
            self.push.is_some() || !project.is_large(),
            "{directory} becomes a component of more than 10 MB, and a ConfigMap takes 1 MiB; give `--push \
             REGISTRY/REPOSITORY`, from where the operator pulls it"
        );
        let (stop, compilers) = (CancellationToken::new(), Compilers::default());
        let consent = match self.once {
            true => Consent::of_process(self.terms.is_agreed()),
            false => Consent::of_process_until(stop.clone(), self.terms.is_agreed()),
        };
        let mut session = Session::new(Bench {
            desk: self.place.desk().await?,
            host: self.terms.host()?,
            build: build(&self.directory, &compilers),
            push: self.push.as_ref().map(|reference| self.push(reference)).transpose()?,
            name: self.name.clone(),
            built: Built {
                directory,
                file: absolute(project.artifact())?,
            },
            terms: self.terms.terms(),
            consent,
            screen: Screen::standard(),
        });
        if self.once {
            return Ok(ExitCode::from(session.once().await?.code()));
        }
        // Before the first build, so that no change is missed.
        let changes = watch::watch(&self.directory)?;
        let signals = on_signal(stop.clone())?;
        let compiling = compilers.clone();
        tokio::spawn(async move {
            signals.again().await;
            compiling.stop();
            std::process::exit(KILLED);
        });
        let ended = session.run(changes, stop).await;
        compilers.stop();
        ended?;
        Ok(ExitCode::SUCCESS)
    }

    /// Returns where builds go.
    fn push(&self, reference: &Reference) -> Result<Push> {
        let (registry, credentials) = self.terms.registry(reference)?;
        Ok(Push {
            registry,
            reference: reference.clone(),
            credentials,
        })
    }
}

/// Returns what builds a project.
fn build(directory: &Path, compilers: &Compilers) -> Build {
    let (directory, compilers) = (directory.to_owned(), compilers.clone());
    Arc::new(move || {
        let project = Project::open(&directory)?.with(compilers.clone());
        layout::read(&project.pack(None)?.artifact)
    })
}

/// Reads `--push`.
fn repository(text: &str) -> Result<Reference, String> {
    let given: Reference = text.parse().map_err(|error| format!("{error}"))?;
    if given.tag().is_some() || given.digest().is_some() {
        return Err(format!("write REGISTRY/REPOSITORY alone; the tag is `{TAG}`"));
    }
    Ok(given.tagged(TAG))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("registry.example.org/me/my-cache", Ok("registry.example.org/me/my-cache:dev"))]
    #[case("127.0.0.1:5000/my-cache", Ok("127.0.0.1:5000/my-cache:dev"))]
    #[case("registry.example.org/me/my-cache:1", Err("the tag is `dev`"))]
    #[case("my-cache", Err("does not name an artifact"))]
    fn builds_go_to_a_repository(#[case] text: &str, #[case] means: Result<&str, &str>) {
        match (repository(text), means) {
            (Ok(reference), Ok(means)) => assert_eq!(reference.to_string(), means),
            (Err(refused), Err(says)) => assert!(refused.contains(says), "{refused}"),
            (read, _) => panic!("{text}: {read:?}"),
        }
    }
}
