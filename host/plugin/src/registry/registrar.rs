//! Fills the registry from registrations and CRDs: loads what they offer, and keeps the last good plugin
//! of a registration on disk.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use tokio::sync::Mutex;

use crate::engine::PluginHost;
use crate::package::digest::Digest;
use crate::package::registration::{Registration, of_other_operator};
use crate::package::source::Source;
use crate::plugin::Plugin;
use crate::registry::Registry;
use crate::registry::definitions::Definitions;
use crate::registry::last_good::{Kept, LastGood};
use crate::registry::loading::{Artifact, Loading, fingerprint, registered};
use crate::registry::standings::{KnownRegistration, Obstacle, Outcome, Standings, narrowed};

/// Turns ConfigMaps and CRDs into the contents of the registry, one change after the other.
pub struct Registrar {
    host: PluginHost,
    registry: Arc<Registry>,
    last_good: Arc<LastGood>,
    /// What stands for the keys of which one must have signed what is pulled, if there are any.
    keys: Option<String>,
    state: Mutex<Standings>,
    /// Held while a plugin is loaded: each has its component in memory.
    loading: Mutex<()>,
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
            loading: Mutex::default(),
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

    /// Adds a ConfigMap, or replaces its previous state, and loads what it offers. If it names an
    /// artifact, that one is coming, and [`Self::supply`] is called when it has.
    pub async fn apply(&self, map: &ConfigMap) -> Outcome {
        if self.knows(map).await {
            return Outcome::default();
        }
        self.supply(map, Artifact::Coming).await
    }

    /// Adds a ConfigMap with what has become of its artifact, and loads what it offers.
    pub async fn supply(&self, map: &ConfigMap, artifact: Artifact) -> Outcome {
        let (outcome, loading) = self.begin(map, artifact).await;
        match loading {
            Some(loading) => outcome.then(self.finish(loading).await),
            None => outcome,
        }
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

    /// Judges a ConfigMap but for the plugin that it offers: what it gives counts from here on. Returns
    /// what [`Self::finish`] is to load, if anything.
    pub async fn begin(&self, map: &ConfigMap, artifact: Artifact) -> (Outcome, Option<Loading>) {
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
        let registered = match elsewhere {
            // While Wasser is upgraded, what serves goes on until the other operator is there.
            Some(version) if good.is_some() => Err(Obstacle::Elsewhere(version.to_owned())),
            _ => registered(map, artifact),
        };
        let is_narrowed = serves
            .as_ref()
            .zip(narrowed.as_ref())
            .is_some_and(|(serves, narrowed)| !Arc::ptr_eq(serves, narrowed));
        // What is compiled is loaded in a moment, and takes the place of what serves at once, unless
        // another one is loaded.
        let engine = &self.host.engine;
        let is_soon = |digest| self.loading.try_lock().is_ok() && engine.cache.has(&engine.wasmtime, digest);
        let is_told = match &registered {
            Ok(registration) => is_narrowed && !is_soon(&registration.digest),
            Err(_) => true,
        };
        let (obstacle, registration) = match registered {
            Ok(registration) => (Obstacle::Absent("it is being compiled".to_owned()), Some(registration)),
            Err(obstacle) => (obstacle, None),
        };
        let known = KnownRegistration {
            fingerprint: fingerprint.clone(),
            is_elsewhere: elsewhere.is_some(),
            created: map.metadata.creation_timestamp.clone(),
            offer: Err(obstacle),
            good,
            narrowed,
            serves,
            kept: false,
            // What was said of another state is said again, for the ConfigMap has been written since.
            verdict: verdict.filter(|_| is_same),
        };
        state.known.insert(name, known);
        let outcome = if is_told {
            self.settle(&mut state)
        } else {
            Outcome::default()
        };
        let loading = registration.map(|registration| Loading {
            map: map.clone(),
            registration,
            fingerprint,
        });
        (outcome, loading)
    }

    /// Loads what a ConfigMap offers, and lets it serve. Other changes need not wait meanwhile, and a
    /// change of the same ConfigMap makes this one void.
    pub async fn finish(&self, loading: Loading) -> Outcome {
        let _turn = self.loading.lock().await;
        let name = loading.map.metadata.name.clone().unwrap_or_default();
        if !self.awaits(&name, &loading).await {
            return Outcome::default();
        }
        let offer = self.load(&loading).await;
        let mut state = self.state.lock().await;
        let known = state.known.get_mut(&name);
        let Some(known) = known.filter(|known| loading.is_of(known)) else {
            return Outcome::default();
        };
        known.offer = offer;
        self.settle(&mut state)
    }

    /// Returns whether nothing has come in between.
    async fn awaits(&self, name: &str, loading: &Loading) -> bool {
        let state = self.state.lock().await;
        state.known.get(name).is_some_and(|known| loading.is_of(known))
    }

    /// Removes a ConfigMap that was deleted, or has lost its label.
    pub async fn remove(&self, name: &str) -> Outcome {
        let mut state = self.state.lock().await;
        state.known.remove(name);
        self.last_good.forget(name);
        self.settle(&mut state)
    }

    /// Fills the registry, and keeps on disk what now serves as it was offered.
    fn settle(&self, state: &mut Standings) -> Outcome {
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

    async fn load(&self, loading: &Loading) -> Result<Arc<Plugin>, Obstacle> {
        let (map, mut registration) = (&loading.map, loading.registration.clone());
        let is_elsewhere = of_other_operator(map).is_some();
        if is_elsewhere && let Some(digest) = self.own_digest(&registration).await {
            registration.digest = digest;
        }
        let loaded = self.host.load(&registration).await;
        let plugin = loaded.map_err(|error| Obstacle::Refused(error.to_string()))?;
        if is_elsewhere {
            return Ok(Arc::new(plugin));
        }
        let (last_good, engine, fingerprint) = (
            self.last_good.clone(),
            self.host.engine.clone(),
            loading.fingerprint.clone(),
        );
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
