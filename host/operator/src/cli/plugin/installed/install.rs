//! `wasser plugin install`: a plugin out of a registry is registered.

use std::process::ExitCode;

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use wasser_oci::Reference;
use wasser_plugin::Registration;

use super::consent::Consent;
use super::definitions;
use super::desk::{Desk, PlaceArgs};
use super::draft::Draft;
use super::error::ChangeError;
use super::offer::Offer;
use super::owner;
use super::shown::Subject;
use super::terms::{ArtifactArgs, Terms};
use super::verdict::{Ending, wait};
use crate::cli::data::screen::Screen;

/// What to install.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The artifact: REGISTRY/REPOSITORY:TAG, whose digest is registered, or
    /// REGISTRY/REPOSITORY@sha256:….
    reference: Reference,
    /// The name of the registration [default: the plugin's own name].
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    terms: ArtifactArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Args {
    /// Installs it.
    pub async fn run(&self) -> Result<ExitCode> {
        let desk = self.place.desk().await?;
        let offer = self.terms.offer(&self.reference).await?;
        let name = self.name.as_ref().unwrap_or(&offer.plugin.description.name);
        let (terms, mut consent, mut screen) = (self.terms.terms(), self.terms.consent(), Screen::standard());
        let ending = install(&desk, &offer, name, &terms, &mut consent, &mut screen).await?;
        Ok(ExitCode::from(ending.code()))
    }
}

/// Registers a plugin under a name that is free, and waits for the verdict.
///
/// # Errors
/// Name or kind are taken, there is no consent, or the API server refuses something. Nothing is
/// registered then, unless the error says so.
pub async fn install(
    desk: &Desk,
    offer: &Offer,
    name: &str,
    terms: &Terms,
    consent: &mut Consent,
    screen: &mut Screen,
) -> Result<Ending, ChangeError> {
    vacant(desk, offer, name).await?;
    let draft = Draft::first(desk, offer, name, terms)?;
    let (map, crds) = (
        draft.written(),
        definitions::plan(desk, &offer.crds, offer.kind()).await?,
    );
    let subject = draft.subject(desk, &crds);
    if terms.is_dry {
        return print(&subject, &map, screen);
    }
    subject.lines().iter().for_each(|line| screen.say(line));
    if terms.grants.is_empty() {
        let question = format!("Install {name} in {}, and let it do that?", desk.namespace);
        consent.ask(&format!("installing {name}"), &question)?;
    }
    definitions::apply(desk, &crds, offer.kind(), terms.limit).await?;
    let written = desk.create(&map).await?;
    let ending = wait(desk, &written, terms.limit, screen).await?;
    let remedy = format!("To remove it: {}", desk.command(&format!("remove {name}")));
    ending.report(desk, name, &remedy, screen);
    Ok(ending)
}

/// Prints what would be written, with what it is in comments.
pub fn print(subject: &Subject<'_>, map: &ConfigMap, screen: &mut Screen) -> Result<Ending, ChangeError> {
    subject.lines().iter().for_each(|line| screen.say(&format!("# {line}")));
    let text = yaml_serde::to_string(map).map_err(|error| ChangeError::Unreadable {
        name: map.name_any(),
        reason: error.to_string(),
    })?;
    screen.say(text.trim_end());
    Ok(Ending::Nothing)
}

/// Checks that neither the name nor the kind is taken.
async fn vacant(desk: &Desk, offer: &Offer, name: &str) -> Result<(), ChangeError> {
    if let Some(map) = desk.look(name).await? {
        owner::check(&map)?;
        return Err(ChangeError::Installed {
            name: name.to_owned(),
            kind: Registration::claimed_kind(&map).unwrap_or_else(|| "a kind that cannot be read".to_owned()),
            upgrade: desk.command(&format!("upgrade {name} {}", offer.reference())),
        });
    }
    unclaimed(desk, offer, name).await
}

/// Checks that no other registration claims the kind.
///
/// # Errors
/// One does, or the API server does not list them.
pub async fn unclaimed(desk: &Desk, offer: &Offer, name: &str) -> Result<(), ChangeError> {
    match desk.claimant(offer.kind(), name).await? {
        None => Ok(()),
        Some(owner) => Err(ChangeError::KindTaken {
            kind: offer.kind().to_owned(),
            owner,
        }),
    }
}
