//! plugin.yaml: as an author proposes it, as it stands on a ConfigMap, and as it is written.

use std::collections::BTreeMap;

use serde::Serialize;
use wasser_pack::{CHART_KEY, COMPONENT_KEY, Registered};
use wasser_plugin::{Digest, Grants};

use super::grants::{self, Section};
use super::yaml_error::YamlError;

/// The longest plugin.yaml that is read, in bytes. A few of them are kept in annotations, which take
/// 256 KiB together.
const LONGEST: usize = 16 << 10;

/// What a plugin.yaml says about anything but component and chart.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginYaml {
    /// The kind that the plugin serves.
    pub runtime: String,
    /// Secrets with credentials for registries.
    pub pull_secrets: Vec<String>,
    /// Images by role.
    pub images: Section,
    /// Settings of the installation.
    pub settings: Section,
    /// The capabilities that are given; `None` if it does not speak of them.
    pub grants: Option<Grants>,
    /// The limits of one call.
    pub limits: Section,
}

/// A plugin.yaml whose component and chart come from one place.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    runtime: &'a str,
    component: Source<'a>,
    digest: String,
    chart: Source<'a>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pull_secrets: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    images: &'a Section,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    settings: &'a Section,
    grants: Section,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    limits: &'a Section,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    inline: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oci: Option<&'a str>,
}

impl<'a> Source<'a> {
    /// Returns where a part comes from, which has this key if it is in the ConfigMap.
    fn of(from: &'a Registered, key: &'a str) -> Self {
        let (inline, oci) = match from {
            Registered::Inline => (Some(key), None),
            Registered::Oci(reference) => (None, Some(reference.as_str())),
        };
        Self { inline, oci }
    }
}

impl PluginYaml {
    /// Reads a plugin.yaml.
    ///
    /// # Errors
    /// It has another form.
    pub fn parse(text: &str) -> Result<Self, YamlError> {
        if text.len() > LONGEST {
            return Err(YamlError::TooLong {
                bytes: text.len(),
                most: LONGEST,
            });
        }
        let mut all: Section = yaml_serde::from_str(text).map_err(|error| YamlError::Yaml(error.to_string()))?;
        let parsed = Self {
            runtime: field(&mut all, "runtime")?.ok_or_else(|| YamlError::Yaml("it has no `runtime`".to_owned()))?,
            pull_secrets: field(&mut all, "pullSecrets")?.unwrap_or_default(),
            images: field(&mut all, "images")?.unwrap_or_default(),
            settings: field(&mut all, "settings")?.unwrap_or_default(),
            grants: field(&mut all, "grants")?,
            limits: field(&mut all, "limits")?.unwrap_or_default(),
        };
        if let Some(grants) = &parsed.grants {
            grants
                .validate()
                .map_err(|error| YamlError::Yaml(format!("grants: {error}")))?;
        }
        for source in ["component", "digest", "chart"] {
            all.remove(source);
        }
        match all.into_keys().next() {
            Some(unknown) => Err(YamlError::Unknown(unknown)),
            None => Ok(parsed),
        }
    }

    /// Returns this proposal with what an administrator has changed of the one before, and the names
    /// of the values that differ for that reason. `written` is the one before as it was written, if
    /// that is known; without it, all of `current` counts as changed.
    pub fn keeping(mut self, written: Option<&Self>, current: &Self) -> (Self, Vec<String>) {
        let mut kept = Vec::new();
        type Of = fn(&mut PluginYaml) -> &mut Section;
        let sections: [(&str, Of); 3] = [
            ("images", |yaml| &mut yaml.images),
            ("settings", |yaml| &mut yaml.settings),
            ("limits", |yaml| &mut yaml.limits),
        ];
        let (mut written, mut current) = (written.cloned(), current.clone());
        for (name, of) in sections {
            let keys = merge(of(&mut self), written.as_mut().map(of), of(&mut current));
            kept.extend(keys.into_iter().map(|key| format!("{name}.{key}")));
        }
        self.pull_secrets = current.pull_secrets;
        (self, kept)
    }

    /// Returns the text that registers a plugin whose parts come from there, and whose component has
    /// this digest.
    ///
    /// # Errors
    /// It cannot be written as YAML.
    pub fn text(&self, from: &Registered, component: &Digest) -> Result<String, YamlError> {
        let written = Written {
            runtime: &self.runtime,
            component: Source::of(from, COMPONENT_KEY),
            digest: component.to_string(),
            chart: Source::of(from, CHART_KEY),
            pull_secrets: match from {
                Registered::Oci(_) => &self.pull_secrets,
                // Nothing is pulled, and a registration that names secrets for it is refused.
                Registered::Inline => &[],
            },
            images: &self.images,
            settings: &self.settings,
            grants: self.grants.as_ref().map(grants::yaml).unwrap_or_default(),
            limits: &self.limits,
        };
        yaml_serde::to_string(&written).map_err(|error| YamlError::Yaml(error.to_string()))
    }
}

