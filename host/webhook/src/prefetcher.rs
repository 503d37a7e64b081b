//! Pods that read files of their datasets in advance, by a container before their own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use wasser_api::labels;

use crate::pod;

/// Annotation on pods: they are to get the container.
const INJECT: &str = "file-prefetcher.fluid.io/inject";
/// Annotation on pods: they have got it.
const DONE: &str = "file-prefetcher.fluid.io/inject-done";
/// Annotation on pods: its image.
const IMAGE: &str = "file-prefetcher.fluid.io/image";
/// Annotation on pods: what it reads, as `pvc://claim/pattern`, separated by semicolons.
const FILES: &str = "file-prefetcher.fluid.io/file-list";
/// Annotation on pods: whether their containers start meanwhile.
const ASYNC: &str = "file-prefetcher.fluid.io/async-prefetch";
/// Annotation on pods: environment variables, as `name=value`, separated by spaces.
const EXTRA: &str = "file-prefetcher.fluid.io/extra-envs";
/// Annotation on pods: how long their containers wait for it.
const TIMEOUT: &str = "file-prefetcher.fluid.io/prefetch-timeout-seconds";

/// All files of all datasets.
const ALL: &str = "<ALL>";
const USUAL_TIMEOUT: u32 = 120;
const CONTAINER: &str = "fluid-file-prefetcher";
const VOLUME: &str = "fluid-file-prefetcher-status-vol";
/// Where the container says that it has read everything, in the file `prefetcher.status`.
const STATUS: &str = "/tmp/fluid-file-prefetcher/status";
/// What the containers of fuse clients are called.
const CLIENT: &str = "fluid-fuse";
/// Annotation that `kubectl logs` and `kubectl exec` go by.
const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";
/// Ends once everything has been read, or the pod has waited long enough. It never fails: a pod that
/// ends would not start.
const WAIT: &str = r#"left=$FILE_PREFETCHER_TIMEOUT_SECONDS
until [ -e "$1/prefetcher.status" ]; do
  if [ "$left" -le 0 ]; then
    echo "the files are not read after $FILE_PREFETCHER_TIMEOUT_SECONDS s; the pod starts without" >&2
    exit 0
  fi
  left=$((left - 1))
  sleep 1
done"#;

/// Gives a pod the container that reads files in advance, if its annotations ask for one.
/// `original` is the pod before it got anything, `claims` are those of its datasets with the
/// directories of their volumes that they stand for, and `image` is the one of pods that name none.
///
/// # Errors
/// What an annotation should say; the pod is as it was.
pub fn mutate(pod: &mut Value, original: &Value, claims: &BTreeMap<String, String>, image: &str) -> Result<(), String> {
    let says = |key: &str| pod.pointer("/metadata/annotations")?.get(key)?.as_str();
    if says(INJECT) != Some(labels::TRUE) || says(DONE) == Some(labels::TRUE) || claims.is_empty() {
        return Ok(());
    }
    let image = says(IMAGE).unwrap_or(image).to_owned();
    if image.is_empty() {
        return Err(format!("there is no image for it; name one in the annotation {IMAGE}"));
    }
    if image.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return Err(format!("its image {image:?} has spaces; mend the annotation {IMAGE}"));
    }
    for (kinds, name) in [
        (["/spec/initContainers", "/spec/containers"].as_slice(), CONTAINER),
        (["/spec/volumes"].as_slice(), VOLUME),
    ] {
        let mut items = kinds.iter().flat_map(|kind| pod::items(pod, kind));
        if items.any(|item| item.get("name") == Some(&json!(name))) {
            return Err(format!(
                "the pod itself has something of the name {name}; call it otherwise"
            ));
        }
    }
    let meanwhile = match says(ASYNC) {
        None => false,
        Some(text) => labels::truth(text).ok_or_else(|| format!("the annotation {ASYNC} is neither true nor false"))?,
    };
    let wrong = |_| format!("the annotation {TIMEOUT} is not a number of seconds");
    let timeout = says(TIMEOUT).map_or(Ok(USUAL_TIMEOUT), |text| text.parse::<u32>().map_err(wrong))?;
    let extra = extra(says(EXTRA).unwrap_or_default())?;
    let (volumes, files) = files(original, claims, says(FILES).unwrap_or(ALL));
    if files.is_empty() {
        return Ok(());
    }
    let mut env = vec![
        json!({"name": "FILE_PREFETCHER_FILE_LIST", "value": files.join(";")}),
        json!({"name": "FILE_PREFETCHER_ASYNC_PREFETCH", "value": meanwhile.to_string()}),
        json!({"name": "FILE_PREFETCHER_TIMEOUT_SECONDS", "value": timeout.to_string()}),
    ];
    env.extend(extra);
    let directories: BTreeMap<&str, &String> = pod::claims(original)
        .filter_map(|(volume, claim)| Some((volume, claims.get(claim)?)))
        .filter(|(_, directory)| !directory.is_empty())
        .collect();
    let data = volumes.iter().map(|volume| {
        let mut mount = json!({"name": volume, "mountPath": format!("/data/{volume}"), "readOnly": true});
        // A mount that comes later could be written to, which is for others to allow.
        if sees_later_mounts(pod, volume) {
            mount["mountPropagation"] = json!("HostToContainer");
        }
        if let Some(directory) = directories.get(volume.as_str()) {
            mount["subPath"] = json!(directory);
        }
        mount
    });
    let status = json!({"name": VOLUME, "mountPath": STATUS});
    let mounts: Vec<Value> = data.chain([status.clone()]).collect();
    let mut container = json!({"name": CONTAINER, "image": image, "env": env, "volumeMounts": mounts});
    if meanwhile {
        tell(pod, &status);
    } else {
        container["lifecycle"] = json!({"postStart": {"exec": {"command": ["sh", "-c", WAIT, "wait", STATUS]}}});
    }
    place(pod, container);
    if let Some(list) = pod::list(pod, &["spec"], "volumes") {
        list.push(json!({"name": VOLUME, "emptyDir": {}}));
    }
    if let Some(annotations) = pod::object(pod, &["metadata", "annotations"]) {
        annotations.insert(DONE.to_owned(), json!(labels::TRUE));
    }
    Ok(())
}

