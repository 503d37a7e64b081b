//! Records and manifests, without a cluster.

use kube::core::Status as Answer;
use serde_json::{Value, json};

use super::entry::{Driver, Entry};
use super::error::{ReleaseError, Taken};
use super::record::{self, Author, Info, Written};
use super::reference::{self, Reference};
use super::release::Release;
use super::status::Status;

/// What `helm install` (3.18.6) wrote for the chart that `tests/releases.rs` uses, with the option
/// `--set nested.list={1,a}`.
const OF_HELM: &str = include_str!("../../tests/fixtures/helm-record.txt");

pub(super) fn entry(text: &str) -> Entry {
    Entry {
        driver: Driver::Secret,
        object: "sh.helm.release.v1.demo.v3".to_owned(),
        revision: 3,
        status: String::new(),
        uid: None,
        version: None,
        owners: Vec::new(),
        note: None,
        left: None,
        signature: None,
        text: Some(text.as_bytes().to_vec()),
    }
}

fn references(manifest: &str) -> Vec<Reference> {
    reference::parse(manifest).unwrap()
}

#[test]
fn a_record_of_helm_is_read() {
    let release = Release::read(&entry(OF_HELM.trim()), Author::Other, "ns").unwrap();
    assert_eq!((release.revision, release.status), (3, Status::Deployed));
    assert_eq!(
        (release.chart.as_str(), release.chart_version.as_str()),
        ("demo", "0.1.0")
    );
    assert_eq!(release.values(), &json!({"nested": {"list": [1, "a"]}}));
    assert!(
        release.manifest.starts_with("---\n# Source: demo/templates/"),
        "{}",
        release.manifest
    );
    assert_eq!(
        release.objects(),
        [
            ("ConfigMap", "always"),
            ("ConfigMap", "extra"),
            ("StatefulSet", "worker")
        ]
    );
}

#[test]
fn superseding_a_record_of_helm_changes_its_status_alone() {
    let mut before: Value = record::decode(OF_HELM.trim().as_bytes(), Author::Other).unwrap();
    let after: Value = record::decode(
        record::restate(OF_HELM.trim().as_bytes(), Author::Other, Status::Superseded)
            .unwrap()
            .as_bytes(),
        Author::Other,
    )
    .unwrap();
    assert_eq!(after["info"]["status"], "superseded");
    before["info"]["status"] = json!("superseded");
    assert_eq!(after, before);
}

#[test]
fn a_record_has_helms_fields() {
    let of_helm: Value = record::decode(OF_HELM.trim().as_bytes(), Author::Other).unwrap();
    let written = Written {
        name: "demo",
        info: Info {
            status: Status::Deployed,
            ..Info::default()
        },
        chart: &of_helm["chart"],
        config: &of_helm["config"],
        manifest: "m",
        hooks: &[],
        version: 1,
        namespace: "ns",
        plugin: None,
    };
    let own: Value = record::decode(record::encode(&written).unwrap().as_bytes(), Author::Own).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    // Helm leaves empty hooks out.
    assert_eq!(
        keys(&own).into_iter().filter(|key| key != "hooks").collect::<Vec<_>>(),
        keys(&of_helm)
    );
    assert_eq!(keys(&own["info"]), keys(&of_helm["info"]));
    assert_eq!(
        own["info"]["deleted"], of_helm["info"]["deleted"],
        "never is an empty text"
    );
}

#[test]
fn damaged_records_are_named_with_the_remedy() {
    for (text, words) in [("?", "not base64"), ("e30x", "not the JSON"), ("H4sIAAAA", "not gzip")] {
        let message = Release::read(&entry(text), Author::Other, "ns")
            .unwrap_err()
            .to_string();
        assert!(
            message.starts_with("Secret ns/sh.helm.release.v1.demo.v3: "),
            "{message}"
        );
        assert!(message.contains(words) && message.contains("delete it"), "{message}");
    }
}

