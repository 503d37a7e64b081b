//! From one revision to the next: everything is looked at, and then written. A first installation
//! does not look: it finds out by creating.

use std::collections::HashSet;

use futures::FutureExt as _;
use serde_json::Value;
use wasser_share::Place;

use super::apply::{Created, Prepared};
use super::claims::Key;
use super::entry::Attempt;
use super::error::ReleaseError;
use super::history;
use super::ownership::Ownership;
use super::record::Installer;
use super::reference::{self, Reference};
use super::release::{Release, is_unchanged};
use super::survey::Seen;
use super::workers::Workers;
use super::{Before, Ready, Releases, apply, hooks, prune, survey};
use crate::chart::Chart;
use crate::policy::Policy;
use crate::render::{Hook, ReleaseMeta, Rendered};

/// What a release is to become.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// The chart.
    pub chart: &'a Chart,
    /// The release.
    pub meta: &'a ReleaseMeta,
    /// What the chart became with the values.
    pub rendered: &'a Rendered,
    /// The values.
    pub values: &'a Value,
    /// The plugin that has given them, if one has.
    pub installer: Option<&'a Installer>,
    /// What the chart may install, and for whom.
    pub policy: &'a Policy,
    /// How the workers begin, if the release makes them. None: as the chart says.
    pub workers: Option<&'a Workers>,
    /// The revision of which something is missing or was changed, so that everything is applied
    /// although its record says that it was.
    pub damaged: Option<u32>,
}

impl<'a> Change<'a> {
    /// Checks that the policy allows the change, and that the release may have its name.
    pub fn check(&self) -> Result<(), ReleaseError> {
        self.meta.check()?;
        self.policy.admit_release(self.rendered)?;
        Ok(())
    }

    /// Whether it only puts back what somebody has changed.
    fn is_repair(&self, before: Option<&Before>) -> bool {
        let is_same = |before: &Before| {
            let release = &before.release;
            release.is_deployed()
                && release.left != Some(Attempt::Change)
                && release.config == *self.values
                && release.chart_version == self.chart.version()
        };
        self.damaged.is_some() && before.is_some_and(is_same)
    }

    /// The names that it writes, now or with a hook of a later event.
    pub(super) fn keys(&self) -> HashSet<Key> {
        let namespace = &self.policy.namespace;
        let key = |reference: Reference| {
            (
                namespace.clone(),
                reference.gvk.group,
                reference.gvk.kind,
                reference.name,
            )
        };
        self.references().into_iter().map(key).collect()
    }

    fn references(&self) -> Vec<Reference> {
        let hooks = self.rendered.hooks.iter().filter_map(|hook| hook.object.as_ref());
        self.rendered
            .objects
            .iter()
            .chain(hooks)
            .filter_map(Reference::of)
            .collect()
    }

    pub(super) fn ownership(&self, before: Option<&Before>) -> Ownership<'a> {
        Ownership {
            policy: self.policy,
            release: &self.meta.name,
            recorded: before.is_some(),
        }
    }
}

impl Releases {
    /// Reads what is there, and refuses what belongs to somebody else.
    pub(super) async fn before(&self, change: &Change<'_>) -> Result<Option<Before>, ReleaseError> {
        let (namespace, name) = (&change.meta.namespace, &change.meta.name);
        let Some((entries, release)) = self.newest(namespace, name, change.policy).await? else {
            return Ok(None);
        };
        Ok(Some(Before { entries, release }))
    }

    /// A first installation of which nothing is there: its objects are created without a look.
    pub(super) fn make_fresh(&self, change: &Change<'_>) -> Result<Ready, ReleaseError> {
        Ok(Ready {
            before: None,
            seen: Seen::default(),
            next: history::next(change, None, self.recording.driver)?,
        })
    }

    /// Everything that may refuse the change is asked before the first write: whose the objects
    /// are, whether they can become what is wanted, and whether the record fits.
    pub(super) async fn make_ready(&self, change: &Change<'_>, before: Option<Before>) -> Result<Ready, ReleaseError> {
        let seen = survey::all(&self.kinds, &change.ownership(before.as_ref()), &change.references()).await?;
        check_immutables(change, &seen, before.as_ref())?;
        let next = history::next(change, before.as_ref(), self.recording.driver)?;
        Ok(Ready { before, seen, next })
    }

    /// Makes the change on top of what was there before, unless that is already what it asks for.
    pub(super) async fn go_on(
        &self,
        change: &Change<'_>,
        before: Option<Before>,
        events: (&'static str, &'static str),
        place: Place,
    ) -> Result<Release, ReleaseError> {
        if let Some(done) = Self::done(change, before.as_ref()) {
            return Ok(done.clone());
        }
        let ready = self.make_ready(change, before).boxed().await?;
        self.run(change, ready, events, place).boxed().await
    }

    /// The newest revision, if it is what the change asks for and complete: two operators may have
    /// decided the same.
    fn done<'b>(change: &Change<'_>, before: Option<&'b Before>) -> Option<&'b Release> {
        let release = &before?.release;
        let same = is_unchanged(release, change.rendered)
            && release.config == *change.values
            && release.chart_version == change.chart.version();
        let is_later = change.damaged.is_none_or(|damaged| release.revision > damaged);
        (same && is_later && release.is_deployed() && !release.is_left() && !release.is_adopted()).then_some(release)
    }

