//! What is refused, and the chart values of operations as files in `golden`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use kube::api::DynamicObject;
use rstest::rstest;
use serde_json::{Value, json};
use wasser_api::operations::OperationKind;

use super::load::Client;
use super::values::{Surroundings, values};
use super::{Operation, Plan, Spec, check, load, process};
use crate::tenant_rules::TenantRules;

fn operation(kind: OperationKind, spec: &Value) -> Operation {
    let object = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": kind.as_str(), "spec": spec,
        "metadata": {"name": "warm", "namespace": "default", "uid": "uid-of-warm"}});
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    Operation::read(kind, Arc::new(object)).unwrap()
}

/// The values of an operation that the host plans.
fn planned(kind: OperationKind, spec: &Value, ran: Option<&Value>) -> Value {
    let operation = operation(kind, spec);
    check(&operation, &TenantRules::default()).unwrap();
    let client = Client {
        app: "juicefs".to_owned(),
        image: "juicedata/mount:ce".to_owned(),
        pull_secrets: vec![json!({"name": "registry"})],
        tolerations: vec![json!({"key": "cache", "operator": "Exists"})],
    };
    let plan = match &operation.spec {
        Spec::Load(spec) => load::plan(spec, &client),
        Spec::Process(spec) => process::plan(spec),
        Spec::Migrate(_) | Spec::Backup(_) => Plan::default(),
    };
    values(&operation, &plan, around(ran))
}

fn around(ran: Option<&Value>) -> Surroundings<'_> {
    Surroundings {
        dataset: "demo",
        dataset_id: "default-demo",
        ran,
    }
}

fn dataset() -> Value {
    json!({"name": "demo", "namespace": "default", "mountPath": "/data"})
}

fn script() -> Value {
    json!({"image": "bash", "imageTag": "5", "command": ["bash"], "source": "echo \"$HOME\" {{ .Values }}\n",
        "env": [{"name": "A", "value": "b"}], "volumes": [{"name": "own", "emptyDir": {}}],
        "volumeMounts": [{"name": "own", "mountPath": "/own"}]})
}

/// The node where the operation before has run.
fn ran() -> Value {
    json!({"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions":
        [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-a"]}]}]}})
}

#[rstest]
#[case::load("load", OperationKind::DataLoad, json!({
    "dataset": {"name": "demo"}, "loadMetadata": true, "target": [{"path": "/a b"}, {"path": "/$(c)"}],
    "options": {"threads": "4"}, "resources": {"limits": {"cpu": "1"}}, "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"operator": "Exists"}], "schedulerName": "own", "podMetadata": {"labels": {"team": "a"}},
    "runAfter": {"kind": "DataLoad", "name": "other", "affinityStrategy": {"policy": "Require"}},
}))]
#[case::script("script", OperationKind::DataProcess, json!({
    "dataset": dataset(), "processor": {"script": script(), "serviceAccountName": "runner",
        "podMetadata": {"annotations": {"note": "x"}}},
}))]
#[case::job("job", OperationKind::DataProcess, json!({
    "dataset": dataset(), "policy": "Cron", "schedule": "0 3 * * *",
    "processor": {"job": {"podSpec": {"restartPolicy": "OnFailure", "initContainers": [{"name": "i", "image": "i"}],
        "resourceClaims": [{"name": "gpu", "source": {"resourceClaimTemplateName": "t"}}],
        "containers": [{"name": "c", "image": "c"}]}}},
}))]
fn the_values_are_those_of_the_file(#[case] name: &str, #[case] kind: OperationKind, #[case] spec: Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/operations/golden/{name}.yaml"));
    let mut values = planned(kind, &spec, Some(&ran()));
    if name == "load" {
        // The script has a file of its own.
        values["scripts"]["data"] = json!(BTreeMap::from([("dataloader.distributedLoad", "load.sh")]));
    }
    let text = yaml_serde::to_string(&values).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{}", path.display());
}

#[rstest]
#[case::job(json!({"job": {"podSpec": {"containers": [{"name": "c", "image": "c"}]}}}))]
#[case::script(json!({"script": script()}))]
fn a_program_without_a_path_runs_without_the_data(#[case] processor: Value) {
    let spec = json!({"dataset": {"name": "demo", "mountPath": ""}, "processor": processor});
    let template = planned(OperationKind::DataProcess, &spec, None)["job"]["spec"]["template"].clone();
    assert!(!template.to_string().contains("fluid-dataset-vol"), "{template}");
}

