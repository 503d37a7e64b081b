#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests fail by panicking.

use rstest::rstest;

use super::*;

fn pod(annotations: Value, spec: Value) -> Value {
    let mut pod = json!({
        "metadata": {"annotations": {INJECT: "true", IMAGE: "prefetcher:1"}},
        "spec": {
            "containers": [{"name": "app", "volumeMounts": [
                {"name": "data", "mountPath": "/a", "mountPropagation": "HostToContainer"},
                {"name": "more", "mountPath": "/b", "readOnly": true},
            ]}],
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
    assert_eq!(names(&pod, "/spec/containers"), [CONTAINER, "app"]);
    let container = &pod["spec"]["containers"][0];
    let expected = json!([
        {"name": "FILE_PREFETCHER_FILE_LIST", "value": "/data/data/**;/data/more/**"},
        {"name": "FILE_PREFETCHER_ASYNC_PREFETCH", "value": "false"},
        {"name": "FILE_PREFETCHER_TIMEOUT_SECONDS", "value": "120"},
    ]);
    assert_eq!(container["env"], expected);
    let expected = json!([
        {"name": "data", "mountPath": "/data/data", "readOnly": true, "mountPropagation": "HostToContainer"},
        {"name": "more", "mountPath": "/data/more", "readOnly": true},
        {"name": VOLUME, "mountPath": STATUS},
    ]);
    assert_eq!(container["volumeMounts"], expected);
    assert_eq!(container["lifecycle"]["postStart"]["exec"]["command"][4], STATUS);
    assert_eq!(pod["spec"]["volumes"][3], json!({"name": VOLUME, "emptyDir": {}}));
    assert_eq!(pod["metadata"]["annotations"][DONE], "true");
    assert_eq!(pod["metadata"]["annotations"][DEFAULT_CONTAINER], "app");
    assert_eq!(mutated(&pod).unwrap(), pod, "once is enough");
}

#[test]
fn files_of_a_directory_are_those_of_its_claim() {
    let before = pod(json!({}), json!({}));
    let (mut pod, mut claims) = (before.clone(), claims());
    claims.insert("more".to_owned(), "models/a".to_owned());
    mutate(&mut pod, &before, &claims, "").unwrap();
    let mounts = &pod["spec"]["containers"][0]["volumeMounts"];
    assert_eq!(mounts[0].get("subPath"), None);
    assert_eq!(mounts[1]["subPath"], "models/a");
}

#[test]
fn files_are_read_while_the_application_starts() {
    let annotations = json!({ASYNC: "true", FILES: "pvc://demo/a/*.bin; pvc://own/b;file:///c",
        EXTRA: "A=1 B=x=y", TIMEOUT: "5"});
    let mut before = pod(annotations, json!({}));
    let own = json!({"name": "other", "volumeMounts": [{"name": "own", "mountPath": STATUS}]});
    before["spec"]["containers"].as_array_mut().unwrap().push(own.clone());
    let pod = mutated(&before).unwrap();
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["env"][0]["value"], "/data/data/a/*.bin");
    assert_eq!(container["env"][4], json!({"name": "B", "value": "x=y"}));
    assert_eq!(container.get("lifecycle"), None);
    assert_eq!(pod["spec"]["containers"][1]["volumeMounts"][2]["name"], VOLUME);
    assert_eq!(pod["spec"]["containers"][2], own, "two mounts at one path are refused");
}

#[test]
fn a_job_of_no_root_with_clients_lets_the_image_say_who_reads() {
    let spec = json!({
        "restartPolicy": "Never", "securityContext": {"runAsNonRoot": true},
        "initContainers": [{"name": "fluid-fuse-0"}],
    });
    let made = mutated(&pod(json!({ASYNC: "True"}), spec.clone())).unwrap();
    assert_eq!(names(&made, "/spec/initContainers"), ["fluid-fuse-0", CONTAINER]);
    let context = |pod: &Value, at: usize| pod["spec"]["initContainers"][at]["securityContext"].clone();
    assert_eq!(context(&made, 1), json!({"runAsNonRoot": false}));
    let mut alone = spec;
    alone["initContainers"] = json!([]);
    let made = mutated(&pod(json!({}), alone)).unwrap();
    assert_eq!(context(&made, 0), Value::Null);
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
#[case::spaces(json!({IMAGE: " prefetcher:1"}), "has spaces")]
#[case::digit(json!({EXTRA: "A=1 1A=2"}), "`1A`")]
#[case::letter(json!({EXTRA: "A$=1"}), "`A$`")]
#[case::parent(json!({EXTRA: "..A=1"}), "`..A`")]
fn what_cannot_be_read_is_said(#[case] annotations: Value, #[case] message: &str) {
    let error = mutated(&pod(annotations, json!({}))).unwrap_err();
    assert!(error.contains(message), "{error}");
}

#[test]
fn names_of_the_pod_itself_are_not_used_again() {
    for spec in [
        json!({"containers": [{"name": CONTAINER}]}),
        json!({"initContainers": [{"name": CONTAINER}]}),
        json!({"volumes": [{"name": VOLUME}, {"name": "data", "persistentVolumeClaim": {"claimName": "demo"}}]}),
    ] {
        let error = mutated(&pod(json!({}), spec)).unwrap_err();
        assert!(error.contains("the pod itself"), "{error}");
    }
}

#[rstest]
#[case("A")]
#[case("_a.b-C9")]
#[case(".a")]
fn variables_have_the_names_that_every_api_server_takes(#[case] name: &str) {
    assert!(is_variable(name));
}

/// Runs the hook with its `sleep` replaced.
fn hook(status: &std::path::Path) -> (bool, String) {
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("sleep() {{ :; }}\n{WAIT}"), "wait"])
        .arg(status)
        .env("FILE_PREFETCHER_TIMEOUT_SECONDS", "3")
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn whoever_has_waited_long_enough_starts() {
    let (starts, says) = hook(std::path::Path::new("/nowhere"));
    assert!(starts && says.contains("not read after 3 s"), "{says}");
}
