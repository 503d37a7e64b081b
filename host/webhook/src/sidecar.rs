//! A fuse client as a native sidecar of somebody's pod: copied from the pod template of a runtime's
//! fuse DaemonSet.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde_json::{Value, json};
use wasser_api::labels::CACHE_VOLUMES;

use crate::{hooks, pod};

/// The volumes that hold a client's cache are named so where no annotation names them, as in what
/// Fluid has installed; where there are several, with a number behind it.
const CACHES: [&str; 5] = ["cache-dir", "datavolume", "mem", "ssd", "hdd"];

/// What the cluster says of a dataset whose file system a pod is to mount by itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sidecar {
    /// Name of the Dataset.
    pub dataset: String,
    /// Its namespace.
    pub namespace: String,
    /// The pod template of the fuse DaemonSet.
    pub template: Value,
    /// Where that mounts, on the node.
    pub fluid_path: String,
    /// What the type or the source of the mount contains.
    pub mount_type: String,
    /// Whether something is mounted there that pods can wait for.
    pub mounts: bool,
    /// The directory of the file system that the claim stands for; empty for all of it.
    pub sub_path: String,
    /// Whether the volume is read-only for everybody.
    pub read_only: bool,
}

impl Sidecar {
    /// Returns the claim's directory in the file system, without slashes at its ends; empty for all
    /// of it. It must never become a part of a path on the node: whoever writes to the file system
    /// could make it a link.
    pub fn directory(&self) -> String {
        let directory = clean(self.sub_path.trim_start_matches('/'));
        directory.to_string_lossy().into_owned()
    }
}

/// A template cannot be copied into a pod.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Nothing of it is mounted where the volume says.
    #[error("no container of the fuse DaemonSet of the Dataset {dataset} mounts a host path that leads to {path}")]
    NotShared {
        /// The Dataset.
        dataset: String,
        /// `fluid_path`.
        path: String,
    },
    /// A path could lead elsewhere.
    #[error("the volume of the Dataset {dataset} has the path {path:?}, which has `..` in it")]
    Outside {
        /// The Dataset.
        dataset: String,
        /// The path.
        path: String,
    },
}

/// What a pod wants its sidecars to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wishes {
    /// The application starts after the mount.
    pub wait: bool,
    /// Caches stay on the node.
    pub caches: bool,
    /// Nothing of the node is used; whoever runs the pod brings the mount.
    pub unprivileged: bool,
}

/// Names that are taken in a pod.
#[derive(Debug, Default)]
pub struct Names(BTreeSet<String>);

impl Names {
    /// Those of the items of lists.
    pub fn of(pod: &Value, lists: &[&str]) -> Self {
        let items = lists.iter().flat_map(|list| pod::items(pod, list));
        Self(
            items
                .filter_map(|item| Some(item.get("name")?.as_str()?.to_owned()))
                .collect(),
        )
    }

    /// The name, or one like it that is free; from then on, it is taken.
    pub fn take(&mut self, name: &str) -> String {
        // As long as a name may be, with place for a number.
        let short = name.get(..58).unwrap_or(name).trim_end_matches('-');
        let others = (1..).map(|number| format!("{short}-{number}"));
        let mut free = std::iter::once(name.to_owned())
            .chain(others)
            .filter(|name| !self.0.contains(name));
        let free = free.next().unwrap_or_default();
        self.0.insert(free.clone());
        free
    }
}

/// Copied containers, and what they need.
#[derive(Debug, Default, PartialEq)]
pub struct Made {
    /// What is to be done before the client starts.
    pub before: Vec<Value>,
    /// The client.
    pub client: Value,
    /// Their volumes.
    pub volumes: Vec<Value>,
    /// Where the file system is, on the node.
    pub source: String,
}

/// The volume through which the containers of a template show what they mount.
struct Shared<'a> {
    container: &'a Value,
    volume: &'a str,
    host: PathBuf,
    inside: &'a str,
    rest: PathBuf,
}

impl<'a> Shared<'a> {
    /// The one that comes nearest to the path and passes on what it mounts. Who only shows a directory
    /// has no mounts to pass on, so another one will do if `mounts` is false.
    fn of(template: &'a Value, fluid_path: &str, mounts: bool) -> Option<Self> {
        let passing_on = Self::nearest(template, fluid_path, true);
        passing_on.or_else(|| (!mounts).then(|| Self::nearest(template, fluid_path, false))?)
    }

