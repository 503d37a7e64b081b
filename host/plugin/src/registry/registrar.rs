//! Fills the registry from registrations and CRDs: loads plugins, settles claims, and keeps the
//! last good plugin of a registration.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::engine::PluginHost;
use crate::package::digest::Digest;
use crate::package::registration::{Pulled, Registration, given, of_other_operator};
use crate::package::source::Source;
use crate::plugin::Plugin;
use crate::registry::Registry;
use crate::registry::definitions::Definitions;
use crate::registry::last_good::{Kept, LastGood};
use crate::registry::settle::{Claim, ClaimedNames, LostClaim, settle};
use crate::registry::verdict::Verdict;

/// Turns ConfigMaps and CRDs into the contents of the registry, one change after the other.
pub struct Registrar {
    host: PluginHost,
    registry: Arc<Registry>,
    last_good: Arc<LastGood>,
    /// What stands for the keys of which one must have signed what is pulled, if there are any.
    keys: Option<String>,
    state: Mutex<RegistrarState>,
}

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

#[derive(Default)]
struct RegistrarState {
    known: BTreeMap<String, KnownRegistration>,
    definitions: Definitions,
}

/// The artifact of a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Artifact {
    /// It is on its way.
    Coming,
    /// It is not here, and the reason says whether it is asked for again.
    Failed(String),
    /// It does not come unless somebody changes something, and the reason says what.
    Withheld(String),
    /// It is here.
    Here(Pulled),
}

/// Why what a registration offers cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Obstacle {
    /// It is refused.
    Refused(String),
    /// Its artifact is not here yet.
    Absent(String),
    /// Its artifact does not come unless somebody changes something.
    Withheld(String),
    /// It is for the operator of this version, which is about to come or has just gone.
    Elsewhere(String),
}

/// A registration, as it was last seen.
struct KnownRegistration {
    /// The digest of its data. A change of annotations, such as the host's own verdict, does not
    /// count as a change.
    fingerprint: String,
    /// Whether it is for the operator of another version.
    is_elsewhere: bool,
    created: Option<Time>,
    /// The plugin that it registers, or why it cannot be used.
    offer: Result<Arc<Plugin>, Obstacle>,
    /// The plugin of the last state that served.
    good: Option<Arc<Plugin>>,
    /// The same, with no more than the registration gives now. What it gives counts at once, also
    /// where what it offers is not here.
    narrowed: Option<Arc<Plugin>>,
    /// The plugin that serves now, of whatever state.
    serves: Option<Arc<Plugin>>,
    /// Whether it is on disk that the offer serves.
    kept: bool,
    verdict: Option<Verdict>,
}

impl Registrar {
    /// Returns a registrar that fills this registry. It knows no CRDs yet, so it loads plugins but
    /// lets none of them serve.
    pub fn new(host: PluginHost, registry: Arc<Registry>) -> Self {
        Self {
            last_good: Arc::new(LastGood::new(
                &host.engine.config.cache_dir,
                host.engine.config.last_good_bytes,
            )),
            host,
            registry,
            keys: None,
            state: Mutex::default(),
        }
    }

    /// Lets an artifact that served before this process serve again only if it was pulled with the
    /// same keys. `None` stands for no keys, and any artifact will do.
    #[must_use]
    pub fn with_keys(mut self, keys: Option<String>) -> Self {
        self.keys = keys;
        self
    }

    /// Replaces the known CRDs.
    pub async fn define(&self, definitions: Definitions) -> Outcome {
        let mut state = self.state.lock().await;
        state.definitions = definitions;
        self.settle(&mut state)
    }

    /// Adds a ConfigMap, or replaces its previous state. If it names an artifact, that one is
    /// coming, and [`Self::supply`] is called when it has.
    pub async fn apply(&self, map: &ConfigMap) -> Outcome {
        if self.knows(map).await {
            return Outcome::default();
        }
        self.judge(map, Artifact::Coming).await
    }

    /// Adds a ConfigMap with what has become of its artifact.
    pub async fn supply(&self, map: &ConfigMap, artifact: Artifact) -> Outcome {
        self.judge(map, artifact).await
    }

    /// Whether a ConfigMap was judged as it is. Annotations do not count, unless by them it is for
    /// this operator now.
    pub async fn knows(&self, map: &ConfigMap) -> bool {
        let state = self.state.lock().await;
        let name = map.metadata.name.as_deref().unwrap_or_default();
        let before = state.known.get(name);
        let stays = |before: &KnownRegistration| !before.is_elsewhere || of_other_operator(map).is_some();
        before.is_some_and(|before| before.fingerprint == fingerprint(map) && stays(before))
    }

    async fn judge(&self, map: &ConfigMap, artifact: Artifact) -> Outcome {
        let mut state = self.state.lock().await;
        let name = map.metadata.name.clone().unwrap_or_default();
        let fingerprint = fingerprint(map);
        let before = state.known.get(&name);
        let is_same = before.is_some_and(|before| before.fingerprint == fingerprint);
        let (good, serves) = match before {
            Some(before) => (before.good.clone(), before.serves.clone()),
            None => (self.last_good(&name, map, &fingerprint).await, None),
        };
        let verdict = before.and_then(|before| before.verdict.clone());
        let narrowed = narrowed(good.as_ref(), map, before.and_then(|before| before.narrowed.as_ref()));
        let elsewhere = of_other_operator(map);
        let offer = match elsewhere {
            // While Wasser is upgraded, what serves goes on until the other operator is there.
            Some(version) if good.is_some() => Err(Obstacle::Elsewhere(version.to_owned())),
            _ => self.load(map, artifact, &fingerprint).await,
        };
        let known = KnownRegistration {
            fingerprint,
            is_elsewhere: elsewhere.is_some(),
            created: map.metadata.creation_timestamp.clone(),
            offer,
            good,
            narrowed,
            serves,
            kept: false,
            // What was said of another state is said again, for the ConfigMap has been written since.
            verdict: verdict.filter(|_| is_same),
        };
        state.known.insert(name, known);
        self.settle(&mut state)
    }

