//! Volumes of the pods, and where their containers mount them.

use serde_json::Value;
use wasser_api::names::within_label;

use crate::{Error, Result};

/// The names that the `volumeMounts` of a component can have.
#[derive(Debug, Clone, Copy, Default)]
pub struct VolumeNames<'a> {
    /// The volumes of the spec.
    pub volumes: &'a [Value],
    /// The names of claim templates, which need no volume.
    pub claims: &'a [&'a str],
    /// The names of volumes that the chart adds, which users must not take.
    pub reserved: &'a [&'a str],
}

impl VolumeNames<'_> {
    /// Returns the mounts given at `field`, with the volumes that they name. Refuses a mount whose
    /// name is reserved or unknown.
    pub fn mounted(&self, field: &str, mounts: &[Value]) -> Result<Volumes> {
        let mut found = Volumes::default();
        for (at, mount) in mounts.iter().enumerate() {
            let name = text(mount, "name");
            let invalid = |message: String| Error::invalid(format!("{field}[{at}].name"), message);
            if self.reserved.contains(&name) {
                let message = format!("`{name}` is a volume of the pods themselves; give yours another name");
                return Err(invalid(message));
            }
            if self.claims.contains(&name) {
                found.mounts.push(mount.clone());
                continue;
            }
            let volume = self.volumes.iter().find(|volume| text(volume, "name") == name);
            let volume = volume.ok_or_else(|| {
                let name = name.escape_debug();
                invalid(format!(
                    "failed to find the volume for volumeMount {name}; add it to spec.volumes"
                ))
            })?;
            found.add(volume.clone(), mount.clone());
        }
        Ok(found)
    }
}

/// Volumes of a pod, and where its container mounts them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Volumes {
    /// The volumes, as in a pod spec.
    pub volumes: Vec<Value>,
    /// The mounts, as in a container.
    pub mounts: Vec<Value>,
}

impl Volumes {
    /// Adds a mount, and its volume unless there already is one of this name.
    pub fn add(&mut self, volume: Value, mount: Value) {
        if !self.has_volume(text(&volume, "name")) {
            self.volumes.push(volume);
        }
        self.mounts.push(mount);
    }

    /// Adds a volume of the pods themselves, and its mount, under a name that no volume of the user's
    /// has. Returns the name.
    pub fn add_own(&mut self, mut volume: Value, mut mount: Value) -> String {
        let name = self.free_name(text(&volume, "name"));
        for object in [&mut volume, &mut mount] {
            if let Some(fields) = object.as_object_mut() {
                fields.insert("name".into(), name.as_str().into());
            }
        }
        self.volumes.push(volume);
        self.mounts.push(mount);
        name
    }

    /// Reports whether there is a volume of this name.
    pub fn has_volume(&self, name: &str) -> bool {
        self.volumes.iter().any(|volume| text(volume, "name") == name)
    }

    /// Returns `name`, with a suffix if a volume or a claim already has it.
    pub fn free_name(&self, name: &str) -> String {
        let taken = self.volumes.iter().chain(&self.mounts);
        free_name(name, |name| taken.clone().any(|taken| text(taken, "name") == name))
    }
}

/// Returns `name`, with a suffix while it is `taken`; of one that is too long for a pod, the end is
/// exchanged for a digest.
pub fn free_name(name: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name = within_label(name);
    while taken(&name) {
        name = within_label(&format!("{name}-own"));
    }
    name
}

/// Returns a text of a JSON object, empty if it is missing.
fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::VolumeNames;

    fn mounted(mounts: &[Value]) -> crate::Result<super::Volumes> {
        let names = VolumeNames {
            volumes: &[
                json!({"name": "a", "emptyDir": {}}),
                json!({"name": "b", "emptyDir": {}}),
            ],
            claims: &["claim"],
            reserved: &["script"],
        };
        names.mounted("DemoRuntime.spec.worker.volumeMounts", mounts)
    }

    #[test]
    fn a_volume_comes_once_and_a_claim_brings_none() {
        let mount = |name: &str, path: &str| json!({"name": name, "mountPath": path});
        let mounts = [mount("b", "/b"), mount("claim", "/c"), mount("b", "/d")];
        let found = mounted(&mounts).unwrap();
        assert_eq!(found.volumes, [json!({"name": "b", "emptyDir": {}})]);
        assert_eq!(found.mounts, mounts);
        assert_eq!(found.free_name("claim"), "claim-own");
        assert_eq!(found.free_name("a"), "a");
    }

    #[test]
    fn a_volume_of_the_pods_takes_no_name_of_the_users() {
        let mut found = mounted(&[json!({"name": "a", "mountPath": "/a"}), json!({"name": "claim"})]).unwrap();
        let own = |name: &str| {
            (
                json!({"name": name, "secret": {}}),
                json!({"name": name, "mountPath": "/own"}),
            )
        };
        for (name, free) in [("a", "a-own"), ("a", "a-own-own"), ("claim", "claim-own"), ("c", "c")] {
            let (volume, mount) = own(name);
            assert_eq!(found.add_own(volume, mount), free);
            let (volume, mount) = own(free);
            assert_eq!(
                (found.volumes.last(), found.mounts.last()),
                (Some(&volume), Some(&mount))
            );
        }
    }

    #[test]
    fn a_name_has_room_in_a_pod_whatever_it_is_made_of() {
        let mut found = super::Volumes::default();
        let mut last = "a".repeat(70);
        for _ in 0..5 {
            let (volume, mount) = (
                json!({"name": last, "secret": {}}),
                json!({"name": last, "mountPath": "/own"}),
            );
            let name = found.add_own(volume, mount);
            assert!(name.len() <= 63 && !name.ends_with('-'), "{name}");
            last = name;
        }
        assert_eq!(found.volumes.len(), 5);
    }

    #[rstest]
    #[case::reserved("script", "`script` is a volume of the pods themselves; give yours another name")]
    #[case::unknown("x\n", "failed to find the volume for volumeMount x\\n; add it to spec.volumes")]
    fn a_name_without_a_volume_is_refused(#[case] name: &str, #[case] message: &str) {
        let refused = mounted(&[json!({"name": "a"}), json!({"name": name})]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("DemoRuntime.spec.worker.volumeMounts[1].name: {message}")
        );
    }
}
