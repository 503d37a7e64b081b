//! Which registration serves with which plugin: decided from all of them and the CRDs, without
//! loading or reading anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::package::registration::given;
use crate::plugin::Plugin;
use crate::registry::Registry;
use crate::registry::definitions::Definitions;
use crate::registry::settle::{Claim, ClaimedNames, LostClaim, settle};
use crate::registry::verdict::Verdict;

/// The consequences of a change.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Verdicts to write, by the ConfigMap's name. Empty if nothing relevant has changed.
    pub verdicts: Vec<(String, Verdict)>,
    /// Kinds that a different plugin, or a different state of it, serves from now on.
    pub changed: Vec<String>,
    /// Kinds that no plugin serves any more. Their runtimes are left running.
    pub removed: Vec<String>,
}

impl Outcome {
    /// Returns the consequences of this change and of the next one. Of two verdicts on a registration
    /// the later one counts.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        let is_old = |name: &String| next.verdicts.iter().any(|(other, _)| other == name);
        self.verdicts.retain(|(name, _)| !is_old(name));
        self.verdicts.extend(next.verdicts);
        for (kinds, others) in [(&mut self.changed, next.changed), (&mut self.removed, next.removed)] {
            kinds.extend(others);
            kinds.sort();
            kinds.dedup();
        }
        self
    }
}

/// All registrations, and the CRDs that there are.
#[derive(Default)]
pub struct Standings {
    /// By the name of the ConfigMap.
    pub known: BTreeMap<String, KnownRegistration>,
    pub definitions: Definitions,
}

/// Why what a registration offers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// It is refused.
    Refused(String),
    /// Its artifact is not here yet, or not compiled.
    Absent(String),
    /// Its artifact does not come unless somebody changes something.
    Withheld(String),
    /// It is for the operator of this version, which is about to come or has just gone.
    Elsewhere(String),
}

/// A registration, as it was last seen.
pub struct KnownRegistration {
    /// The digest of its data. A change of annotations, such as the host's own verdict, does not
    /// count as a change.
    pub fingerprint: String,
    /// Whether it is for the operator of another version.
    pub is_elsewhere: bool,
    /// When it was made.
    pub created: Option<Time>,
    /// The plugin that it registers, or why it cannot be used.
    pub offer: Result<Arc<Plugin>, Obstacle>,
    /// The plugin of the last state that served.
    pub good: Option<Arc<Plugin>>,
    /// The same, with no more than the registration gives now. What it gives counts at once, also
    /// where what it offers is not here.
    pub narrowed: Option<Arc<Plugin>>,
    /// The plugin that serves now, of whatever state.
    pub serves: Option<Arc<Plugin>>,
    /// Whether it is on disk that the offer serves.
    pub kept: bool,
    /// What was said of it last.
    pub verdict: Option<Verdict>,
}

impl Standings {
    /// Decides again which plugin serves what, and fills the registry accordingly.
    pub fn settle(&mut self, registry: &Registry) -> Outcome {
        // A registration whose offer loses keeps serving with its last good plugin, if that is
        // possible.
        let mut kept = BTreeSet::new();
        let losses = loop {
            let losses = settle(&self.claims(&kept));
            let has_fallback = |name: &String| self.known.get(name).is_some_and(|known| self.fallback(known).is_some());
            let falls_back = |name: &String| !kept.contains(name) && has_fallback(name);
            match losses.keys().find(|name| falls_back(name)).cloned() {
                Some(name) => drop(kept.insert(name)),
                None => break losses,
            }
        };
        let mut serving = BTreeMap::new();
        let mut verdicts = Vec::new();
        for (name, known) in &self.known {
            let plugin = self
                .proposal(known, kept.contains(name))
                .filter(|_| !losses.contains_key(name));
            let verdict = self.verdict(known, plugin, || self.loss(name, &kept, &losses));
            verdicts.push((name.clone(), plugin.cloned(), verdict));
            serving.extend(plugin.map(|plugin| (plugin.description.kind.clone(), plugin.clone())));
        }
        let mut outcome = Outcome::default();
        for (name, plugin, verdict) in verdicts {
            let Some(known) = self.known.get_mut(&name) else {
                continue;
            };
            let is_offered = |plugin: &Arc<Plugin>| known.offer.as_ref().is_ok_and(|offer| Arc::ptr_eq(offer, plugin));
            if plugin.as_ref().is_some_and(is_offered) {
                known.good.clone_from(&plugin);
                known.narrowed.clone_from(&plugin);
            }
            known.serves = plugin;
            if known.verdict.as_ref() != Some(&verdict) {
                known.verdict = Some(verdict.clone());
                outcome.verdicts.push((name, verdict));
            }
        }
        (outcome.changed, outcome.removed) = registry.fill(serving);
        outcome
    }

