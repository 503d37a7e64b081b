//! A build of this machine is registered, in the place of the one before.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use crate::cli::data::screen::Screen;
use crate::cli::plugin::installed::consent::Consent;
use crate::cli::plugin::installed::definitions::{self, Plan, Planned};
use crate::cli::plugin::installed::desk::Desk;
use crate::cli::plugin::installed::draft::Draft;
use crate::cli::plugin::installed::error::ChangeError;
use crate::cli::plugin::installed::install::unclaimed;
use crate::cli::plugin::installed::offer::Offer;
use crate::cli::plugin::installed::owner;
use crate::cli::plugin::installed::revision::Revision;
use crate::cli::plugin::installed::shown::{others, row};
use crate::cli::plugin::installed::terms::Terms;
use crate::cli::plugin::installed::upgrade::agreed;
use crate::cli::plugin::installed::verdict::{Ending, wait};

/// What was done to the registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It was created.
    Created,
    /// It was changed.
    Changed,
    /// It is as it was.
    Unchanged,
}

/// A registration after a build.
#[derive(Debug)]
pub struct Registered {
    /// What was done to it.
    pub deed: Deed,
    /// What the operator makes of it.
    pub ending: Ending,
    /// How long that took, without the time in which somebody was asked.
    pub took: Duration,
    /// The revision before the first build, if there is one.
    pub back: Option<Revision>,
}

/// A registration whose write has begun.
#[derive(Debug)]
pub struct Begun {
    /// Its name.
    pub name: String,
    /// The revision before the first build, if there is one.
    pub back: Option<Revision>,
}

/// Registers a build under a name, and waits for the verdict. `begun` has the registration from the begin
/// of its write on, for whoever does not wait to the end. One that was registered before is
/// changed if these commands or somebody by hand has made it; there has to be consent to what is new.
///
/// # Errors
/// Name or kind belong to somebody else, there is no consent, or the API server refuses something. The
/// registration is as it was then, unless the error says otherwise.
pub async fn register(
    desk: &Desk,
    offer: &Offer,
    name: &str,
    terms: &Terms,
    consent: &mut Consent,
    screen: &mut Screen,
    begun: &mut Option<Begun>,
) -> Result<Registered, ChangeError> {
    let begin = Instant::now();
    let found = desk.look(name).await?;
    let draft = match &found {
        None => {
            unclaimed(desk, offer, name).await?;
            Draft::first(desk, offer, name, terms)?
        }
        Some(map) => {
            owner::check(map)?;
            Draft::next(desk, offer, map.clone(), terms)?
        }
    };
    let back = draft.back(name).cloned();
    let crds = definitions::plan(desk, &offer.crds, offer.kind()).await?;
    if draft.is_registered() {
        others(desk, offer, &crds)
            .iter()
            .for_each(|line| screen.say(&row("CRD", line)));
        let ending = verdict(desk, draft.map(), terms.limit, screen).await?;
        let (deed, took) = (Deed::Unchanged, begin.elapsed());
        return Ok(Registered {
            deed,
            ending,
            took,
            back,
        });
    }
    let prepared = begin.elapsed();
    agree(desk, name, &draft, &crds, terms, consent, screen)?;
    let begin = Instant::now();
    definitions::apply(desk, &crds, offer.kind(), terms.limit).await?;
    *begun = Some(Begun {
        name: name.to_owned(),
        back: back.clone(),
    });
    let (deed, written) = match found {
        None => (Deed::Created, desk.create(&draft.written()).await),
        Some(map) => (Deed::Changed, desk.change(&map, |map| draft.write(map)).await),
    };
    let written = written.inspect_err(|_| *begun = None)?;
    let ending = verdict(desk, &written, terms.limit, screen).await?;
    let took = prepared + begin.elapsed();
    Ok(Registered {
        deed,
        ending,
        took,
        back,
    })
}

/// Asks for consent to a plugin that is new here, and later to what it asks for in addition. Whatever
/// cannot be gone back to needs consent as well.
fn agree(
    desk: &Desk,
    name: &str,
    draft: &Draft<'_>,
    crds: &[Planned],
    terms: &Terms,
    consent: &mut Consent,
    screen: &mut Screen,
) -> Result<(), ChangeError> {
    if draft.before().is_some_and(|before| before.is_dev) && draft.lost().is_none() {
        more(draft, crds).iter().for_each(|line| screen.say(line));
        others(desk, draft.offer(), crds)
            .iter()
            .for_each(|line| screen.say(&row("CRD", line)));
        return agreed(name, draft, crds, terms, consent);
    }
    draft
        .subject(desk, crds)
        .lines()
        .iter()
        .for_each(|line| screen.say(line));
    if let Some(lost) = draft.lost() {
        let makes_room = format!(
            "{}: its component makes room for this one in the ConfigMap, so that `rollback` does not go back to it",
            lost.shown()
        );
        screen.say(&row("given up", &makes_room));
    }
    if !terms.grants.is_empty() {
        return Ok(());
    }
    let (way, without) = match draft.lost() {
        Some(_) => (", to which there is no way back", ", without a way back"),
        None => ("", ""),
    };
    let (what, question) = match draft.before() {
        None => (
            format!("registering {name}"),
            format!("Register {name} in {}, and let it do that?", desk.namespace),
        ),
        Some(before) => (
            format!(
                "putting a build of this directory in the place of {name} ({}{way})",
                draft.lost().unwrap_or(before).shown()
            ),
            format!(
                "Put this build in the place of {name} in {}{without}, and let it do that?",
                desk.namespace
            ),
        ),
    };
    consent.ask(&what, &question)
}

/// Returns what a later build has or asks for in addition, in lines.
fn more(draft: &Draft<'_>, crds: &[Planned]) -> Vec<String> {
    let created = crds.iter().filter(|planned| planned.plan == Plan::Create);
    let created = created.map(|planned| row("CRD", &format!("{} is created", planned.crd.name_any())));
    let asks = draft.new_lines();
    created.chain(asks.iter().map(|line| row("asks for", line))).collect()
}

/// Waits for the verdict. What is on its way is shown to somebody who looks.
async fn verdict(desk: &Desk, map: &ConfigMap, limit: Duration, screen: &mut Screen) -> Result<Ending, ChangeError> {
    if screen.shows_time() {
        return wait(desk, map, limit, screen).await;
    }
    let nobody = || Box::new(std::io::sink());
    wait(desk, map, limit, &mut Screen::new(nobody(), nobody(), false)).await
}
