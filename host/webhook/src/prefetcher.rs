//! Pods that read files of their datasets in advance, by a container next to their own.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
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
/// Ends once everything has been read; a container that was not done in time starts again.
const WAIT: &str = r#"left=$FILE_PREFETCHER_TIMEOUT_SECONDS
until [ -e "$1/prefetcher.status" ]; do
  if [ "$left" -le 0 ]; then
    echo "the files are not read after $FILE_PREFETCHER_TIMEOUT_SECONDS s" >&2
    exit 1
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
    let meanwhile = match says(ASYNC) {
        None | Some("false") => false,
        Some(labels::TRUE) => true,
        Some(_) => return Err(format!("the annotation {ASYNC} is neither true nor false")),
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
        let mut mount = json!({"name": volume, "mountPath": format!("/data/{volume}"),
            "mountPropagation": "HostToContainer"});
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

/// The user's environment variables.
fn extra(text: &str) -> Result<Vec<Value>, String> {
    let wrong = |word: &str| format!("the annotation {EXTRA} has `{word}`, which is not of the form name=value");
    let variable = |word: &str| match word.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(json!({"name": name, "value": value})),
        _ => Err(wrong(word)),
    };
    text.split_whitespace().map(variable).collect()
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

/// Lets the pod's own containers see when everything has been read.
fn tell(pod: &mut Value, status: &Value) {
    let containers = pod.pointer_mut("/spec/containers").and_then(Value::as_array_mut);
    for container in containers
        .into_iter()
        .flatten()
        .filter(|container| !is_client(container))
    {
        if let Some(mounts) = pod::list(container, &[], "volumeMounts") {
            mounts.push(status.clone());
        }
    }
}

/// Puts the container behind the fuse clients, which mount what it reads, and before the pod's own
/// ones. In a pod that ends it is a sidecar, which ends with the pod.
fn place(pod: &mut Value, mut container: Value) {
    let policy = pod.pointer("/spec/restartPolicy").and_then(Value::as_str);
    let ends = policy.is_some_and(|policy| policy != "Always");
    if ends && let Some(object) = container.as_object_mut() {
        let object: &mut Map<String, Value> = object;
        object.insert("restartPolicy".to_owned(), json!("Always"));
    }
    let list = if ends { "initContainers" } else { "containers" };
    if let Some(containers) = pod::list(pod, &["spec"], list) {
        let behind = containers.iter().rposition(is_client).map_or(0, |at| at + 1);
        containers.insert(behind, container);
    }
}

fn is_client(container: &Value) -> bool {
    let name = container.get("name").and_then(Value::as_str);
    name.is_some_and(|name| name.starts_with(CLIENT))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests fail by panicking.

    use rstest::rstest;

    use super::*;

    fn pod(annotations: Value, spec: Value) -> Value {
        let mut pod = json!({
            "metadata": {"annotations": {INJECT: "true", IMAGE: "prefetcher:1"}},
            "spec": {
                "containers": [{"name": "fluid-fuse-0"}, {"name": "app"}],
                "volumes": [
                    {"name": "data", "persistentVolumeClaim": {"claimName": "demo"}},
                    {"name": "more", "persistentVolumeClaim": {"claimName": "more"}},
                    {"name": "own", "persistentVolumeClaim": {"claimName": "own"}},
                ],
            },
        });
        json_patch::merge(
            &mut pod,
            &json!({"metadata": {"annotations": annotations}, "spec": spec}),
        );
        pod
    }

    fn claims() -> BTreeMap<String, String> {
        ["demo", "more"].map(|claim| (claim.to_owned(), String::new())).into()
    }

    fn mutated(before: &Value) -> Result<Value, String> {
        let mut pod = before.clone();
        mutate(&mut pod, before, &claims(), "").map(|()| pod)
    }

    fn names(pod: &Value, list: &str) -> Vec<String> {
        let name = |container: &Value| container["name"].as_str().unwrap().to_owned();
        pod::items(pod, list).map(name).collect()
    }

    #[test]
    fn files_are_read_before_the_application_starts() {
        let pod = mutated(&pod(json!({}), json!({}))).unwrap();
        assert_eq!(names(&pod, "/spec/containers"), ["fluid-fuse-0", CONTAINER, "app"]);
        let container = &pod["spec"]["containers"][1];
        let expected = json!([
            {"name": "FILE_PREFETCHER_FILE_LIST", "value": "/data/data/**;/data/more/**"},
            {"name": "FILE_PREFETCHER_ASYNC_PREFETCH", "value": "false"},
            {"name": "FILE_PREFETCHER_TIMEOUT_SECONDS", "value": "120"},
        ]);
        assert_eq!(container["env"], expected);
        let expected = json!([
            {"name": "data", "mountPath": "/data/data", "mountPropagation": "HostToContainer"},
            {"name": "more", "mountPath": "/data/more", "mountPropagation": "HostToContainer"},
            {"name": VOLUME, "mountPath": STATUS},
        ]);
        assert_eq!(container["volumeMounts"], expected);
        assert_eq!(container["lifecycle"]["postStart"]["exec"]["command"][4], STATUS);
        assert_eq!(pod["spec"]["volumes"][3], json!({"name": VOLUME, "emptyDir": {}}));
        assert_eq!(pod["metadata"]["annotations"][DONE], "true");
        assert_eq!(mutated(&pod).unwrap(), pod, "once is enough");
    }

    #[test]
    fn files_of_a_directory_are_those_of_its_claim() {
        let before = pod(json!({}), json!({}));
        let (mut pod, mut claims) = (before.clone(), claims());
        claims.insert("more".to_owned(), "models/a".to_owned());
        mutate(&mut pod, &before, &claims, "").unwrap();
        let mounts = &pod["spec"]["containers"][1]["volumeMounts"];
        assert_eq!(mounts[0].get("subPath"), None);
        assert_eq!(mounts[1]["subPath"], "models/a");
    }

    #[test]
    fn files_are_read_while_the_application_starts() {
        let annotations = json!({ASYNC: "true", FILES: "pvc://demo/a/*.bin; pvc://own/b;file:///c",
            EXTRA: "A=1 B=x=y", TIMEOUT: "5"});
        let pod = mutated(&pod(annotations, json!({}))).unwrap();
        let container = &pod["spec"]["containers"][1];
        assert_eq!(container["env"][0]["value"], "/data/data/a/*.bin");
        assert_eq!(container["env"][4], json!({"name": "B", "value": "x=y"}));
        assert_eq!(container.get("lifecycle"), None);
        assert_eq!(pod["spec"]["containers"][0].get("volumeMounts"), None);
        assert_eq!(pod["spec"]["containers"][2]["volumeMounts"][0]["name"], VOLUME);
    }

    #[test]
    fn a_pod_that_ends_gets_a_sidecar_that_ends_with_it() {
        let clients = json!([{"name": "first"}, {"name": "fluid-fuse-0", "restartPolicy": "Always"}, {"name": "own"}]);
        let spec = json!({"restartPolicy": "Never", "containers": [{"name": "app"}], "initContainers": clients});
        let pod = mutated(&pod(json!({}), spec)).unwrap();
        assert_eq!(
            names(&pod, "/spec/initContainers"),
            ["first", "fluid-fuse-0", CONTAINER, "own"]
        );
        assert_eq!(pod["spec"]["initContainers"][2]["restartPolicy"], "Always");
    }

    #[rstest]
    #[case::not_asked(json!({INJECT: "false"}))]
    #[case::done(json!({DONE: "true"}))]
    #[case::nothing_to_read(json!({FILES: "pvc://own/x"}))]
    fn others_stay_as_they_are(#[case] annotations: Value) {
        let before = pod(annotations, json!({}));
        assert_eq!(mutated(&before).unwrap(), before);
    }

    #[rstest]
    #[case::image(json!({IMAGE: null}), "no image")]
    #[case::meanwhile(json!({ASYNC: "yes"}), "neither true nor false")]
    #[case::timeout(json!({TIMEOUT: "2m"}), "number of seconds")]
    #[case::extra(json!({EXTRA: "A"}), "name=value")]
    fn what_cannot_be_read_is_said(#[case] annotations: Value, #[case] message: &str) {
        let error = mutated(&pod(annotations, json!({}))).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}
