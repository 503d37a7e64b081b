//! What users name in their own objects: in the runtime, in its Dataset, and in the profile that it
//! refers to.
//!
//! The values of a chart come from the plugin. That a user asks for an image or for a directory of
//! the node is therefore not believed, but looked for in the user's objects.

use std::collections::BTreeSet;

use serde_json::Value;

use super::image::Parts;
use super::path;

/// Fields below which texts are paths in a container, or anything at all.
const NOT_OF_THE_NODE: [&str; 10] = [
    "args",
    "command",
    "env",
    "lifecycle",
    "livenessProbe",
    "mountPath",
    "readinessProbe",
    "subPath",
    "subPathExpr",
    "workingDir",
];
/// What an object has besides what its user says, where that is not in a spec of its own.
const NOT_OF_THE_USER: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];
/// How a data source says that it is a directory of the node.
const LOCAL: [&str; 2] = ["local://", "file://"];

/// How a data source says that it is a claim.
const CLAIM: &str = "pvc://";

/// What some objects' specs name, or their fields at the top where they have no spec. A text names
/// what its field is about: that a data source is called like a Secret does not ask for the Secret.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Named {
    images: BTreeSet<String>,
    secrets: BTreeSet<String>,
    claims: BTreeSet<String>,
    paths: BTreeSet<String>,
    host_pid: bool,
    installed_images: BTreeSet<String>,
}

impl Named {
    /// Reads what users say in these objects.
    pub fn of<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut named = Self::default();
        for object in objects {
            match (object.get("spec"), object.as_object()) {
                (Some(spec), _) => named.walk(spec, &mut Vec::new()),
                (None, Some(fields)) => {
                    let said = fields
                        .iter()
                        .filter(|(key, _)| !NOT_OF_THE_USER.contains(&key.as_str()));
                    said.for_each(|(key, value)| named.walk(value, &mut vec![key.as_str()]));
                }
                (None, None) => {}
            }
        }
        named
    }

    /// With the user's word on whether the fuse pods get the node's processes.
    #[must_use]
    pub fn with_host_pid(self, host_pid: bool) -> Self {
        Self { host_pid, ..self }
    }

    /// With the images that containers with powers have in what is installed, which may stay.
    #[must_use]
    pub fn with_installed_images(self, installed_images: BTreeSet<String>) -> Self {
        Self {
            installed_images,
            ..self
        }
    }

    /// Whether the user has asked for the node's processes.
    pub fn has_host_pid(&self) -> bool {
        self.host_pid
    }

    fn walk<'a>(&mut self, value: &'a Value, keys: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                for (key, inner) in fields {
                    keys.push(key);
                    self.walk(inner, keys);
                    keys.pop();
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, keys)),
            Value::String(text) => {
                if is_about(keys, &["image"]) {
                    self.images.insert(text.clone());
                }
                if is_about(keys, &["secret"]) && !keys.ends_with(&["key"]) {
                    self.secrets.insert(text.clone());
                }
                if is_about(keys, &["claim", "pvc"]) || is_dataset(keys) {
                    self.claims.insert(text.clone());
                }
                if let Some(claim) = text.strip_prefix(CLAIM) {
                    self.claims.extend(claim.split('/').next().map(str::to_owned));
                }
                if !is_of_a_container(keys) {
                    self.paths.extend(paths(text));
                }
            }
            _ => {}
        }
    }

    /// Whether the objects name this Secret, in a field that is about one.
    pub fn has_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// Whether the objects name this claim, in a field that is about one, or as a data source.
    pub fn has_claim(&self, name: &str) -> bool {
        self.claims.contains(name)
    }

    /// Whether the objects name this directory, or one that it is below.
    pub fn has_path(&self, wanted: &str) -> bool {
        let below = |named: &String| named != "/" && path::is_within(wanted, named);
        self.paths.contains(wanted) || self.paths.iter().any(below)
    }

    /// Whether the objects name this image: as it is, or by its name, its tag and its digest, of
    /// which those that they leave out are those of an image of the registration.
    pub fn has_image(&self, image: &str, registered: &BTreeSet<String>) -> bool {
        if self.images.contains(image) || self.installed_images.contains(image) {
            return true;
        }
        let known: Vec<Parts<'_>> = self
            .images
            .iter()
            .chain(registered)
            .map(|text| Parts::of(text))
            .collect();
        let wanted = Parts::of(image);
        let is = |part: &str, of: fn(&Parts<'_>, &str) -> bool| {
            part.is_empty() || self.images.contains(part) || known.iter().any(|parts| of(parts, part))
        };
        known.iter().any(|parts| parts.name == wanted.name)
            && is(wanted.tag, |parts, tag| parts.tag == tag)
            && is(wanted.digest, |parts, digest| parts.digest == digest)
    }
}

/// Whether a field, or one that it is in, is called after one of these.
fn is_about(keys: &[&str], words: &[&str]) -> bool {
    keys.iter().any(|key| {
        let key = key.to_ascii_lowercase();
        words.iter().any(|word| key.contains(word))
    })
}

