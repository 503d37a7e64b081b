//! The attributes that the control plane wrote into a PersistentVolume.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use wasser_api::ObjectKey;
use wasser_api::labels;

use crate::error::Error;

/// The type of mount of a volume that names none, the same as Fluid's.
const DEFAULT_MOUNT_TYPE: &str = "fuse.alluxio-fuse";
/// The prefix of all node labels that a volume may ask for: those that bring fuse pods. A volume must
/// not change the meaning of other labels of a node, and the API server may refuse it.
const LABEL_PREFIX: &str = labels::FUSE_PREFIX;

/// The mount that a volume stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The path on the node at which the fuse pod mounts.
    pub fluid_path: PathBuf,
    /// The text that the type or the source of the mount must contain.
    pub mount_type: String,
    /// The directory in that mount; empty for its root. It is relative and without `..`.
    #[serde(default)]
    pub sub_path: PathBuf,
    /// The part of that directory that the kubelet has mounted for a `subPath`, without symbolic
    /// links; empty for all of it. Whoever writes to the directory cannot lead it elsewhere.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub part: PathBuf,
}

fn is_empty(path: &Path) -> bool {
    path.as_os_str().is_empty()
}

impl Source {
    /// Whatever is mounted at a path, as a whole.
    pub fn at(path: &Path) -> Self {
        Self {
            fluid_path: path.to_owned(),
            mount_type: String::new(),
            sub_path: PathBuf::new(),
            part: PathBuf::new(),
        }
    }
}

/// The attributes of a volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// The mount, if the volume names it.
    source: Option<Source>,
    /// The runtime, if the volume names it.
    pub runtime: Option<ObjectKey>,
    /// The node label that brings the fuse pod, if the volume names it.
    pub node_label: Option<String>,
    /// Whether the volume is published as a symbolic link.
    pub symlink: bool,
    /// Whether the volume is read-only whatever its access mode is.
    pub read_only: bool,
    /// Whether publish only looks for the directory, not for a mount.
    pub skip_mount_check: bool,
    /// The directory in which the session manager listens, if clients of the volume need one.
    pub session_manager: Option<PathBuf>,
}

impl Attributes {
    /// Parses the attributes.
    ///
    /// # Errors
    /// An attribute has an unusable value. Missing attributes are reported where they are needed.
    pub fn parse<S: BuildHasher>(context: &HashMap<String, String, S>) -> Result<Self, Error> {
        let get = |key: &str| context.get(key).map(String::as_str).filter(|value| !value.is_empty());
        let source = match get("fluid_path") {
            None => None,
            Some(path) => Some(Source {
                fluid_path: absolute("fluid_path", path)?,
                mount_type: get("mount_type").unwrap_or(DEFAULT_MOUNT_TYPE).to_owned(),
                sub_path: get("fluid_sub_path")
                    .map(|path| relative("fluid_sub_path", path))
                    .transpose()?
                    .unwrap_or_default(),
                part: PathBuf::new(),
            }),
        };
        let runtime = get("runtime_namespace")
            .zip(get("runtime_name"))
            .map(|(namespace, name)| ObjectKey {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            });
        let node_label = get("mount_pod_node_selector_key");
        if let Some(label) = node_label.filter(|label| !label.starts_with(LABEL_PREFIX)) {
            return Err(invalid(
                "mount_pod_node_selector_key",
                label,
                format!("it must begin with {LABEL_PREFIX}"),
            ));
        }
        let symlink = match get("node_publish_method") {
            None | Some("bindMount") => false,
            Some("symlink") => true,
            Some(other) => {
                let why = "it must be symlink or bindMount".to_owned();
                return Err(invalid("node_publish_method", other, why));
            }
        };
        Ok(Self {
            source,
            runtime,
            node_label: node_label.map(str::to_owned),
            symlink,
            read_only: get(labels::VOLUME_READ_ONLY) == Some(labels::TRUE),
            skip_mount_check: skips_mount_pod(get(labels::SKIP_CHECK_MOUNT_READY).unwrap_or_default())?,
            session_manager: get(labels::SESSION_MANAGER_DIRECTORY)
                .map(|path| absolute(labels::SESSION_MANAGER_DIRECTORY, path))
                .transpose()?,
        })
    }

    /// Returns the mount that the volume stands for.
    ///
    /// # Errors
    /// The volume does not name it.
    pub fn source(&self) -> Result<&Source, Error> {
        self.source
            .as_ref()
            .ok_or_else(|| Error::Missing("volume attribute fluid_path".to_owned()))
    }
}