    /// Returns the claims of all registrations. Registrations in `kept` claim the names of their
    /// last good plugin.
    fn claims(&self, kept: &BTreeSet<String>) -> Vec<Claim> {
        let claim = |(name, known): (&String, &KnownRegistration)| {
            let names = ClaimedNames::of(&self.proposal(known, kept.contains(name))?.description);
            Some(Claim {
                registration: name.clone(),
                created: known.created.clone(),
                held: known
                    .serves
                    .as_ref()
                    .is_some_and(|serves| ClaimedNames::of(&serves.description) == names),
                names,
            })
        };
        self.known.iter().filter_map(claim).collect()
    }

    /// Returns the plugin with which a registration can serve: its offer, or else its last good
    /// plugin.
    fn proposal<'a>(&self, known: &'a KnownRegistration, keeps: bool) -> Option<&'a Arc<Plugin>> {
        let offered = known
            .offer
            .as_ref()
            .ok()
            .filter(|plugin| !keeps && self.is_defined(plugin));
        offered.or_else(|| self.fallback(known))
    }

    /// Returns the last good plugin of a registration that now offers a different one.
    fn fallback<'a>(&self, known: &'a KnownRegistration) -> Option<&'a Arc<Plugin>> {
        let is_offered = |good: &Arc<Plugin>| known.offer.as_ref().is_ok_and(|offer| Arc::ptr_eq(offer, good));
        known
            .narrowed
            .as_ref()
            .filter(|good| !is_offered(good) && self.is_defined(good))
    }

    fn is_defined(&self, plugin: &Plugin) -> bool {
        self.definitions.check(&plugin.description).is_ok()
    }

    /// Returns why a registration does not serve with its offer. If it is in `kept`, the reason is
    /// found by settling the claims with its offer.
    fn loss(&self, name: &str, kept: &BTreeSet<String>, losses: &BTreeMap<String, LostClaim>) -> Option<LostClaim> {
        if !kept.contains(name) {
            return losses.get(name).cloned();
        }
        let others = kept.iter().filter(|other| *other != name).cloned().collect();
        settle(&self.claims(&others)).remove(name)
    }

    /// Returns the verdict on a registration that serves with this plugin, or with none.
    fn verdict(
        &self,
        known: &KnownRegistration,
        serves: Option<&Arc<Plugin>>,
        loss: impl FnOnce() -> Option<LostClaim>,
    ) -> Verdict {
        let offered = match &known.offer {
            Ok(offered) => offered,
            Err(Obstacle::Refused(reason)) => return Verdict::refused(reason, serves.map(|plugin| &**plugin)),
            Err(Obstacle::Absent(reason)) => return Verdict::absent(reason, serves.map(|plugin| &**plugin)),
            Err(Obstacle::Withheld(reason)) => return Verdict::withheld(reason, serves.map(|plugin| &**plugin)),
            Err(Obstacle::Elsewhere(version)) => return Verdict::elsewhere(version, serves.map(|plugin| &**plugin)),
        };
        if let Some(plugin) = serves.filter(|plugin| Arc::ptr_eq(plugin, offered)) {
            return Verdict::loaded(plugin);
        }
        match (self.definitions.check(&offered.description), serves) {
            (Err(error), Some(plugin)) => Verdict::refused(&error, Some(plugin)),
            (Err(error), None) => Verdict::undefined(&offered.description.kind, &error),
            (Ok(()), serves) => match (loss(), serves) {
                (Some(loss), Some(plugin)) => Verdict::refused(&loss, Some(plugin)),
                (Some(loss), None) => Verdict::lost(&offered.description.kind, &loss),
                // Unreachable: a registration with a CRD and without a loss serves.
                (None, _) => Verdict::loaded(offered),
            },
        }
    }
}

/// Returns the last good plugin with no more than a ConfigMap gives now. One that cannot be read gives
/// what it gave. `before` is what this led to last.
pub fn narrowed(good: Option<&Arc<Plugin>>, map: &ConfigMap, before: Option<&Arc<Plugin>>) -> Option<Arc<Plugin>> {
    let good = good?;
    let Ok(given) = given(map) else {
        return Some(before.unwrap_or(good).clone());
    };
    let Some(narrowed) = good.narrowed(&given) else {
        return Some(good.clone());
    };
    let is_same = |before: &&Arc<Plugin>| {
        // A build is of a component, a chart, and grants.
        before.build == narrowed.build
    };
    Some(before.filter(is_same).cloned().unwrap_or_else(|| Arc::new(narrowed)))
}
