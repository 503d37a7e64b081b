//! Charts to objects.
//!
//! `artifact` has the compiled engine, `sandbox` what it can reach, `instance` one copy of it at
//! work, `pool` the few that are warm, `turns` says who is next, `pace` how fast it goes on, `answer`
//! reads what it says, and `work` counts what is done.

mod answer;
mod artifact;
mod instance;
mod locate;
mod pace;
mod pool;
mod renderer;
mod sandbox;
mod turns;
mod work;

use std::sync::Arc;

use kube::api::DynamicObject;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use renderer::{Capabilities, Limits, Renderer};
pub use work::Work;

/// What templates see as `.Release`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseMeta {
    /// `.Release.Name`.
    pub name: String,
    /// `.Release.Namespace`.
    pub namespace: String,
    /// `.Release.Revision`, from 1.
    pub revision: u32,
    /// `.Release.IsUpgrade`; `.Release.IsInstall` is its opposite.
    pub is_upgrade: bool,
}

/// An object that is applied around an install, upgrade or uninstall instead of being part of the
/// manifest.
///
/// Serialised as in Helm's records, without the parsed object.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// Name of the object.
    pub name: String,
    /// Kind of the object.
    pub kind: String,
    /// Template file, starting with the chart's name.
    pub path: String,
    /// The object as YAML.
    pub manifest: String,
    /// `pre-install`, `post-install`, …
    pub events: Vec<String>,
    /// Order within an event, lowest first.
    #[serde(skip_serializing_if = "is_zero")]
    pub weight: i32,
    /// `before-hook-creation`, `hook-succeeded`, `hook-failed`; the first if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete_policies: Vec<String>,
    /// The object. Absent where the hook was read from a record.
    #[serde(skip)]
    pub object: Option<DynamicObject>,
}

fn is_zero(weight: &i32) -> bool {
    *weight == 0
}

/// What a chart becomes.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The manifest without hooks, as Helm records it and `helm get manifest` shows it.
    pub manifest: String,
    /// Its objects, in Helm's install order.
    pub objects: Vec<DynamicObject>,
    /// Its hooks, in Helm's install order of their kinds.
    pub hooks: Vec<Hook>,
    /// What `NOTES.txt` became.
    pub notes: Option<String>,
    /// The chart as release records have it.
    pub(crate) chart: Arc<Value>,
}

impl Rendered {
    /// What `helm template` prints: the manifest, then the hooks.
    pub fn template(&self) -> String {
        let mut text = format!("{}\n", self.manifest.trim());
        for hook in &self.hooks {
            text.push_str(&format!("---\n# Source: {}\n{}\n", hook.path, hook.manifest));
        }
        text
    }
}