fn field<T: serde::de::DeserializeOwned>(all: &mut Section, name: &str) -> Result<Option<T>, YamlError> {
    let Some(value) = all.remove(name).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let read = serde_json::from_value(value);
    read.map(Some)
        .map_err(|error| YamlError::Yaml(format!("{name}: {error}")))
}

/// Puts what differs between `written` and `current` into a section that is proposed. Returns the keys
/// that differ from the proposal therefore.
fn merge(proposed: &mut Section, written: Option<&mut Section>, current: &Section) -> Vec<String> {
    let mut keys: Vec<&String> = current.keys().collect();
    if let Some(written) = &written {
        keys.extend(written.keys().filter(|key| !current.contains_key(*key)));
    }
    let mut kept = Vec::new();
    for key in keys {
        let now = current.get(key);
        let is_as_written = written.as_ref().is_some_and(|written| written.get(key) == now);
        if is_as_written || proposed.get(key) == now {
            continue;
        }
        match now {
            Some(value) => drop(proposed.insert(key.clone(), value.clone())),
            None => drop(proposed.remove(key)),
        }
        kept.push(key.clone());
    }
    kept
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use serde_json::Value;

    use super::*;

    fn parsed(text: &str) -> PluginYaml {
        PluginYaml::parse(text).unwrap()
    }

    #[test]
    fn what_is_written_is_read_again() {
        let yaml = parsed(
            "# A demo.\nruntime: DemoRuntime\ncomponent: {inline: x}\ndigest: x\nchart: {path: y}\n\
             pullSecrets: [registry]\nimages: {worker: demo:1}\nsettings: {n: 3}\nlimits: {memory: 64Mi}\n\
             grants: {exec: [worker], fuse: true, rbac: [{apiGroups: [apps], resources: [deployments/scale], verbs: [patch]}]}\n",
        );
        let (reference, digest) = ("example.com/demo:1@sha256:ab", Digest::of(b"component"));
        let text = yaml.text(&Registered::Oci(reference.to_owned()), &digest).unwrap();
        assert_eq!(parsed(&text), yaml);
        let read: Value = yaml_serde::from_str(&text).unwrap();
        assert_eq!(
            (&read["component"]["oci"], &read["chart"]["oci"], &read["digest"]),
            (&reference.into(), &reference.into(), &digest.to_string().into())
        );
        assert_eq!(read["pullSecrets"], serde_json::json!(["registry"]));

        let text = yaml.text(&Registered::Inline, &digest).unwrap();
        let pull_secrets = Vec::new();
        assert_eq!(parsed(&text), PluginYaml { pull_secrets, ..yaml }, "nothing is pulled");
        let read: Value = yaml_serde::from_str(&text).unwrap();
        assert_eq!(read["component"], serde_json::json!({"inline": "component.wasm"}));
        assert_eq!(read["chart"], serde_json::json!({"inline": "chart.tgz"}));
    }

    #[rstest]
    #[case("runtime: [", "plugin.yaml: ")]
    #[case("images: {}", "it has no `runtime`")]
    #[case("{runtime: A, images: 3}", "images: invalid type")]
    #[case("{runtime: A, grants: {exce: [worker]}}", "grants: unknown field `exce`")]
    #[case("{runtime: A, hooks: {}}", "there is no field `hooks`")]
    fn others_are_refused(#[case] text: &str, #[case] says: &str) {
        let refused = PluginYaml::parse(text).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }

    #[test]
    fn a_long_one_is_not_read() {
        let text = format!("runtime: A\n# {}", " ".repeat(LONGEST));
        let refused = PluginYaml::parse(&text).unwrap_err().to_string();
        assert!(refused.contains("at most 16384 are read"), "{refused}");
    }

    #[test]
    fn an_upgrade_keeps_what_was_changed_by_hand_and_nothing_else() {
        let yaml = |rest: &str| parsed(&format!("{{runtime: A, {rest}}}"));
        let written = yaml("images: {worker: demo:1, fuse: fuse:1}, settings: {mode: fast, trace: false}");
        let current = yaml(
            "images: {worker: mirror/demo:1, fuse: fuse:1}, settings: {mode: fast, extra: x}, limits: {memory: 1Gi}, \
             pullSecrets: [mine]",
        );
        let proposed =
            || yaml("images: {worker: demo:2, fuse: fuse:2}, settings: {mode: slow, trace: true}, pullSecrets: [no]");
        let (merged, kept) = proposed().keeping(Some(&written), &current);
        assert_eq!(
            merged,
            yaml(
                "images: {worker: mirror/demo:1, fuse: fuse:2}, settings: {mode: slow, extra: x}, \
                 limits: {memory: 1Gi}, pullSecrets: [mine]"
            )
        );
        assert_eq!(
            kept,
            ["images.worker", "settings.extra", "settings.trace", "limits.memory"]
        );
        // Without knowing what was written, all that stands there may be meant.
        let (merged, kept) = proposed().keeping(None, &current);
        assert_eq!(merged.images, current.images);
        assert!(kept.contains(&"images.fuse".to_owned()), "{kept:?}");
    }
}
