//! What the host adds to objects and pods.

use rstest::rstest;

use super::*;

#[rstest]
#[case::bare("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}")]
#[case::another_form(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, ownerReferences: [{apiVersion: v, kind: K, name: n, uid: \
        own}]}}"
)]
#[case::another_label(
    "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {fluid.io/dataset-id: of-somebody-else}}}"
)]
fn place_owner_and_label_are_the_hosts_to_say(#[case] yaml: &str) {
    let mut map = object(yaml);
    policy().own(&mut map);
    assert_eq!(map.metadata.namespace.as_deref(), Some("ns"));
    assert_eq!(
        map.metadata.owner_references,
        Some(vec![owner("own")]),
        "it is the controller"
    );
    assert_eq!(map.metadata.labels, Some(policy().labels));
    let mut again = map.clone();
    policy().own(&mut again);
    assert_eq!(again, map);
}

#[rstest]
#[case::stateful_set(
    "apps/v1",
    "StatefulSet",
    "{selector: {matchLabels: {app: w}}, template: {metadata: {labels: {app: w}}}}",
    "/spec/template"
)]
#[case::no_metadata("apps/v1", "DaemonSet", "{template: {spec: {containers: []}}}", "/spec/template")]
#[case::no_labels("apps/v1", "Deployment", "{template: {metadata: null}}", "/spec/template")]
#[case::another_value(
    "batch/v1",
    "Job",
    "{template: {metadata: {labels: {fluid.io/dataset-id: x}}}}",
    "/spec/template"
)]
#[case::cron(
    "batch/v1",
    "CronJob",
    "{jobTemplate: {spec: {template: {}}}}",
    "/spec/jobTemplate/spec/template"
)]
fn pods_get_the_label_of_their_workload(
    #[case] version: &str,
    #[case] kind: &str,
    #[case] spec: &str,
    #[case] template: &str,
) {
    let mut workload = object(&format!(
        "{{apiVersion: {version}, kind: {kind}, metadata: {{name: w}}, spec: {spec}}}"
    ));
    let before = workload.data.clone();
    policy().label(&mut workload);
    assert_eq!(
        workload.metadata.labels.as_ref().unwrap()["fluid.io/dataset-id"],
        "ns-demo"
    );
    let labels = workload.data.pointer(&format!("{template}/metadata/labels")).unwrap();
    assert_eq!(labels["fluid.io/dataset-id"], "ns-demo");
    assert_eq!(
        labels.get("app"),
        before.pointer(&format!("{template}/metadata/labels/app"))
    );
    assert_eq!(
        workload.data.pointer("/spec/selector"),
        before.pointer("/spec/selector")
    );
}

#[rstest]
#[case::bare("{jobTemplate: {spec: {template: {}}}}")]
#[case::of_its_own("{jobTemplate: {metadata: {labels: {role: job}}, spec: {template: {}}}}")]
#[case::another_value("{jobTemplate: {metadata: {labels: {fluid.io/dataset-id: x}}, spec: {template: {}}}}")]
fn the_jobs_of_a_schedule_get_the_label(#[case] spec: &str) {
    let mut schedule = object(&format!(
        "{{apiVersion: batch/v1, kind: CronJob, metadata: {{name: w}}, spec: {spec}}}"
    ));
    let role = schedule.data.pointer("/spec/jobTemplate/metadata/labels/role").cloned();
    policy().label(&mut schedule);
    let labels = schedule.data.pointer("/spec/jobTemplate/metadata/labels").unwrap();
    assert_eq!(labels["fluid.io/dataset-id"], "ns-demo");
    assert_eq!(labels.get("role"), role.as_ref());
}

#[rstest]
#[case::by_label("{matchLabels: {fluid.io/dataset-id: x}}")]
#[case::by_expression("{matchExpressions: [{key: fluid.io/dataset-id, operator: Exists}]}")]
fn a_selector_and_the_pods_that_it_selects_stay(#[case] selector: &str) {
    let mut workload = object(&format!(
        "{{apiVersion: apps/v1, kind: StatefulSet, metadata: {{name: w}}, spec: {{selector: {selector}, \
         template: {{metadata: {{labels: {{fluid.io/dataset-id: x}}}}}}}}}}"
    ));
    let before = workload.data.clone();
    policy().label(&mut workload);
    assert_eq!(workload.data, before);
}

#[test]
fn what_is_no_template_is_left_to_the_api_server() {
    for spec in [
        "[1]",
        "{template: 5}",
        "{template: {metadata: [1]}}",
        "{template: {metadata: {labels: 5}}}",
    ] {
        let mut odd = object(&format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: w}}, spec: {spec}}}"
        ));
        let before = odd.data.clone();
        policy().own(&mut odd);
        assert_eq!(odd.data, before);
    }
}
