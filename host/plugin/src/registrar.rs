//! Keeps the registry as the registrations want it: settles claims, swaps plugins, keeps the last good one.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ConfigMap;
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::engine::PluginHost;
use crate::plugin::Plugin;
use crate::registration::Registration;
use crate::registry::Registry;
use crate::settle::{Claim, settle};
use crate::verdict::Verdict;

/// Goes the whole way from ConfigMaps to the registry. One change after the other.
pub struct Registrar {
    host: PluginHost,
    registry: Arc<Registry>,
    known: Mutex<BTreeMap<String, Known>>,
}

/// What a change led to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Verdicts to write, by the ConfigMap's name. Empty where nothing that matters has changed.
    pub verdicts: Vec<(String, Verdict)>,
    /// Kinds that another plugin, or another state of it, serves from now on.
    pub changed: Vec<String>,
    /// Kinds that nobody serves any more. Their runtimes are left running.
    pub removed: Vec<String>,
}

/// A ConfigMap.
struct Known {
    /// Digest of its data: a change of annotations, as the host's own verdict is, is no change.
    fingerprint: [u8; 32],
    claim: Claim,
    role: Role,
}

enum Role {
    /// Its plugin is in the registry; the registration is the one that it was loaded from.
    Serves(Arc<Plugin>, Arc<Registration>),
    /// It would serve if the winner were not there.
    Waits(Arc<Registration>),
    /// It cannot serve.
    Refused,
}

impl Registrar {
    /// A registrar that fills this registry.
    pub fn new(host: PluginHost, registry: Arc<Registry>) -> Self {
        Self {
            host,
            registry,
            known: Mutex::default(),
        }
    }

    /// Takes in a ConfigMap that was added or changed.
    pub async fn apply(&self, map: &ConfigMap) -> Outcome {
        let mut known = self.known.lock().await;
        let mut outcome = Outcome::default();
        let name = map.metadata.name.clone().unwrap_or_default();
        let fingerprint = fingerprint(map);
        if known.get(&name).is_some_and(|before| before.fingerprint == fingerprint) {
            return outcome;
        }
        let before = known.remove(&name);
        let (claim, serving) = match before {
            Some(Known {
                claim,
                role: Role::Serves(plugin, from),
                ..
            }) => (Some(claim), Some((plugin, from))),
            _ => (None, None),
        };
        let (claim, role, verdict) = self.judge(map, &known, serving.is_some()).await.unwrap_or_else(|reason| {
            let verdict = Verdict::refused(&reason, serving.as_ref().map(|(plugin, _)| &**plugin));
            // What cannot be read claims nothing, except what it already serves.
            let claim = claim.unwrap_or_else(|| Claim {
                kind: String::new(),
                created: None,
                name: name.clone(),
            });
            let role = serving.clone().map_or(Role::Refused, |(plugin, from)| Role::Serves(plugin, from));
            (claim, role, verdict)
        });
        outcome.verdicts.push((name.clone(), verdict));
        self.install(&mut known, &claim, &role, &mut outcome);
        let served = claim.kind.clone();
        known.insert(name, Known { fingerprint, claim, role });
        // A registration that was changed to another kind leaves its former one to whoever waits for it.
        if let Some((plugin, _)) = serving.filter(|(plugin, _)| plugin.description.kind != served) {
            self.vacate(&mut known, &plugin.description.kind, &mut outcome).await;
        }
        outcome
    }

    /// Takes in that a ConfigMap is gone, or has lost its label.
    pub async fn remove(&self, name: &str) -> Outcome {
        let mut known = self.known.lock().await;
        let mut outcome = Outcome::default();
        if let Some(Known {
            role: Role::Serves(plugin, _),
            ..
        }) = known.remove(name)
        {
            self.vacate(&mut known, &plugin.description.kind, &mut outcome).await;
        }
        outcome
    }

    /// Claim, role and verdict of a ConfigMap, or why it cannot be used.
    async fn judge(&self, map: &ConfigMap, others: &BTreeMap<String, Known>, serves: bool) -> Result<(Claim, Role, Verdict), String> {
        let registration = Registration::parse(map).map_err(|error| error.to_string())?;
        let claim = Claim {
            kind: registration.runtime.clone(),
            created: registration.created.clone(),
            name: registration.name.clone(),
        };
        let rivals = others
            .values()
            .filter(|other| matches!(other.role, Role::Serves(..)))
            .map(|other| other.claim.clone());
        let settled = settle(&rivals.chain([claim.clone()]).collect::<Vec<_>>());
        if let Some(winner) = settled.losers.get(&claim.name) {
            // While it serves another kind, a change to a kind that is taken is a bad change.
            let verdict = Verdict::waiting(&claim.kind, winner);
            return if serves {
                Err(verdict.message)
            } else {
                Ok((claim, Role::Waits(Arc::new(registration)), verdict))
            };
        }
        let plugin = self.host.load(&registration).await.map_err(|error| error.to_string())?;
        let verdict = Verdict::loaded(&plugin);
        Ok((claim, Role::Serves(Arc::new(plugin), Arc::new(registration)), verdict))
    }

    /// Puts a plugin into the registry. A newer registration that served the kind until now waits from here on.
    fn install(&self, known: &mut BTreeMap<String, Known>, claim: &Claim, role: &Role, outcome: &mut Outcome) {
        let Role::Serves(plugin, _) = role else { return };
        let replaced = self.registry.replace(&claim.kind, plugin.clone());
        if replaced.is_none_or(|before| !Arc::ptr_eq(&before, plugin)) {
            outcome.changed.push(claim.kind.clone());
        }
        for (name, other) in known.iter_mut().filter(|(_, other)| other.claim.kind == claim.kind) {
            if let Role::Serves(_, from) = &other.role {
                other.role = Role::Waits(from.clone());
                outcome.verdicts.push((name.clone(), Verdict::waiting(&claim.kind, &claim.name)));
            }
        }
    }

    /// Gives a kind to the oldest registration that waits for it and loads, or to nobody.
    async fn vacate(&self, known: &mut BTreeMap<String, Known>, kind: &str, outcome: &mut Outcome) {
        loop {
            let waiting = |other: &&Known| other.claim.kind == kind && matches!(other.role, Role::Waits(_));
            let claims: Vec<Claim> = known.values().filter(waiting).map(|other| other.claim.clone()).collect();
            let Some(next) = settle(&claims).winners.remove(kind) else {
                self.registry.remove(kind);
                outcome.removed.push(kind.to_owned());
                return;
            };
            let Some(candidate) = known.get_mut(&next) else { return };
            let Role::Waits(registration) = std::mem::replace(&mut candidate.role, Role::Refused) else {
                return;
            };
            match self.host.load(&registration).await {
                Ok(plugin) => {
                    let plugin = Arc::new(plugin);
                    outcome.verdicts.push((next, Verdict::loaded(&plugin)));
                    candidate.role = Role::Serves(plugin.clone(), registration);
                    self.registry.replace(kind, plugin);
                    outcome.changed.push(kind.to_owned());
                    return;
                }
                Err(error) => outcome.verdicts.push((next, Verdict::refused(&error, None))),
            }
        }
    }
}

fn fingerprint(map: &ConfigMap) -> [u8; 32] {
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
    hasher.finalize().into()
}
