use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn pod(status: Value) -> Pod {
    serde_json::from_value(json!({"metadata": {"name": "demo-worker-0"}, "status": status})).unwrap()
}

/// A pod with a container in this state, which is not ready.
fn container(state: Value, last: Value) -> Pod {
    let status = json!({"name": "c", "image": "i", "imageID": "", "ready": false, "restartCount": 1, "state": state,
        "lastState": last});
    pod(json!({"phase": "Pending", "containerStatuses": [status]}))
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

fn terminated(code: i32, reason: &str, message: &str) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "message": message}})
}

fn scheduled(status: &str, reason: &str, message: &str) -> Pod {
    let condition = json!({"type": "PodScheduled", "status": status, "reason": reason, "message": message});
    pod(json!({"phase": "Pending", "conditions": [condition]}))
}

fn init(state: Value) -> Pod {
    let status = |name: &str, state: Value| {
        json!({"name": name, "image": "i", "imageID": "", "ready": false,
        "restartCount": 0, "state": state})
    };
    let (init, main) = (status("init", state), status("main", waiting("PodInitializing", "")));
    pod(json!({"phase": "Pending", "initContainerStatuses": [init], "containerStatuses": [main]}))
}

#[rstest]
#[case::not_seen_yet(pod(json!({"phase": "Pending"})))]
#[case::scheduled(scheduled("True", "", ""))]
#[case::being_created(container(waiting("ContainerCreating", ""), json!({})))]
#[case::running(container(json!({"running": {}}), json!({})))]
#[case::completed(container(terminated(0, "Completed", ""), json!({})))]
#[case::restarted_after_success(container(json!({"running": {}}), terminated(0, "Completed", "")))]
#[case::initialised(init(terminated(0, "Completed", "")))]
#[case::being_initialised(init(json!({"running": {}})))]
fn nothing_is_wrong(#[case] pod: Pod) {
    assert_eq!(Trouble::of(&pod), None);
}

const PULL: &str = "Back-off pulling image \"nope:1\": ErrImagePull: failed to resolve nope:1: not found";

#[rstest]
#[case::no_node(
    scheduled(
        "False",
        "Unschedulable",
        "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
    ),
    "Unschedulable: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector; add or free nodes"
)]
#[case::a_gate(
    scheduled("False", "SchedulingGated", "gated"),
    "SchedulingGated: gated; remove the scheduling gates"
)]
#[case::not_pulled(
    container(waiting("ErrImagePull", "failed to resolve nope:1: not found"), json!({})),
    "ImagePullBackOff: failed to resolve nope:1: not found; correct the image or its imagePullSecrets"
)]
#[case::not_pulled_again(
    container(waiting("ImagePullBackOff", PULL), json!({})),
    "ImagePullBackOff: failed to resolve nope:1: not found; correct the image or its imagePullSecrets"
)]
#[case::no_image_name(container(waiting("InvalidImageName", "couldn't parse"), json!({})),
    "InvalidImageName: couldn't parse; correct the image")]
#[case::no_secret(
    container(waiting("CreateContainerConfigError", "secret \"a\" not found"), json!({})),
    "CreateContainerConfigError: secret \"a\" not found; create what is missing"
)]
#[case::anything_else(container(waiting("Strange", "it is"), json!({})),
    "Strange: it is; `kubectl describe` says more")]
#[case::restarting(
    container(
        waiting("CrashLoopBackOff", "back-off 10s"),
        terminated(1, "Error", "a\n\nb\nc\nno redis://u:secret@db\n")
    ),
    "CrashLoopBackOff: the container c ended with exit code 1: b | c | no redis://u:****@db; correct what the container"
)]
#[case::restarting_after_success(
    container(waiting("CrashLoopBackOff", "back-off 10s"), terminated(0, "Completed", "")),
    "CrashLoopBackOff: the container c ended with exit code 0; correct"
)]
#[case::just_ended(container(terminated(1, "Error", ""), json!({})), "CrashLoopBackOff: the container c ended with \
    exit code 1; correct")]
#[case::running_after_a_failure(
    container(json!({"running": {}}), terminated(1, "Error", "")),
    "CrashLoopBackOff: the container c ended with exit code 1; correct"
)]
#[case::out_of_memory(
    container(waiting("CrashLoopBackOff", ""), terminated(137, "OOMKilled", "")),
    "CrashLoopBackOff: the container c ended with exit code 137 (OOMKilled); raise the limit on memory"
)]
#[case::no_such_command(
    container(
        waiting("CrashLoopBackOff", ""),
        terminated(128, "StartError", "exec: \"nope\": not found")
    ),
    "CrashLoopBackOff: the container c ended with exit code 128 (StartError): exec: \"nope\": not found; correct"
)]
#[case::in_an_init_container(init(waiting("ErrImagePull", "not found")), "ImagePullBackOff: not found; correct")]
#[case::evicted(
    pod(json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory. "})),
    "Evicted: The node was low on resource: memory; `kubectl describe` says more"
)]
fn what_is_wrong_is_described_with_what_helps(#[case] pod: Pod, #[case] says: &str) {
    let described = Trouble::of(&pod).unwrap().describe("worker pod demo-worker-0", 0);
    assert!(
        described.starts_with(&format!("worker pod demo-worker-0: {says}")),
        "{described}"
    );
}

#[test]
fn a_pod_that_is_being_deleted_has_no_trouble() {
    let mut pod = container(waiting("ErrImagePull", ""), json!({}));
    pod.metadata.deletion_timestamp = Some(serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap());
    assert_eq!(Trouble::of(&pod), None);
}

#[test]
fn a_container_that_is_ready_again_has_no_trouble() {
    let mut pod = container(json!({"running": {}}), terminated(1, "Error", ""));
    let statuses = pod.status.as_mut().unwrap().container_statuses.as_mut().unwrap();
    statuses[0].ready = true;
    assert_eq!(Trouble::of(&pod), None);
}

#[test]
fn the_cause_that_the_kubelet_leaves_out_is_kept() {
    let of = |reason: &str, message: &str| Trouble::of(&container(waiting(reason, message), json!({}))).unwrap();
    let (cause, without) = (
        of("ErrImagePull", "not found"),
        of("ImagePullBackOff", "Back-off pulling image \"a\""),
    );
    assert_eq!(without.clone().or_earlier(Some(&cause)), cause);
    assert_eq!(without.clone().or_earlier(None), without);
    let other = of("InvalidImageName", "a b");
    assert_eq!(other.clone().or_earlier(Some(&cause)), other);
}

#[test]
fn what_is_said_is_bounded_and_the_remedy_kept() {
    let pod = container(
        waiting("CrashLoopBackOff", ""),
        terminated(1, "Error", &"x".repeat(200_000)),
    );
    let described = Trouble::of(&pod).unwrap().describe("worker pod demo-worker-0", 7);
    assert!(
        described.len() < 800 && described.starts_with("worker pod demo-worker-0 (and 7 more pods): CrashLoopBackOff")
    );
    assert!(described.ends_with("its log says more"));
}
