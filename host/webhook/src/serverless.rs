//! Pods that mount their datasets by themselves, by a fuse client before their containers: for nodes
//! where no node plugin runs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use wasser_api::labels;

use crate::pod::{self, DONE, IN_USE};
use crate::sidecar::{Names, Sidecar, Unusable, Wishes, make};

/// On pods: they are to get fuse sidecars.
pub const INJECT: &str = "serverless.fluid.io/inject";
/// Annotation on pods: they start as they are written even if a dataset is not Bound.
pub const SKIP_PRECHECK: &str = "sidecar.fluid.io/skip-precheck";
/// On pods: their sidecars must use nothing of the node.
const UNPRIVILEGED: &str = "unprivileged.sidecar.fluid.io/inject";
/// Annotation on pods: who runs them, and brings the mount.
const PLATFORM: &str = "serverless.fluid.io/platform";
/// The values of it that mean a kubelet.
const USUAL_PLATFORMS: [&str; 2] = ["", "default"];
/// Where a volume mount says which directory of its volume it shows; the first counts.
const DIRECTORIES: [&str; 2] = ["subPathExpr", "subPath"];
/// On pods: their sidecars keep their caches on the node.
const CACHES: &str = "cachedir.sidecar.fluid.io/inject";
/// On pods: `false` lets their containers start before the mount is there.
const POST_START: &str = "fuse.sidecar.poststart.fluid.io/inject";

/// Whether a pod is to get sidecars: it has the label, was not refused, and has not got them yet.
pub fn wanted(pod: &Value) -> bool {
    pod::asks(pod, INJECT)
}

/// Whether a pod is to start as it is written rather than to be refused.
pub fn skips_precheck(pod: &Value) -> bool {
    annotation(pod, SKIP_PRECHECK) == Some(labels::TRUE)
}

/// Gives a labelled pod its sidecars, by the names of their claims. `unique` is said of no other
/// pod. Others stay as they are; so does one that was here before.
///
/// # Errors
/// A sidecar cannot be made; the pod is as it was.
pub fn mutate(pod: &mut Value, sidecars: &BTreeMap<String, Sidecar>, unique: &str) -> Result<(), Unusable> {
    if !wanted(pod) {
        return Ok(());
    }
    let volumes = volumes(pod, sidecars);
    if volumes.is_empty() {
        return Ok(());
    }
    let original = pod.clone();
    let mut containers = Names::of(&original, &["/spec/initContainers", "/spec/containers"]);
    let mut names = Names::of(&original, &["/spec/volumes"]);
    let (mut first, mut added) = (Vec::new(), Vec::new());
    let (mut sources, mut described) = (BTreeMap::new(), Vec::new());
    for (_, claim, sidecar) in &volumes {
        if sources.contains_key(claim) {
            continue;
        }
        let number = sources.len();
        let name = containers.take(&format!("fluid-fuse-{number}"));
        let own = volumes.iter().filter(|(_, other, _)| other == claim);
        let own: BTreeSet<&str> = own.map(|(volume, _, _)| volume.as_str()).collect();
        let wishes = wishes(&original, &own, sidecar);
        let directory = format!("{unique}-{number}");
        let made = make(
            sidecar,
            &original,
            wishes,
            &name,
            &directory,
            &mut containers,
            &mut names,
        )?;
        first.extend(made.before);
        first.push(made.client);
        added.extend(made.volumes);
        sources.insert(claim.clone(), (made.source, sidecar.directory()));
        described.push((name, *sidecar));
    }
    for (volume, claim, sidecar) in &volumes {
        if let Some((source, directory)) = sources.get(claim) {
            redirect(pod, volume, source, directory, sidecar);
        }
    }
    mark(pod, &described);
    // Native sidecars: what is behind them starts once the mount is there, and has ended when they
    // are told to end.
    if let Some(list) = pod::list(pod, &["spec"], "initContainers") {
        list.splice(0..0, first);
    }
    if let Some(list) = pod::list(pod, &["spec"], "volumes") {
        list.extend(added);
    }
    let secrets = described
        .iter()
        .flat_map(|(_, sidecar)| pod::items(&sidecar.template, "/spec/imagePullSecrets"));
    for secret in secrets {
        if let Some(list) = pod::list(pod, &["spec"], "imagePullSecrets")
            && !list.contains(secret)
        {
            list.push(secret.clone());
        }
    }
    Ok(())
}

/// The pod's volumes that are datasets, with their claims.
fn volumes<'a>(pod: &Value, sidecars: &'a BTreeMap<String, Sidecar>) -> Vec<(String, String, &'a Sidecar)> {
    pod::claims(pod)
        .filter_map(|(volume, claim)| Some((volume.to_owned(), claim.to_owned(), sidecars.get(claim)?)))
        .collect()
}

