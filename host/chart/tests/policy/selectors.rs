//! Which pods workloads may select.

use rstest::rstest;

use super::*;

/// A workload with this selector.
fn selecting(version: &str, kind: &str, selector: &str) -> DynamicObject {
    object(&format!(
        "{{apiVersion: {version}, kind: {kind}, metadata: {{name: w}}, spec: {{manualSelector: true, \
         selector: {selector}, template: {{spec: {{containers: []}}}}}}}}"
    ))
}

fn granted() -> Policy {
    let mut policy = policy();
    let more = ["Deployment", "ReplicaSet", "ReplicationController"];
    policy.kinds.extend(more.map(str::to_owned));
    policy
}

/// Charts of Fluid are among them: masters have no label `release`.
#[rstest]
#[case::release(
    "apps/v1",
    "StatefulSet",
    "{matchLabels: {app: alluxio, release: demo, role: alluxio-worker}}"
)]
#[case::master("apps/v1", "StatefulSet", "{matchLabels: {app: jindofs, name: demo-jindofs-master}}")]
#[case::component(
    "apps/v1",
    "DaemonSet",
    "{matchLabels: {cacheruntime.fluid.io/component-name: demo-client}}"
)]
#[case::behind("apps/v1", "Deployment", "{matchLabels: {app: example-demo}}")]
#[case::between("apps/v1", "ReplicaSet", "{matchLabels: {app: default-demo-worker}}")]
#[case::label_of_the_host("apps/v1", "StatefulSet", "{matchLabels: {fluid.io/dataset-id: ns-demo}}")]
#[case::narrowed(
    "apps/v1",
    "DaemonSet",
    "{matchLabels: {release: demo}, matchExpressions: [{key: app, operator: Exists}]}"
)]
#[case::plain("v1", "ReplicationController", "{release: demo}")]
#[case::custom("example.com/v1", "Cache", "{matchLabels: {release: demo}}")]
#[case::made_by_the_api_server("batch/v1", "Job", "null")]
fn a_workload_selects_by_the_name_of_its_runtime(#[case] version: &str, #[case] kind: &str, #[case] selector: &str) {
    granted().admit(&[selecting(version, kind, selector)]).unwrap();
}

#[rstest]
#[case::word("apps/v1", "StatefulSet", "{matchLabels: {app: web}}")]
#[case::only_the_key("apps/v1", "DaemonSet", "{matchLabels: {demo: 'true'}}")]
#[case::longer_name("apps/v1", "Deployment", "{matchLabels: {app: demonstration}}")]
#[case::shorter_behind("apps/v1", "ReplicaSet", "{matchLabels: {app: mydemo}}")]
#[case::another_dataset("apps/v1", "StatefulSet", "{matchLabels: {fluid.io/dataset-id: ns-other}}")]
#[case::everything("apps/v1", "StatefulSet", "{}")]
#[case::without(
    "apps/v1",
    "DaemonSet",
    "{matchExpressions: [{key: fluid.io/dataset-id, operator: DoesNotExist}]}"
)]
#[case::other_than(
    "apps/v1",
    "DaemonSet",
    "{matchExpressions: [{key: release, operator: NotIn, values: [demo]}]}"
)]
#[case::plain("v1", "ReplicationController", "{app: web}")]
#[case::no_field_of_a_controller("v1", "ReplicationController", "{matchLabels: {release: demo}}")]
#[case::of_a_job("batch/v1", "Job", "{matchLabels: {app: web}}")]
#[case::custom("example.com/v1", "Cache", "{matchLabels: {app: web}}")]
fn a_selector_that_reaches_pods_of_others_is_refused(
    #[case] version: &str,
    #[case] kind: &str,
    #[case] selector: &str,
) {
    let objects = [selecting(version, kind, selector)];
    for powers in [Powers::default(), privileged().powers] {
        let message = refusal(&Policy { powers, ..granted() }, &objects);
        assert!(
            message.starts_with(&format!("{kind} w selects pods by `{{"))
                && message.ends_with("select by a label with the name of the release, such as `release`"),
            "{message}"
        );
    }
}

/// As it is in the cluster; the API server refuses others.
#[test]
fn the_selector_that_a_job_gets_is_not_looked_at() {
    let job = object(
        "{apiVersion: batch/v1, kind: Job, metadata: {name: w}, spec: {selector: {matchLabels: \
         {batch.kubernetes.io/controller-uid: u}}, template: {spec: {containers: []}}}}",
    );
    granted().admit(&[job]).unwrap();
}

/// Services and what watches pods take nothing over.
#[test]
fn only_what_makes_pods_is_looked_at() {
    let service = object("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {selector: {app: web}}}");
    let monitor = object("{apiVersion: example.com/v1, kind: Cache, metadata: {name: a}, spec: {selector: {}}}");
    policy().admit(&[service, monitor]).unwrap();
}