/// Whether a container of the pod sees what is mounted in a volume later.
fn sees_later_mounts(pod: &Value, volume: &str) -> bool {
    pod::mounts(pod)
        .filter(|mount| mount.get("name") == Some(&json!(volume)))
        .any(|mount| mount.get("mountPropagation") == Some(&json!("HostToContainer")))
}

/// The user's environment variables.
fn extra(text: &str) -> Result<Vec<Value>, String> {
    let wrong = |word: &str| format!("the annotation {EXTRA} has `{word}`, which is not of the form name=value");
    let variable = |word: &str| match word.split_once('=') {
        Some((name, value)) if is_variable(name) => Ok(json!({"name": name, "value": value})),
        Some((name, _)) if !name.is_empty() => Err(format!(
            "the annotation {EXTRA} has `{name}`, which is not the name of a variable: letters, digits, `_`, `-` and `.`, \
             and no digit or `..` in front"
        )),
        _ => Err(wrong(word)),
    };
    text.split_whitespace().map(variable).collect()
}

/// Whether every API server takes this for the name of a variable: recent ones take more.
fn is_variable(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-._".contains(letter);
    let begins = name.chars().next().is_some_and(|first| !first.is_ascii_digit());
    begins && name.chars().all(allowed) && name != "." && !name.starts_with("..")
}

/// The volumes with files that are read, and the patterns of those files in the container. What
/// names no claim of a dataset is left out.
fn files(pod: &Value, claims: &BTreeMap<String, String>, list: &str) -> (BTreeSet<String>, Vec<String>) {
    let all: Vec<String> = claims.keys().map(|claim| format!("pvc://{claim}")).collect();
    let listed: Vec<&str> = match list {
        ALL => all.iter().map(String::as_str).collect(),
        _ => list.split(';').map(str::trim).collect(),
    };
    let (mut volumes, mut files) = (BTreeSet::new(), Vec::new());
    for path in listed.iter().filter_map(|path| path.strip_prefix("pvc://")) {
        let (claim, pattern) = path.split_once('/').unwrap_or((path, "**"));
        if !claims.contains_key(claim) {
            continue;
        }
        for (volume, _) in pod::claims(pod).filter(|(_, other)| *other == claim) {
            volumes.insert(volume.to_owned());
            files.push(format!("/data/{volume}/{pattern}"));
        }
    }
    (volumes, files)
}

/// Lets the pod's own containers see when everything has been read, unless they have something else
/// there.
fn tell(pod: &mut Value, status: &Value) {
    let containers = pod.pointer_mut("/spec/containers").and_then(Value::as_array_mut);
    for container in containers.into_iter().flatten() {
        if let Some(mounts) = pod::list(container, &[], "volumeMounts")
            && !mounts
                .iter()
                .any(|mount| mount.get("mountPath") == status.get("mountPath"))
        {
            mounts.push(status.clone());
        }
    }
}

/// Puts the container before the pod's own ones. In a pod that ends it is a sidecar, which ends with
/// the pod, behind the fuse clients, which mount what it reads. In others it is an ordinary
/// container, without which the pod starts as well.
fn place(pod: &mut Value, mut container: Value) {
    let policy = pod.pointer("/spec/restartPolicy").and_then(Value::as_str);
    if policy.is_some_and(|policy| policy != "Always") {
        container["restartPolicy"] = json!("Always");
        // The pod waits for it, and its image may be root's, as the clients are.
        let is_no_root = pod::is_true(pod, "/spec/securityContext/runAsNonRoot")
            && pod.pointer("/spec/securityContext/runAsUser").is_none();
        if is_no_root && pod::items(pod, "/spec/initContainers").any(is_client) {
            container["securityContext"] = json!({"runAsNonRoot": false});
        }
        if let Some(containers) = pod::list(pod, &["spec"], "initContainers") {
            let behind = containers.iter().rposition(is_client).map_or(0, |at| at + 1);
            containers.insert(behind, container);
        }
        return;
    }
    // The first container is no longer the user's.
    if let Some(first) = pod.pointer("/spec/containers/0/name").cloned()
        && let Some(annotations) = pod::object(pod, &["metadata", "annotations"])
    {
        annotations.entry(DEFAULT_CONTAINER).or_insert(first);
    }
    if let Some(containers) = pod::list(pod, &["spec"], "containers") {
        containers.insert(0, container);
    }
}

fn is_client(container: &Value) -> bool {
    let name = container.get("name").and_then(Value::as_str);
    name.is_some_and(|name| name.starts_with(CLIENT))
}

#[cfg(test)]
mod tests;