/// What the pod wants of the sidecar for these volumes. Whoever only reads sees no mount that comes
/// later, and waits in any case; so does whoever uses a directory, which the kubelet would make on the
/// node.
fn wishes(pod: &Value, volumes: &BTreeSet<&str>, sidecar: &Sidecar) -> Wishes {
    let says = |key: &str| pod::label(pod, key) == Some(labels::TRUE);
    let own = |item: &Value| {
        let name = item.get("name").and_then(Value::as_str);
        name.is_some_and(|name| volumes.contains(name))
    };
    let reads = sidecar.read_only
        || pod::items(pod, "/spec/volumes")
            .any(|volume| own(volume) && pod::is_true(volume, "/persistentVolumeClaim/readOnly"))
        || pod::mounts(pod).any(|mount| own(mount) && pod::is_true(mount, "/readOnly"));
    let in_directory = |mount: &Value| DIRECTORIES.iter().any(|key| said(mount.get(key)).is_some());
    let descends = !sidecar.directory().is_empty() || pod::mounts(pod).any(|mount| own(mount) && in_directory(mount));
    Wishes {
        wait: reads || descends || pod::label(pod, POST_START) != Some("false"),
        caches: says(CACHES),
        unprivileged: says(UNPRIVILEGED)
            || annotation(pod, PLATFORM).is_some_and(|platform| !USUAL_PLATFORMS.contains(&platform)),
    }
}

/// Lets a volume be what the sidecar mounts, and the containers see it when it comes again. That
/// mount has flags of its own: whoever only reads does not get to see it, but where nobody waits for a
/// mount, since none might be there at all. A directory of it is looked up by the kubelet when a
/// container starts, and never out of the file system.
fn redirect(pod: &mut Value, name: &str, source: &str, directory: &str, sidecar: &Sidecar) {
    let mut read_only = sidecar.read_only;
    let volumes = pod.pointer_mut("/spec/volumes").and_then(Value::as_array_mut);
    let mut volumes = volumes.into_iter().flatten().filter_map(Value::as_object_mut);
    if let Some(volume) = volumes.find(|volume| volume.get("name") == Some(&json!(name))) {
        let claim = volume.remove("persistentVolumeClaim").unwrap_or_default();
        read_only |= pod::is_true(&claim, "/readOnly");
        // Without a type: the kubelet looks at it before the sidecar has started.
        volume.insert("hostPath".to_owned(), json!({"path": source}));
    }
    pod::each_mount(pod, |mount| {
        if mount.get("name") != Some(&json!(name)) {
            return;
        }
        if read_only {
            mount.insert("readOnly".to_owned(), json!(true));
            if sidecar.mounts {
                mount.remove("mountPropagation");
            }
        }
        if !sidecar.mounts || mount.get("readOnly") != Some(&json!(true)) {
            mount
                .entry("mountPropagation")
                .or_insert_with(|| json!("HostToContainer"));
        }
        if !directory.is_empty() {
            descend(mount, directory);
        }
    });
}

/// The text of a field that says something.
fn said(field: Option<&Value>) -> Option<&str> {
    field?.as_str().filter(|text| !text.is_empty())
}

/// Lets a volume mount show a directory, in which the one is that it shows by itself.
fn descend(mount: &mut Map<String, Value>, directory: &str) {
    let [expression, path] = DIRECTORIES.map(|key| said(mount.get(key)));
    let (key, path) = match (expression, path) {
        // Each `$` of the directory is one, and does not begin a variable.
        (Some(expression), _) => ("subPathExpr", format!("{}/{expression}", directory.replace('$', "$$"))),
        (None, Some(inner)) => ("subPath", format!("{directory}/{inner}")),
        (None, None) => ("subPath", directory.to_owned()),
    };
    mount.insert(key.to_owned(), json!(path));
}

/// Says on the pod what it has got.
fn mark(pod: &mut Value, described: &[(String, &Sidecar)]) {
    if let Some(marks) = pod::object(pod, &["metadata", "labels"]) {
        for (container, sidecar) in described {
            for (prefix, value) in [
                (labels::SIDECAR_DATASET_NAME, &sidecar.dataset),
                (labels::SIDECAR_DATASET_NAMESPACE, &sidecar.namespace),
            ] {
                marks.insert(format!("{prefix}{container}"), json!(value));
            }
        }
        marks.insert(DONE.to_owned(), json!(labels::TRUE));
        marks.insert(labels::MANAGED_BY.to_owned(), json!(labels::MANAGED_BY_VALUE));
    }
    if let Some(annotations) = pod::object(pod, &["metadata", "annotations"]) {
        let names: BTreeSet<&str> = described.iter().map(|(_, sidecar)| sidecar.dataset.as_str()).collect();
        annotations.insert(
            IN_USE.to_owned(),
            json!(names.into_iter().collect::<Vec<_>>().join(",")),
        );
    }
}

fn annotation<'a>(pod: &'a Value, key: &str) -> Option<&'a str> {
    pod.pointer("/metadata/annotations")?.get(key)?.as_str()
}

#[cfg(test)]
mod tests;
