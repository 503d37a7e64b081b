//! `wasser plugin upgrade`: a registration names another artifact.

use std::process::ExitCode;

use anyhow::Result;
use kube::ResourceExt;
use wasser_oci::Reference;

use super::consent::Consent;
use super::definitions::{self, Plan, Planned};
use super::desk::{Desk, PlaceArgs};
use super::draft::Draft;
use super::error::ChangeError;
use super::grants::Decision;
use super::install::print;
use super::offer::Offer;
use super::owner;
use super::record::Record;
use super::revision::Revision;
use super::shown::{others, row};
use super::terms::{ArtifactArgs, Terms};
use super::verdict::{Ending, wait};
use crate::cli::data::screen::Screen;

/// What to upgrade.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the registration, as `list` prints it.
    name: String,
    /// The artifact: REGISTRY/REPOSITORY:TAG, whose digest is registered, or
    /// REGISTRY/REPOSITORY@sha256:….
    reference: Reference,
    #[command(flatten)]
    terms: ArtifactArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Args {
    /// Upgrades it.
    pub async fn run(&self) -> Result<ExitCode> {
        let desk = self.place.desk().await?;
        let offer = self.terms.offer(&self.reference).await?;
        let (terms, mut consent, mut screen) = (self.terms.terms(), self.terms.consent(), Screen::standard());
        let ending = upgrade(&desk, &offer, &self.name, &terms, &mut consent, &mut screen).await?;
        Ok(ExitCode::from(ending.code()))
    }
}

/// Registers an artifact in the place of the one that is registered under a name, and waits for the
/// verdict, which is there already if nothing is to be changed. What was changed by hand stays, and so
/// do grants that are still asked for.
///
/// # Errors
/// The registration belongs to somebody else or to another kind, there is no consent to new grants or
/// CRDs, or the API server refuses something. The registration is as it was then, unless the error says
/// otherwise.
pub async fn upgrade(
    desk: &Desk,
    offer: &Offer,
    name: &str,
    terms: &Terms,
    consent: &mut Consent,
    screen: &mut Screen,
) -> Result<Ending, ChangeError> {
    let draft = Draft::next(desk, offer, owner::find(desk, name).await?, terms)?;
    let before = draft.before().cloned().unwrap_or_default();
    if draft.is_registered() {
        screen.say(&format!("{name} is registered like that already ({})", before.shown()));
        let crds = definitions::plan(desk, &offer.crds, offer.kind()).await?;
        others(desk, offer, &crds)
            .iter()
            .for_each(|line| screen.say(&row("CRD", line)));
        if terms.is_dry {
            return Ok(Ending::Nothing);
        }
        let ending = wait(desk, draft.map(), terms.limit, screen).await?;
        let remedy = match Record::of(draft.map())?.earlier(name, None) {
            Ok(earlier) => way_back(desk, name, earlier),
            Err(_) => format!("To remove it: {}", desk.command(&format!("remove {name}"))),
        };
        ending.report(desk, name, &remedy, screen);
        return Ok(ending);
    }
    let crds = definitions::plan(desk, &offer.crds, offer.kind()).await?;
    let subject = draft.subject(desk, &crds);
    if terms.is_dry {
        return print(&subject, &draft.written(), screen);
    }
    subject.lines().iter().for_each(|line| screen.say(line));
    agreed(name, &draft, &crds, terms, consent)?;
    definitions::apply(desk, &crds, offer.kind(), terms.limit).await?;
    let written = desk.change(draft.map(), |map| draft.write(map)).await?;
    let ending = wait(desk, &written, terms.limit, screen).await?;
    ending.report(desk, name, &way_back(desk, name, &before), screen);
    Ok(ending)
}

/// Asks for consent to what nobody has agreed to yet, unless the user names grants.
///
/// # Errors
/// Nobody agrees.
pub fn agreed(
    name: &str,
    draft: &Draft<'_>,
    crds: &[Planned],
    terms: &Terms,
    consent: &mut Consent,
) -> Result<(), ChangeError> {
    let more = more(&draft.decision, crds);
    if more.is_empty() || !terms.grants.is_empty() {
        return Ok(());
    }
    let what = format!("what {name} asks for beyond what it may do now ({more})");
    let question = format!("It asks for more than it may do now. Upgrade {name}, and let it do that?");
    consent.ask(&what, &question)
}

/// Returns what nobody has agreed to yet: grants, and CRDs that are created. Who names grants
/// agrees to CRDs with them, as when a plugin is installed.
fn more(decision: &Decision, crds: &[Planned]) -> String {
    let created = crds.iter().filter(|planned| planned.plan == Plan::Create);
    let created = created.map(|planned| format!("the CRD {}", planned.crd.name_any()));
    let new = (!decision.new.is_empty()).then(|| decision.new.to_string());
    new.into_iter().chain(created).collect::<Vec<_>>().join("; ")
}

/// Returns how to get the revision back that was registered before.
pub fn way_back(desk: &Desk, name: &str, before: &Revision) -> String {
    let command = desk.command(&format!("rollback {name} --to {}", before.revision));
    format!("To go back to {}: {command}", before.shown())
}
