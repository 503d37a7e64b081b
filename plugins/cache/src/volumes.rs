//! Volumes of a pod, and where its first container mounts them.

use serde_json::Value;
use wasser_sdk::spec::{VolumeNames, named};
use wasser_sdk::{Error, Result};

use crate::component::Part;

/// Volumes and mounts, in the order in which they came.
#[derive(Debug, Default)]
pub struct Volumes {
    /// The volumes, as in a pod spec.
    pub volumes: Vec<Value>,
    /// The mounts, as in a container.
    pub mounts: Vec<Value>,
}

impl Volumes {
    /// Returns the volumes and mounts of the class, with those of the runtime: of two with one name,
    /// or at one path, the runtime's.
    pub fn of(part: &Part<'_>, volumes: &[Value], class_volumes: &[Value], class_mounts: &[Value]) -> Result<Self> {
        let all = named(class_volumes, volumes, "name");
        let names = VolumeNames {
            volumes: &all,
            ..VolumeNames::default()
        };
        let asked = names.mounted(&part.field("volumeMounts"), &part.asked.volume_mounts)?;
        Ok(Self {
            volumes: named(class_volumes, &asked.volumes, "name"),
            mounts: named(class_mounts, &asked.mounts, "mountPath"),
        })
    }

    /// Adds a volume of the pods themselves, and its mount. Refuses one whose name or place class or
    /// runtime have taken.
    pub fn add(&mut self, part: &Part<'_>, volume: Value, mount: Value) -> Result<()> {
        let (name, path) = (text(&volume, "name"), text(&mount, "mountPath"));
        let refused = |message: String| Err(Error::invalid(part.field("volumeMounts"), message));
        if self.volumes.iter().any(|taken| text(taken, "name") == name) {
            return refused(format!(
                "`{name}` is a volume of the pods themselves; give yours, or that of the class, another name"
            ));
        }
        if self.mounts_at(path) {
            return refused(format!(
                "`{}` is where the pods have a volume of their own; mount yours, or that of the class, elsewhere",
                path.escape_debug()
            ));
        }
        self.volumes.push(volume);
        self.mounts.push(mount);
        Ok(())
    }

    /// Reports whether something is mounted at a path.
    pub fn mounts_at(&self, path: &str) -> bool {
        let is_there = |mount: &Value| text(mount, "mountPath").trim_end_matches('/') == path.trim_end_matches('/');
        self.mounts.iter().any(is_there)
    }
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}
