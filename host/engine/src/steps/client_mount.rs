//! What the clients of a Dataset mount, as the installed values say.

use serde_json::Value;

use crate::error::EngineError;
use crate::release::Installed;
use crate::request::Request;

/// Where the values say that clients show a directory, and mount nothing.
const DIRECTORY_ONLY: &str = "/fuse/directoryOnly";
/// Where the values say in which directory of a node the session manager listens that clients need.
const SESSION_MANAGER: &str = "/fuse/sessionManager";

/// A mount as the node plugin has to know it.
#[derive(Debug)]
pub(super) struct ClientMount {
    /// The word by which the node plugin knows the mount.
    pub mount_type: String,
    /// Whether clients show a directory of their node in place of a mount.
    pub is_directory: bool,
    /// Where the session manager of a node listens, if clients need one.
    pub session_manager: Option<String>,
}

impl ClientMount {
    /// Reads it from values. None if they do not say what is mounted.
    fn of(values: &Value, declared: &str) -> Option<Self> {
        let mount_type = if is_pointer(declared) {
            word(values, declared)?
        } else {
            declared.to_owned()
        };
        Some(Self {
            mount_type,
            is_directory: values.pointer(DIRECTORY_ONLY) == Some(&Value::Bool(true)),
            session_manager: word(values, SESSION_MANAGER),
        })
    }
}

/// Whether a plugin names a place in the values as the type of the mount, and not the type itself.
fn is_pointer(declared: &str) -> bool {
    declared.starts_with('/')
}

/// A text at a place of the values that is not empty.
fn word(values: &Value, pointer: &str) -> Option<String> {
    let word = values.pointer(pointer)?.as_str()?;
    (!word.is_empty()).then(|| word.to_owned())
}

impl Request {
    /// What is mounted, for a new volume. The values of a release of Fluid's do not say it, and the
    /// plugin is asked for others.
    pub(super) async fn mount_of_clients(&mut self, installed: &Value) -> Result<ClientMount, EngineError> {
        let declared = self.plugin.description.fuse.mount_type.clone();
        let release = self.shared.known_release(&self.uid).flatten();
        let mount = match release.filter(|release| release.adoption().is_some()) {
            None => ClientMount::of(installed, &declared),
            Some(_) => {
                let asked = self.desired().await;
                // A volume can do without what a plugin does not say, but for the type.
                let asked = if is_pointer(&declared) {
                    asked?
                } else {
                    asked.unwrap_or_default()
                };
                let values: Value = serde_json::from_str(&asked).unwrap_or_default();
                // What runs is Fluid's.
                let is_directory = installed.pointer(DIRECTORY_ONLY) == Some(&Value::Bool(true));
                ClientMount::of(&values, &declared).map(|mount| ClientMount { is_directory, ..mount })
            }
        };
        mount.ok_or_else(|| EngineError::Failed {
            method: "describe",
            message: format!(
                "the installed chart values have no text at {declared}, which the plugin names as the type of the mount"
            ),
        })
    }

    /// What is mounted with a release of Wasser's own. None if that is not known, as while the spec is
    /// refused: then the object may say something else than what is installed.
    pub(super) fn mount_of_own_clients(&self, installed: &Value) -> Option<ClientMount> {
        let release = self.shared.known_release(&self.uid).flatten();
        let is_own = |release: &Installed| release.adoption().is_none() && release.unsigned().is_none();
        release.filter(|release| !self.refused && is_own(release))?;
        ClientMount::of(installed, &self.plugin.description.fuse.mount_type)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_type_is_the_plugins_word_or_where_it_points_to() {
        let values = json!({"fuse": {"mountType": "fuse.s3fs", "directoryOnly": true, "sessionManager": "/mnt/sock"}});
        let mount = |values: &Value, declared: &str| ClientMount::of(values, declared).map(|mount| mount.mount_type);
        assert_eq!(mount(&values, "/fuse/mountType").as_deref(), Some("fuse.s3fs"));
        assert_eq!(mount(&values, "JuiceFS").as_deref(), Some("JuiceFS"));
        for values in [
            json!({}),
            json!({"fuse": {"mountType": ""}}),
            json!({"fuse": {"mountType": 1}}),
        ] {
            assert_eq!(mount(&values, "/fuse/mountType"), None);
            assert_eq!(mount(&values, "JuiceFS").as_deref(), Some("JuiceFS"));
        }
        let whole = ClientMount::of(&values, "JuiceFS").unwrap();
        assert_eq!(
            (whole.is_directory, whole.session_manager.as_deref()),
            (true, Some("/mnt/sock"))
        );
    }
}