    /// Removes a ConfigMap that was deleted, or has lost its label.
    pub async fn remove(&self, name: &str) -> Outcome {
        let mut state = self.state.lock().await;
        state.known.remove(name);
        self.last_good.forget(name);
        self.settle(&mut state)
    }

    /// Fills the registry, and keeps on disk what now serves as it was offered.
    fn settle(&self, state: &mut RegistrarState) -> Outcome {
        let outcome = state.settle(&self.registry);
        for (name, known) in state.known.iter_mut().filter(|(_, known)| !known.kept) {
            let offered = known.offer.as_ref().ok();
            if offered.is_some_and(|offer| known.serves.as_ref().is_some_and(|serves| Arc::ptr_eq(serves, offer))) {
                self.last_good.promote(name, &known.fingerprint);
                known.kept = true;
            }
        }
        outcome
    }

    async fn load(&self, map: &ConfigMap, artifact: Artifact, fingerprint: &str) -> Result<Arc<Plugin>, Obstacle> {
        let mut registration = Registration::parse(map).map_err(|error| Obstacle::Refused(error.to_string()))?;
        if let Some(reference) = registration.artifact() {
            registration = match artifact {
                Artifact::Coming => return Err(Obstacle::Absent(format!("{reference} is being pulled"))),
                Artifact::Failed(reason) => return Err(Obstacle::Absent(reason)),
                Artifact::Withheld(reason) => return Err(Obstacle::Withheld(reason)),
                Artifact::Here(pulled) => registration.with_artifact(pulled),
            };
        }
        let is_elsewhere = of_other_operator(map).is_some();
        if is_elsewhere && let Some(digest) = self.own_digest(&registration).await {
            registration.digest = digest;
        }
        let loaded = self.host.load(&registration).await;
        let plugin = loaded.map_err(|error| Obstacle::Refused(error.to_string()))?;
        if is_elsewhere {
            return Ok(Arc::new(plugin));
        }
        let (last_good, engine, fingerprint) =
            (self.last_good.clone(), self.host.engine.clone(), fingerprint.to_owned());
        let (map, name, keys) = (map.clone(), registration.name.clone(), self.keys.clone());
        let keep = move || {
            let read = |source: &Source| {
                let bytes = source.read(engine.plugin_dir.as_ref(), engine.config.max_file).ok()?;
                Some(bytes.to_vec())
            };
            last_good.offer(&name, &fingerprint, || Kept::of(&map, &registration, keys, read));
        };
        // What cannot be kept is missed after a restart only.
        let _ = tokio::task::spawn_blocking(keep).await;
        Ok(Arc::new(plugin))
    }

    /// Returns the digest of the component that this operator itself has for a registration.
    async fn own_digest(&self, registration: &Registration) -> Option<Digest> {
        let Source::Path(_) = registration.component else {
            return None;
        };
        let (engine, component) = (self.host.engine.clone(), registration.component.clone());
        let read = move || component.read(engine.plugin_dir.as_ref(), engine.config.max_file);
        let bytes = tokio::task::spawn_blocking(read).await.ok()?.ok()?;
        Some(Digest::of(&bytes))
    }

    /// Returns the plugin with which a registration served before this process, if it is another
    /// one than it offers now.
    async fn last_good(&self, name: &str, map: &ConfigMap, fingerprint: &str) -> Option<Arc<Plugin>> {
        let (last_good, name) = (self.last_good.clone(), name.to_owned());
        let fingerprint = fingerprint.to_owned();
        let reading = tokio::task::spawn_blocking(move || last_good.read(&name, &fingerprint));
        let kept = reading.await.ok()??;
        let registration = kept.registration(map.metadata.uid.as_deref(), self.keys.as_deref())?;
        match self.host.load(&registration).await {
            Ok(plugin) => Some(Arc::new(plugin)),
            Err(error) => {
                tracing::warn!(registration = registration.name, %error, "what served last cannot be loaded again");
                None
            }
        }
    }
}

impl RegistrarState {
    /// Decides again which plugin serves what, and fills the registry accordingly.
    fn settle(&mut self, registry: &Registry) -> Outcome {
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
fn narrowed(good: Option<&Arc<Plugin>>, map: &ConfigMap, before: Option<&Arc<Plugin>>) -> Option<Arc<Plugin>> {
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

fn fingerprint(map: &ConfigMap) -> String {
    let mut hasher = Sha256::new();
    let mut feed = |kind: &str, key: &str, value: &[u8]| {
        for part in [kind.as_bytes(), key.as_bytes(), value] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    };
    feed("uid", "", map.metadata.uid.as_deref().unwrap_or_default().as_bytes());
    for (key, value) in map.data.iter().flatten() {
        feed("data", key, value.as_bytes());
    }
    for (key, value) in map.binary_data.iter().flatten() {
        feed("binary", key, &value.0);
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
