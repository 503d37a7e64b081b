//! `wasser plugin upgrade`: a registration names another artifact.

use std::process::ExitCode;

use anyhow::Result;
use kube::ResourceExt;
use wasser_oci::Reference;

use super::consent::Consent;
use super::definitions::{self, Plan, Planned};
use super::desk::{Desk, PlaceArgs};
use super::error::ChangeError;
use super::grants::{Decision, Request, union};
use super::install::print;
use super::offer::Offer;
use super::owner;
use super::record::{Record, Revision};
use super::shown::Subject;
use super::terms::{Terms, TermsArgs};
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
    terms: TermsArgs,
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
    let map = owner::find(desk, name).await?;
    let mut record = Record::of(&map)?;
    let before = record.current().cloned().unwrap_or_default();
    let now = before.yaml(name)?;
    if now.runtime != offer.kind() {
        return Err(ChangeError::OtherKind {
            name: name.to_owned(),
            registered: now.runtime,
            offered: offer.kind().to_owned(),
            install: desk.command(&format!("install {} --name NAME", offer.reference)),
        });
    }
    let written = record.written().map(|written| written.yaml(name)).transpose()?;
    let (mut yaml, kept) = offer.proposal.clone().keeping(written.as_ref(), &now);
    if !terms.pull_secrets.is_empty() {
        yaml.pull_secrets.clone_from(&terms.pull_secrets);
    }
    let given = now.grants.unwrap_or_default();
    let known = union(&before.asked(), &given)?;
    let request = Request {
        wanted: &offer.wanted,
        proposed: offer.proposal.grants.as_ref(),
        given: &given,
        known: &known,
        named: &terms.grants,
    };
    let decision = request.decide()?;
    yaml.grants = Some(decision.grants.clone());
    let next = offer.revision(&yaml, &decision)?;
    if next.plugin == before.plugin {
        screen.say(&format!("{name} is registered like that already ({})", before.shown()));
        if terms.is_dry {
            return Ok(Ending::Nothing);
        }
        let ending = wait(desk, &map, terms.limit, screen).await?;
        let remedy = match record.earlier(name, None) {
            Ok(earlier) => way_back(desk, name, earlier),
            Err(_) => format!("To remove it: {}", desk.command(&format!("remove {name}"))),
        };
        ending.report(desk, name, &remedy, screen);
        return Ok(ending);
    }
    let crds = definitions::plan(desk, &offer.crds, offer.kind()).await?;
    record.push(next);

    let subject = Subject {
        offer,
        yaml: &yaml,
        decision: &decision,
        crds: &crds,
        before: Some((&before, &kept)),
    };
    if terms.is_dry {
        let mut changed = map;
        record.write(&mut changed);
        return print(&subject, &changed, screen);
    }
    subject.lines().iter().for_each(|line| screen.say(line));
    let more = more(&decision, &crds);
    if !more.is_empty() && terms.grants.is_empty() {
        let what = format!("what {name} asks for beyond what it may do now ({more})");
        consent.ask(
            &what,
            &format!("It asks for more than it may do now. Upgrade {name}, and let it do that?"),
        )?;
    }
    definitions::apply(desk, &crds, offer.kind(), terms.limit).await?;
    let written = desk.change(&map, |map| record.write(map)).await?;
    let ending = wait(desk, &written, terms.limit, screen).await?;
    ending.report(desk, name, &way_back(desk, name, &before), screen);
    Ok(ending)
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
fn way_back(desk: &Desk, name: &str, before: &Revision) -> String {
    let command = desk.command(&format!("rollback {name} --to {}", before.revision));
    format!("To go back to {}: {command}", before.shown())
}