/// Whether a field names the Dataset of a data operation, whose claim has its name.
fn is_dataset(keys: &[&str]) -> bool {
    keys.ends_with(&["dataset", "name"]) || keys.ends_with(&["dataset"])
}

/// Whether a field says something of a container, or where a mount is in the file system.
fn is_of_a_container(keys: &[&str]) -> bool {
    keys.iter().any(|key| NOT_OF_THE_NODE.contains(key)) || keys.ends_with(&["mounts", "path"])
}

/// The absolute paths in a text, which may be a list.
fn paths(text: &str) -> impl Iterator<Item = String> {
    let local = LOCAL.iter().find_map(|scheme| text.strip_prefix(scheme));
    let text = match local {
        Some(path) => path,
        None if text.contains("://") => "",
        None => text,
    };
    text.split([',', ':']).filter_map(|part| path::normal(part.trim()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn named() -> Named {
        let runtime = json!({"metadata": {"name": "/name"}, "spec": {
            "tieredstore": {"levels": [{"path": "/mnt/a:/mnt/b, /mnt//c/"}]},
            "fuse": {"image": "example/fuse", "imageTag": "v2", "options": {"cache-dir": "/data/cache"},
                "env": [{"name": "HOME", "value": "/root"}], "volumeMounts": [{"name": "v", "mountPath": "/etc"}]},
            "volumes": [{"name": "v", "hostPath": {"path": "/"}}],
        }});
        let dataset = json!({"spec": {"mounts": [
            {"mountPoint": "local:///srv/data", "path": "/opt"}, {"mountPoint": "s3://var/lib"}]}});
        Named::of([&runtime, &dataset])
    }

    #[rstest]
    #[case("/mnt/a", true)]
    #[case("/mnt/b/team/demo", true)]
    #[case("/mnt/c", true)]
    #[case("/data/cache", true)]
    #[case("/srv/data", true)]
    #[case("/", true)]
    #[case("/mnt", false)]
    #[case("/mnt/abc", false)]
    #[case("/root", false)]
    #[case("/etc", false)]
    #[case("/opt", false)]
    #[case("/var/lib", false)]
    #[case("/name", false)]
    fn a_directory_is_named_where_fields_speak_of_the_node(#[case] path: &str, #[case] is_named: bool) {
        assert_eq!(named().has_path(path), is_named);
    }

    #[test]
    fn an_object_without_a_spec_says_it_at_its_top() {
        let class = json!({"apiVersion": "v1", "kind": "/kind", "metadata": {"name": "/name"}, "status": "/status",
            "topology": {"client": {"template": {"spec": {"containers": [{"image": "example/client:v1",
                "args": ["/args"]}], "volumes": [{"hostPath": {"path": "/data"}}]}}}}});
        let named = Named::of([&class]);
        assert!(named.has_image("example/client:v1", &BTreeSet::new()) && named.has_path("/data/a"));
        for other in ["/kind", "/name", "/status", "/args"] {
            assert!(!named.has_path(other), "{other}");
        }
    }

    #[test]
    fn a_text_names_what_its_field_is_about() {
        let runtime = json!({"spec": {"credentialsSecret": "keys", "imagePullSecrets": [{"name": "pull"}],
            "env": [{"valueFrom": {"secretKeyRef": {"name": "env", "key": "k"}}}], "secret": "own",
            "volumes": [{"name": "disk", "persistentVolumeClaim": {"claimName": "cache"}}]}});
        let dataset = json!({"spec": {"mounts": [{"name": "postgres", "mountPoint": "pvc://labels/train"}]}});
        let load = json!({"spec": {"dataset": {"name": "demo"}}});
        let named = Named::of([&runtime, &dataset, &load]);
        for secret in ["keys", "pull", "env", "own"] {
            assert!(named.has_secret(secret), "{secret}");
        }
        for claim in ["cache", "labels", "demo"] {
            assert!(named.has_claim(claim), "{claim}");
        }
        for other in ["postgres", "k", "disk", "labels/train"] {
            assert!(!named.has_secret(other) && !named.has_claim(other), "{other}");
            assert!(!named.has_image(other, &BTreeSet::new()), "{other}");
        }
    }

    #[rstest]
    #[case("example/fuse:v2", true)]
    #[case("registry/client:v2", true)]
    #[case("example/fuse:v1", true)]
    #[case("registry/client:v1", true)]
    #[case("example/fuse", true)]
    #[case("example/fuse:v3", false)]
    #[case("example/other:v2", false)]
    #[case("example/fuse:v2@sha256:00", false)]
    #[case("", false)]
    fn an_image_is_named_by_its_parts(#[case] image: &str, #[case] is_named: bool) {
        let registered = ["registry/client:v1".to_owned()].into();
        assert_eq!(named().has_image(image, &registered), is_named);
    }
}