    fn nearest(template: &'a Value, fluid_path: &str, mounts: bool) -> Option<Self> {
        let path = clean(fluid_path);
        let volumes = pod::items(template, "/spec/volumes").filter_map(|volume| {
            let host = clean(volume.pointer("/hostPath/path")?.as_str()?);
            let rest = path.strip_prefix(&host).ok()?.to_owned();
            Some((volume.get("name")?.as_str()?, host, rest))
        });
        let shared = volumes.filter_map(|(volume, host, rest)| {
            pod::items(template, "/spec/containers").find_map(|container| {
                let mut all = pod::items(container, "/volumeMounts");
                let mount = all.find(|mount| {
                    mount.get("name") == Some(&json!(volume))
                        && (!mounts || mount.get("mountPropagation") == Some(&json!("Bidirectional")))
                })?;
                Some(Self {
                    container,
                    volume,
                    host: host.clone(),
                    inside: mount.get("mountPath")?.as_str()?,
                    rest: rest.clone(),
                })
            })
        });
        shared.max_by_key(|shared| shared.host.components().count())
    }
}

impl Shared<'_> {
    /// Whether a volume has the labels of the client, mounted where mounts are passed on: the node would
    /// keep that mount for ever. Only the node plugin looks at it, and not for sidecars.
    fn is_left_behind(&self, volume: &Value) -> bool {
        let inside = clean(self.inside);
        let mut stays = pod::items(self.container, "/volumeMounts")
            .filter(|mount| mount.get("name") == volume.get("name"))
            .filter_map(|mount| mount.get("mountPath")?.as_str())
            .map(|path| clean(path).starts_with(&inside));
        volume.get("downwardAPI").is_some() && stays.next() == Some(true) && stays.all(|stays| stays)
    }
}

/// How near a template's mount comes to a path; none if it leads elsewhere.
pub fn leads_to(template: &Value, fluid_path: &str, mounts: bool) -> Option<usize> {
    Shared::of(template, fluid_path, mounts).map(|shared| shared.host.components().count())
}

/// Copies a client. What it mounts is in a directory of its own on the node: another pod there may
/// use the same dataset.
///
/// # Errors
/// The template has nothing to copy.
pub fn make(
    sidecar: &Sidecar,
    pod: &Value,
    wishes: Wishes,
    name: &str,
    directory: &str,
    containers: &mut Names,
    volumes: &mut Names,
) -> Result<Made, Unusable> {
    let (template, dataset) = (&sidecar.template, &sidecar.dataset);
    for path in [&sidecar.fluid_path, &sidecar.sub_path] {
        if Path::new(path).components().any(|part| part == Component::ParentDir) {
            let (dataset, path) = (dataset.clone(), path.clone());
            return Err(Unusable::Outside { dataset, path });
        }
    }
    let shared = Shared::of(template, &sidecar.fluid_path, sidecar.mounts).ok_or_else(|| Unusable::NotShared {
        dataset: dataset.clone(),
        path: sidecar.fluid_path.clone(),
    })?;
    let own = shared.host.join(directory);
    let mut client = shared.container.clone();
    let mut before: Vec<Value> = pod::items(template, "/spec/initContainers").cloned().collect();
    let mut made = Vec::new();
    let mut renamed = Vec::new();
    for volume in pod::items(template, "/spec/volumes") {
        let Some(old) = volume.get("name").and_then(Value::as_str) else {
            continue;
        };
        let used = std::iter::once(&client)
            .chain(&before)
            .any(|container| uses(container, old));
        let cache = old != shared.volume && is_cache(template, old) && !wishes.caches;
        let of_node = wishes.unprivileged && volume.get("hostPath").is_some();
        if !used || cache || of_node || shared.is_left_behind(volume) {
            continue;
        }
        let mut volume = volume.clone();
        if old == shared.volume {
            volume["hostPath"] = json!({"path": own, "type": "DirectoryOrCreate"});
        }
        let new = volumes.take(old);
        volume["name"] = json!(new);
        made.push(volume);
        renamed.push((old, new));
    }
    for (number, container) in before.iter_mut().enumerate() {
        container["name"] = json!(containers.take(&format!("{name}-init-{number}")));
        adapt(container, &renamed, pod, template, wishes);
    }
    client["name"] = json!(name);
    adapt(&mut client, &renamed, pod, template, wishes);
    client["restartPolicy"] = json!("Always");
    hooks::defer(&mut client);
    if !wishes.wait
        && let Some(client) = client.as_object_mut()
    {
        // The kubelet starts the next container after the first, and counts a pod as ready with the
        // second: for both, the file system would have to be there.
        client.remove("startupProbe");
        client.remove("readinessProbe");
    }
    if wishes.wait && sidecar.mounts {
        hooks::wait(
            &mut client,
            &clean(shared.inside).join(&shared.rest),
            &sidecar.mount_type,
        );
    }
    let root = if wishes.unprivileged {
        clean(&sidecar.fluid_path)
    } else {
        own.join(&shared.rest)
    };
    Ok(Made {
        before,
        client,
        volumes: made,
        source: clean(&root.to_string_lossy()).to_string_lossy().into_owned(),
    })
}