#[test]
fn a_plan_for_several_nodes_runs_one_pod_on_each() {
    let operation = operation(OperationKind::DataLoad, &json!({"dataset": {"name": "demo"}}));
    let plan = Plan {
        nodes: vec!["a".to_owned(), "b".to_owned()],
        pod_spec: json!({"restartPolicy": "Never", "containers": [{"name": "c"}]}),
        ..Plan::default()
    };
    let spec = values(&operation, &plan, around(None))["job"]["spec"].clone();
    assert_eq!((&spec["completions"], &spec["parallelism"]), (&json!(2), &json!(2)));
    // Each has its own attempts: one that never succeeds neither ends the others nor takes theirs.
    assert_eq!(
        (&spec["completionMode"], &spec["backoffLimitPerIndex"]),
        (&json!("Indexed"), &json!(3))
    );
    assert_eq!(spec.get("backoffLimit"), None);
    let affinity = &spec["template"]["spec"]["affinity"];
    let apart = &affinity["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0];
    assert_eq!(apart["labelSelector"]["matchLabels"]["release"], "warm-loader");
    assert_eq!(spec["template"]["metadata"]["labels"]["release"], "warm-loader");
}

#[rstest]
#[case::one("warm", "Never", 1, json!({}), Some(3))]
#[case::several("warm", "Never", 200, json!({}), None)]
#[case::no_name_of_a_host("warm.2026", "Never", 4, json!({}), Some(12))]
#[case::many_restarted_in_place("warm", "OnFailure", 200, json!({}), Some(18))]
#[case::schedule("warm", "Never", 200, json!({"policy": "Cron", "schedule": "@daily"}), None)]
#[case::schedule_with_a_long_name(
    "a-name-of-thirty-nine-characters-at-all", "Never", 20, json!({"policy": "Cron", "schedule": "@daily"}), Some(18)
)]
fn one_node_cannot_hold_a_job_for_days(
    #[case] name: &str,
    #[case] restarts: &str,
    #[case] nodes: usize,
    #[case] more: Value,
    #[case] together: Option<u64>,
) {
    let mut spec = json!({"dataset": {"name": "demo"}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut operation = operation(OperationKind::DataLoad, &spec);
    operation.name = name.to_owned();
    let plan = Plan {
        nodes: (0..nodes).map(|number| format!("node-{number}")).collect(),
        pod_spec: json!({"restartPolicy": restarts, "containers": [{"name": "c"}]}),
        ..Plan::default()
    };
    let spec = values(&operation, &plan, around(None))["job"]["spec"].clone();
    assert_eq!(spec["completions"], nodes);
    assert_eq!(spec["backoffLimit"].as_u64(), together);
    assert_eq!(spec["backoffLimitPerIndex"].as_u64(), together.is_none().then_some(3));
}

#[rstest]
#[case::dots(OperationKind::DataLoad, json!({"dataset": {"name": "d"}, "target": [{"path": "/a/../../b"}]}),
    "DataLoad.spec.target[0].path: leads out")]
#[case::unnamed(OperationKind::DataLoad, json!({}), "DataLoad.spec.dataset.name: is missing")]
#[case::two(OperationKind::DataProcess, json!({"dataset": dataset(), "processor": {"script": script(), "job": {}}}),
    "has both")]
#[case::taken(OperationKind::DataProcess, json!({"dataset": {"name": "d", "mountPath": "/own"},
    "processor": {"script": script()}}), "mounted at /own as well")]
#[case::ends(OperationKind::DataMigrate, json!({"from": {}, "to": {"dataset": dataset()}}), "DataMigrate.spec.from")]
#[case::outside(OperationKind::DataMigrate, json!({"from": {"externalStorage": {"uri": "s3://a"}},
    "to": {"externalStorage": {"uri": "s3://b"}}}), "neither `from` nor `to` is a Dataset")]
fn what_cannot_work_is_refused_with_its_field(#[case] kind: OperationKind, #[case] spec: Value, #[case] words: &str) {
    let refused = check(&operation(kind, &spec), &TenantRules::default()).unwrap_err();
    assert!(refused.to_string().contains(words), "{refused}");
}

#[test]
fn a_backup_reaches_a_directory_of_a_node_only_where_the_installation_lets_it() {
    let backup = |path: &str| operation(OperationKind::DataBackup, &json!({"dataset": "d", "backupPath": path}));
    let strict = TenantRules {
        host_paths: false,
        ..TenantRules::default()
    };
    let refused = check(&backup("local:///backup"), &strict).unwrap_err().to_string();
    assert!(
        refused.contains("DataBackup.spec.backupPath") && refused.contains("datasetHostPaths"),
        "{refused}"
    );
    check(&backup("pvc://claim/backup"), &strict).unwrap();
    check(&backup("local:///backup"), &TenantRules::default()).unwrap();
}

#[test]
fn a_spec_that_cannot_be_read_is_refused_with_its_field() {
    let object = json!({"metadata": {"name": "warm"}, "spec": {"target": "everything"}});
    let refused = Operation::read(
        OperationKind::DataLoad,
        Arc::new(serde_json::from_value(object).unwrap()),
    );
    let refused = refused.unwrap_err().to_string();
    assert!(refused.starts_with("DataLoad.spec.target: "), "{refused}");
}
