//! What a ConfigMap registers, before it is a plugin.

use k8s_openapi::api::core::v1::ConfigMap;
use sha2::{Digest as _, Sha256};

use crate::package::registration::{Pulled, Registration, of_other_operator};
use crate::registry::standings::{KnownRegistration, Obstacle};

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

/// What is still to be loaded of a ConfigMap that was judged.
pub struct Loading {
    /// The ConfigMap.
    pub map: ConfigMap,
    /// What it registers.
    pub registration: Registration,
    /// The digest of its data.
    pub fingerprint: String,
}

impl Loading {
    /// Returns whether a registration is still as it was when this was to be loaded.
    pub fn is_of(&self, known: &KnownRegistration) -> bool {
        known.fingerprint == self.fingerprint && known.is_elsewhere == of_other_operator(&self.map).is_some()
    }
}

/// Returns what a ConfigMap registers, with its artifact if it names one.
pub fn registered(map: &ConfigMap, artifact: Artifact) -> Result<Registration, Obstacle> {
    let registration = Registration::parse(map).map_err(|error| Obstacle::Refused(error.to_string()))?;
    let Some(reference) = registration.artifact() else {
        return Ok(registration);
    };
    match artifact {
        Artifact::Coming => Err(Obstacle::Absent(format!("{reference} is being pulled"))),
        Artifact::Failed(reason) => Err(Obstacle::Absent(reason)),
        Artifact::Withheld(reason) => Err(Obstacle::Withheld(reason)),
        Artifact::Here(pulled) => Ok(registration.with_artifact(pulled)),
    }
}

/// Returns what stands for the data of a ConfigMap.
pub fn fingerprint(map: &ConfigMap) -> String {
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