/// A path without doubled and last slashes.
fn clean(path: &str) -> PathBuf {
    Path::new(path).components().collect()
}

fn uses(container: &Value, volume: &str) -> bool {
    ["/volumeMounts", "/volumeDevices"]
        .iter()
        .flat_map(|list| pod::items(container, list))
        .any(|mount| mount.get("name") == Some(&json!(volume)))
}

/// Reports whether a volume of the template holds the client's cache.
fn is_cache(template: &Value, name: &str) -> bool {
    let listed = template
        .get("metadata")
        .and_then(|metadata| metadata.get("annotations"));
    if let Some(listed) = listed.and_then(|annotations| annotations.get(CACHE_VOLUMES)?.as_str()) {
        return listed.split(',').any(|cache| cache == name);
    }
    let numbered = |rest: &str| {
        rest.is_empty()
            || rest
                .strip_prefix('-')
                .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    };
    CACHES
        .iter()
        .any(|prefix| name.strip_prefix(prefix).is_some_and(numbered))
}

/// Makes a container of the template one of the pod.
fn adapt(container: &mut Value, renamed: &[(&str, String)], pod: &Value, template: &Value, wishes: Wishes) {
    for list in ["volumeMounts", "volumeDevices"] {
        let Some(mounts) = container.get_mut(list).and_then(Value::as_array_mut) else {
            continue;
        };
        mounts.retain_mut(|mount| {
            let new = renamed.iter().find(|(old, _)| mount.get("name") == Some(&json!(old)));
            if let (Some((_, new)), Some(mount)) = (new, mount.as_object_mut()) {
                mount.insert("name".to_owned(), json!(new));
                // Only privileged containers may pass mounts on.
                if wishes.unprivileged && mount.get("mountPropagation") == Some(&json!("Bidirectional")) {
                    mount.remove("mountPropagation");
                }
            }
            new.is_some()
        });
    }
    // Nobody's port of the node is taken for a pod that has an address of its own.
    for port in container
        .get_mut("ports")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        port.remove("hostPort");
    }
    // What the pod says for its own containers, the client would take for itself.
    for (key, otherwise) in [
        ("runAsUser", json!(0)),
        ("runAsGroup", json!(0)),
        ("runAsNonRoot", json!(false)),
    ] {
        let said = |of: &Value| of.pointer("/spec/securityContext")?.get(key).cloned();
        if said(pod).is_some()
            && let Some(context) = pod::object(container, &["securityContext"])
        {
            context
                .entry(key)
                .or_insert_with(|| said(template).unwrap_or_else(|| otherwise.clone()));
        }
    }
    if wishes.unprivileged
        && let Some(context) = container.get_mut("securityContext").and_then(Value::as_object_mut)
    {
        context.remove("privileged");
        let added = context.get_mut("capabilities").and_then(|all| all.get_mut("add"));
        if let Some(added) = added.and_then(Value::as_array_mut) {
            added.retain(|capability| capability != "SYS_ADMIN");
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
