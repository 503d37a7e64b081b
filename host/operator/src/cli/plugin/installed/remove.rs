//! `wasser plugin remove`: a registration goes, once nothing of its kind is left.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use wasser_plugin::{Registration, State, VERDICT_ANNOTATION};

use super::definitions;
use super::desk::{Desk, PlaceArgs};
use super::error::ChangeError;
use super::owner;
use super::record::Record;
use super::revision::Revision;
use super::runtimes;
use crate::cli::data::screen::Screen;

/// The annotation with the kind that a registration serves, or served last.
const KIND: &str = "wasser.fluid.io/kind";
/// The annotation with the CRD of that kind.
const CRD: &str = "wasser.fluid.io/crd";

/// What to remove.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The name of the registration, as `list` prints it.
    name: String,
    /// Also delete the CRDs that `install` has created, which must have no objects left.
    #[arg(long)]
    crd: bool,
    #[command(flatten)]
    place: PlaceArgs,
}

impl Args {
    /// Removes it.
    pub async fn run(&self) -> Result<ExitCode> {
        let (desk, mut screen) = (self.place.desk().await?, Screen::standard());
        remove(&desk, &self.name, self.crd, &mut screen).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Deletes a registration that has no runtimes, and before it its CRDs if that is wanted.
///
/// # Errors
/// Runtimes of the kind or objects of a CRD are left, the registration belongs to somebody else, or the
/// API server refuses something. The registration is there then.
pub async fn remove(desk: &Desk, name: &str, with_crds: bool, screen: &mut Screen) -> Result<(), ChangeError> {
    let map = owner::find(desk, name).await?;
    let kinds = kinds(&map);
    if kinds.is_empty() {
        let repair = "repair its plugin.yaml, or, if there are none, delete it with kubectl";
        let remedy = match Record::of(&map).is_ok_and(|record| record.earlier(name, None).is_ok()) {
            true => format!("go back: {}, or {repair}", desk.command(&format!("rollback {name}"))),
            false => repair.to_owned(),
        };
        let name = name.to_owned();
        return Err(ChangeError::UnknownKind { name, remedy });
    }
    let mut crds = Vec::new();
    for kind in kinds {
        if !serves_elsewhere(desk, &kind, name).await? {
            check_runtimes(desk, name, &kind).await?;
        }
        if with_crds {
            if let Some(owner) = desk.claimant(&kind, name).await? {
                return Err(ChangeError::KindTaken { kind, owner });
            }
            crds.extend(definitions::removable(desk, &kind).await?);
        }
    }
    // The registration goes last: without it, a command that fails or is interrupted could not be given
    // again, and a runtime that is made meanwhile would have nobody to look after it.
    for crd in &crds {
        let what = match definitions::remove(desk, crd).await? {
            true => "is deleted",
            false => "stays: it is another one by now",
        };
        screen.say(&format!("the CRD {} {what}", crd.name_any()));
    }
    let mut stays = map.annotations().get(CRD).filter(|_| crds.is_empty());
    if let Some(crd) = stays
        && with_crds
        && !definitions::is_there(desk, crd).await?
    {
        stays = None;
    }
    desk.delete(&map).await?;
    screen.say(&format!("{name} is removed"));
    if let Some(crd) = stays {
        let why = if with_crds {
            "it was made by somebody else"
        } else {
            "--crd deletes it"
        };
        screen.say(&format!("the CRD {crd} stays: {why}"));
    }
    Ok(())
}

/// Returns the kinds that a registration may serve, or may have left runtimes of: the one that is written
/// in it, the one of the verdict, which is another one while the operator keeps to what was written before,
/// and those of its revisions.
fn kinds(map: &ConfigMap) -> BTreeSet<String> {
    let served = map.annotations().get(KIND).cloned();
    let record = Record::of(map).unwrap_or_default();
    let earlier = record.all().filter_map(Revision::claimed_kind);
    Registration::claimed_kind(map)
        .into_iter()
        .chain(served)
        .chain(earlier)
        .collect()
}

/// Checks that no runtime would be left alone.
async fn check_runtimes(desk: &Desk, name: &str, kind: &str) -> Result<(), ChangeError> {
    match runtimes::of_kind(desk, kind).await? {
        Some((resource, alive)) if !alive.is_none() => Err(ChangeError::RuntimesAlive {
            name: name.to_owned(),
            runtimes: format!("{} {kind}s", alive.count()),
            some: alive.some(),
            delete: desk.kubectl(&format!("delete {} -n NAMESPACE NAME", runtimes::qualified(&resource))),
        }),
        _ => Ok(()),
    }
}

/// Returns whether another registration serves a kind.
async fn serves_elsewhere(desk: &Desk, kind: &str, except: &str) -> Result<bool, ChangeError> {
    let serves = |map: &ConfigMap| {
        let word = map.annotations().get(VERDICT_ANNOTATION);
        let serving = [State::Loaded.word(), State::LastGood.word()];
        map.name_any() != except
            && map.annotations().get(KIND).is_some_and(|served| served == kind)
            && word.is_some_and(|word| serving.contains(&word.as_str()))
    };
    Ok(desk.registrations().await?.iter().any(serves))
}