    /// Applies and records the change, with the hooks of these two events around. `place` is that of
    /// the release among those that are written.
    pub(super) async fn run(
        &self,
        change: &Change<'_>,
        ready: Ready,
        (pre, post): (&'static str, &'static str),
        place: Place,
    ) -> Result<Release, ReleaseError> {
        let (meta, rendered) = (change.meta, change.rendered);
        let is_repair = change.is_repair(ready.before.as_ref());
        let attempt = if is_repair { Attempt::Repair } else { Attempt::Change };
        let chosen = if is_repair { &[][..] } else { &rendered.hooks };
        let mut prepared = Self::prepared(change, &ready);
        // A refusal must not leave the objects of two revisions. What hooks make of them first cannot
        // be asked, and what the record has already was admitted once.
        if attempt == Attempt::Change
            && ready
                .before
                .as_ref()
                .is_some_and(|before| !is_unchanged(&before.release, rendered))
            && hooks::order(chosen, pre).is_empty()
        {
            let ownership = change.ownership(ready.before.as_ref());
            apply::try_out(&self.kinds, &ownership, &mut prepared).boxed().await?;
        }
        let is_said = |before: &&Before| before.release.left == Some(attempt);
        if let Some(before) = ready.before.as_ref().filter(|before| !is_said(before)) {
            let store = self.store(&meta.namespace, &meta.name);
            if !before.leave(&store, attempt).await? {
                return Err(history::overtaken(meta, ready.before.as_ref()));
            }
        }
        let content = (change.values, change.chart.version());
        let runner = self.hooks(change.ownership(ready.before.as_ref()), meta.revision, content);
        // Each is large, and a debug build has all of them on the stack of whoever waits.
        let place = self.run_hooks(&runner, chosen, pre, place).boxed().await?;
        self.apply(change, &ready, prepared).boxed().await?;
        let _place = self.run_hooks(&runner, chosen, post, place).boxed().await?;
        let written = match self.record(change, ready).await? {
            Some(release) => release,
            None => self.overtaken(change).boxed().await?,
        };
        self.waiting.end(&meta.namespace, &meta.name);
        Ok(written)
    }

    /// Runs the hooks of an event, which may take minutes each. Others have the place meanwhile: those
    /// of one plugin would else hold up the releases of all.
    async fn run_hooks(
        &self,
        runner: &hooks::Hooks<'_>,
        chosen: &[Hook],
        event: &'static str,
        place: Place,
    ) -> Result<Place, ReleaseError> {
        if hooks::order(chosen, event).is_empty() {
            return Ok(place);
        }
        drop(place);
        runner.run(chosen, event).boxed().await?;
        Ok(self.places.take(&runner.ownership.policy.namespace).await)
    }

    /// A record has been written since it was looked for. Unless it is of the same change, its
    /// objects are of two revisions by now, as after an upgrade that was interrupted.
    async fn overtaken(&self, change: &Change<'_>) -> Result<Release, ReleaseError> {
        let meta = change.meta;
        let before = self.before(change).await?;
        if let Some(done) = Self::done(change, before.as_ref()) {
            return Ok(done.clone());
        }
        if let Some(before) = before.as_ref().filter(|before| !before.release.is_left()) {
            let store = self.store(&meta.namespace, &meta.name);
            // Whoever has recorded it has run its hooks.
            before.leave(&store, Attempt::Repair).await?;
        }
        Err(history::overtaken(meta, before.as_ref()))
    }

    /// The objects as they are applied.
    fn prepared(change: &Change<'_>, ready: &Ready) -> Vec<Prepared> {
        let before = ready.before.as_ref();
        let ownership = change.ownership(before);
        let earlier = before.map_or(&[][..], |before| &before.release.objects);
        let prepared = change.rendered.objects.iter().filter_map(|object| {
            let live = Reference::of(object).and_then(|reference| ready.seen.live(&reference));
            apply::prepare(object, &ownership, live, earlier, change.workers)
        });
        prepared.collect()
    }

    /// Writes the objects, and removes those that the chart no longer has. A first installation that
    /// finds a name taken takes back what it has made.
    async fn apply(&self, change: &Change<'_>, ready: &Ready, prepared: Vec<Prepared>) -> Result<(), ReleaseError> {
        let before = ready.before.as_ref();
        let ownership = change.ownership(before);
        let earlier = before.map_or(&[][..], |before| &before.release.objects);
        let now: Vec<Reference> = change.rendered.objects.iter().filter_map(Reference::of).collect();
        let mut created = Vec::new();
        let written = apply::all(&self.kinds, &ownership, prepared, &mut created).await;
        if matches!(written, Err(ReleaseError::Taken { .. })) && before.is_none() {
            self.take_back(&change.meta.namespace, created).await?;
        }
        written?;
        prune::all(&self.kinds, &ownership, reference::dropped(earlier, &now)).await
    }

    async fn take_back(&self, namespace: &str, created: Vec<Created>) -> Result<(), ReleaseError> {
        let deletions = created
            .iter()
            .map(|(reference, uid)| prune::same(&self.kinds, namespace, reference, Some(uid.clone())).boxed());
        apply::together(deletions.collect()).await
    }
}

/// Refuses objects that ask for other claims than they have.
fn check_immutables(change: &Change<'_>, seen: &Seen, before: Option<&Before>) -> Result<(), ReleaseError> {
    for object in &change.rendered.objects {
        let Some(reference) = Reference::of(object) else {
            continue;
        };
        let Some(immutables) = seen.live(&reference).and_then(|live| live.immutables.as_ref()) else {
            continue;
        };
        let recorded = || reference.find_in(&before?.release.manifest);
        if immutables.refuse(&object.data, None) && immutables.refuse(&object.data, recorded().as_ref()) {
            let message = "spec.volumeClaimTemplates: pods have the claims that they began with".to_owned();
            return Err(ReleaseError::immutable(&reference, &change.meta.namespace, message));
        }
    }
    Ok(())
}