/// Returns whether a comma-separated list of `None`, `All`, `MountPod` and `Sidecar` includes pods
/// that mount for a whole node.
fn skips_mount_pod(list: &str) -> Result<bool, Error> {
    let mut skips = false;
    for mode in list.split(',').map(str::trim) {
        match mode {
            "" | "None" | "Sidecar" => {}
            "All" | "MountPod" => skips = true,
            other => {
                let why = "unsupported mount mode; it must be None, All, MountPod, Sidecar or a list of these";
                return Err(invalid(labels::SKIP_CHECK_MOUNT_READY, other, why.to_owned()));
            }
        }
    }
    Ok(skips)
}

fn absolute(what: &'static str, path: &str) -> Result<PathBuf, Error> {
    let plain = Path::new(path)
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if plain && path.starts_with('/') {
        // The path is built from its parts, without doubled and trailing slashes, so that mount
        // points can be compared.
        Ok(Path::new(path).components().collect())
    } else {
        Err(invalid(
            what,
            path,
            "it must be an absolute path without `..`".to_owned(),
        ))
    }
}

fn relative(what: &'static str, path: &str) -> Result<PathBuf, Error> {
    // Fluid writes the sub path of `dataset://ns/name/sub` with or without a leading slash.
    let trimmed = Path::new(path.trim_start_matches('/'));
    if trimmed
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        Ok(trimmed
            .components()
            .filter(|part| matches!(part, Component::Normal(_)))
            .collect())
    } else {
        Err(invalid(what, path, "it must not contain `..`".to_owned()))
    }
}

fn invalid(what: &'static str, value: &str, why: String) -> Error {
    Error::Invalid {
        what,
        value: value.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Attributes, Error> {
        let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let context: HashMap<_, _> = pairs.iter().map(owned).collect();
        Attributes::parse(&context)
    }

    #[test]
    fn everything_that_the_control_plane_writes_is_read() {
        let attributes = parse(&[
            ("fluid_path", "/runtime-mnt/juicefs/ns/demo//juicefs-fuse/"),
            ("mount_type", "JuiceFS"),
            ("fluid_sub_path", "/a/./b"),
            ("runtime_namespace", "ns"),
            ("runtime_name", "demo"),
            ("mount_pod_node_selector_key", "fluid.io/f-ns-demo"),
            ("node_publish_method", "symlink"),
            ("wasser_read_only", "true"),
            ("fluid.io/skip-check-mount-ready-target", "Sidecar, MountPod"),
            ("efc_sessmgr_workdir", "/runtime-mnt/efc-sock/"),
        ])
        .unwrap();
        let source = attributes.source().unwrap();
        assert_eq!(
            source.fluid_path.as_os_str(),
            "/runtime-mnt/juicefs/ns/demo/juicefs-fuse"
        );
        assert_eq!(
            (source.mount_type.as_str(), source.sub_path.as_os_str()),
            ("JuiceFS", "a/b".as_ref())
        );
        assert_eq!(attributes.runtime.unwrap().to_string(), "ns/demo");
        assert_eq!(attributes.node_label.as_deref(), Some("fluid.io/f-ns-demo"));
        assert!(attributes.symlink && attributes.read_only && attributes.skip_mount_check);
        let directory = attributes.session_manager.unwrap();
        assert_eq!(directory.as_os_str(), "/runtime-mnt/efc-sock");
    }

    #[test]
    fn what_is_missing_is_named() {
        let attributes = parse(&[]).unwrap();
        assert_eq!(
            attributes.source().unwrap_err().to_string(),
            "volume attribute fluid_path is missing"
        );
        assert_eq!((attributes.runtime, attributes.node_label), (None, None));
        assert_eq!(attributes.session_manager, None);
        let attributes = parse(&[("fluid_path", "/a"), ("runtime_name", "only half")]).unwrap();
        assert_eq!(attributes.source().unwrap().mount_type, "fuse.alluxio-fuse");
        assert_eq!(attributes.runtime, None);
    }

    #[rstest]
    #[case(&[("fluid_path", "/runtime-mnt/../etc")], "fluid_path is \"/runtime-mnt/../etc\"")]
    #[case(&[("fluid_path", "etc")], "absolute path")]
    #[case(&[("fluid_path", "/a"), ("fluid_sub_path", "x/../../y")], "fluid_sub_path")]
    #[case(&[("mount_pod_node_selector_key", "node-role.kubernetes.io/control-plane")], "must begin with fluid.io/")]
    #[case(&[("node_publish_method", "hardlink")], "symlink or bindMount")]
    #[case(&[("fluid.io/skip-check-mount-ready-target", "Pod")], "unsupported mount mode")]
    #[case(&[("efc_sessmgr_workdir", "/runtime-mnt/../run")], "absolute path")]
    fn values_that_cannot_be_used_are_refused(#[case] pairs: &[(&str, &str)], #[case] message: &str) {
        let error = parse(pairs).unwrap_err();
        assert_eq!(error.code(), tonic::Code::InvalidArgument);
        assert!(error.to_string().contains(message), "{error}");
    }
}