#[test]
fn early_records_are_not_compressed() {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD
        .encode(r#"{"info": {"status": "failed"}, "hooks": null, "chart": {"metadata": {}}}"#);
    assert_eq!(
        Release::read(&entry(&text), Author::Other, "ns").unwrap().status,
        Status::Failed
    );
}

#[test]
fn states_have_helms_words() {
    for status in [
        Status::Deployed,
        Status::Superseded,
        Status::Failed,
        Status::Uninstalling,
        Status::Uninstalled,
        Status::PendingInstall,
        Status::PendingUpgrade,
        Status::PendingRollback,
        Status::Unknown,
    ] {
        assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        assert_eq!(
            serde_json::from_value::<Status>(json!(status.as_str())).unwrap(),
            status
        );
    }
    assert_eq!(
        serde_json::from_value::<Status>(json!("of-helm-9")).unwrap(),
        Status::Unknown
    );
}

#[test]
fn manifests_are_read_with_lists_comments_and_strange_specs() {
    let found = references(
        "# nothing\n---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: \
            a, namespace: n}}\n---\n\
         apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: b}\nspec: {replicas: 2}\n---\n\
         apiVersion: example.com/v1\nkind: Odd\nmetadata: {name: c}\nspec: [1]\n",
    );
    let found_in: Vec<_> = found
        .iter()
        .map(|object| (object.key(), object.namespace.as_deref(), object.replicas))
        .collect();
    assert_eq!(
        found_in,
        [
            (("", "Secret", "a"), Some("n"), None),
            (("apps", "StatefulSet", "b"), None, Some(2)),
            (("example.com", "Odd", "c"), None, None),
        ]
    );
    assert!(reference::parse("a: [").is_err());
}

#[test]
fn what_was_dropped_is_told_by_group_kind_and_name() {
    let object = |api_version: &str, kind: &str, name: &str| {
        format!("---\napiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}}}\n")
    };
    let before = references(
        &[
            object("batch/v1beta1", "CronJob", "a"),
            object("v1", "ConfigMap", "a"),
            object("v1", "ConfigMap", "b"),
        ]
        .concat(),
    );
    let after = references(
        &[
            object("batch/v1", "CronJob", "a"),
            object("v1", "ConfigMap", "b"),
            object("v1", "ConfigMap", "c"),
        ]
        .concat(),
    );
    let dropped: Vec<_> = reference::dropped(&before, &after)
        .into_iter()
        .map(Reference::key)
        .collect();
    assert_eq!(dropped, [("", "ConfigMap", "a")]);
}

#[test]
fn what_pods_need_comes_before_them() {
    let order = [
        ("", "ServiceAccount"),
        ("rbac.authorization.k8s.io", "RoleBinding"),
        ("apps", "StatefulSet"),
        ("apps", "DaemonSet"),
        ("autoscaling", "HorizontalPodAutoscaler"),
    ];
    let phases = order.map(|(group, kind)| reference::phase(group, kind));
    assert!(phases.is_sorted_by(|a, b| a < b), "{phases:?}");
    assert_eq!(
        reference::phase("", "ConfigMap"),
        reference::phase("rbac.authorization.k8s.io", "Role")
    );
}

#[test]
fn answers_of_the_api_server_are_told_apart() {
    let error = |code, message: &str| {
        let answer = Answer {
            code,
            message: message.to_owned(),
            ..Answer::default()
        };
        let set = &references("{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: w}}")[0];
        ReleaseError::write(set, "ns", kube::Error::Api(Box::new(answer)))
    };
    let fixed = "StatefulSet.apps \"w\" is invalid: spec: Forbidden: updates to statefulset spec for fields other \
        than 'replicas' are forbidden";
    assert!(matches!(error(422, fixed), ReleaseError::Immutable { .. }));
    assert!(matches!(
        error(422, "spec.selector: Invalid value: field is immutable"),
        ReleaseError::Immutable { .. }
    ));
    assert!(matches!(
        error(422, "spec.template: Required value"),
        ReleaseError::Invalid { .. }
    ));
    assert!(error(400, "strict decoding error").is_refusal());
    let long = error(422, &format!("immutable {}", "x".repeat(200_000))).to_string();
    assert!(long.len() < 1000 && long.ends_with("when it is deleted"), "{long}");
    assert!(
        !error(409, "conflict").is_refusal() && !error(403, "quota").is_refusal() && !error(500, "etcd").is_refusal()
    );
    assert!(error(403, "quota").is_denied() && !error(500, "etcd").is_denied());
}

#[rstest::rstest]
#[case::invalid(422, "spec.template: Required value", "apps", true)]
#[case::denied(403, "denied by the policy", "apps", true)]
#[case::unasked(400, "admission webhook \"a\" does not support dry run", "apps", false)]
#[case::roles(403, "attempting to grant RBAC permissions", "rbac.authorization.k8s.io", false)]
#[case::overtaken(409, "conflict", "apps", false)]
#[case::outage(503, "down", "apps", false)]
fn only_what_would_be_refused_again_stops_an_upgrade_before_it_begins(
    #[case] code: u16,
    #[case] message: &str,
    #[case] group: &str,
    #[case] expected: bool,
) {
    let answer = Answer {
        code,
        message: message.to_owned(),
        ..Answer::default()
    };
    let text = format!("{{apiVersion: {group}/v1, kind: Some, metadata: {{name: w}}}}");
    let error = kube::Error::Api(Box::new(answer));
    assert_eq!(super::error::would_refuse(&references(&text)[0], &error), expected);
}

#[test]
fn an_object_of_another_uid_is_not_the_one_that_was_looked_at() {
    let error = |code: u16, field: &str| {
        let answer = json!({"status": "Failure", "code": code, "message": "field is immutable", "reason": "Invalid",
            "details": {"causes": [{"reason": "FieldValueInvalid", "message": "field is immutable", "field": field}]}});
        kube::Error::Api(Box::new(serde_json::from_value(answer).unwrap()))
    };
    assert!(super::error::is_outdated(&error(422, "metadata.uid")) && super::error::is_outdated(&error(409, "")));
    assert!(!super::error::is_outdated(&error(422, "spec.selector")));
}

#[test]
fn objects_that_are_in_the_way_are_listed_as_far_as_they_fit() {
    let manifest: String = (0..40)
        .map(|number| {
            format!("---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a-map-with-a-name-{number}}}}}\n")
        })
        .collect();
    let taken = |count: usize| {
        let found = references(&manifest);
        let objects = found
            .iter()
            .take(count)
            .map(|reference| Taken::new(reference, "ns", Some("of Deployment shop".to_owned())));
        ReleaseError::Taken {
            objects: objects.collect(),
        }
        .to_string()
    };
    let one = taken(1);
    assert!(
        one.starts_with(
            "ConfigMap ns/a-map-with-a-name-0 (of Deployment shop) exists already and is not this runtime's; delete"
        ),
        "{one}"
    );
    let all = taken(40);
    assert!(
        all.len() < 1000 && all.contains(" more exist already and are not this runtime's; "),
        "{all}"
    );
}

#[test]
fn what_is_in_the_way_is_known() {
    let set = &references("{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: w}}")[0];
    let kube = |code| {
        kube::Error::Api(Box::new(
            serde_json::from_value(json!({"code": code, "message": "field is immutable"})).unwrap(),
        ))
    };
    let objects = vec![Taken::new(set, "ns", None)];
    let foreign = ReleaseError::Foreign {
        namespace: "ns".to_owned(),
        name: "demo".to_owned(),
        chart: "mysql".to_owned(),
        record: entry("").reference().into(),
    };
    let record = Reference::of_core("Secret", "sh.helm.release.v1.demo.v3");
    for (error, obstacle) in [
        (ReleaseError::Taken { objects }, Some((set, true))),
        (ReleaseError::write(set, "ns", kube(422)), Some((set, false))),
        (foreign, Some((&record, false))),
        (ReleaseError::write(set, "ns", kube(500)), None),
    ] {
        let obstacles = error.obstacles();
        let found = obstacles
            .first()
            .map(|obstacle| (&obstacle.reference, obstacle.until_owned));
        assert_eq!(
            (found, obstacles.len()),
            (obstacle, usize::from(obstacle.is_some())),
            "{error}"
        );
    }
}

#[test]
fn a_release_has_a_name_that_helm_allows() {
    let check = |length: usize| {
        crate::ReleaseMeta {
            name: "a".repeat(length),
            namespace: "ns".to_owned(),
            revision: 1,
            is_upgrade: false,
        }
        .check()
    };
    assert!(check(53).is_ok());
    let refused = check(54).unwrap_err();
    assert!(
        refused.is_refusal() && refused.to_string().contains("it has 54 characters, and 53 are allowed"),
        "{refused}"
    );
}
