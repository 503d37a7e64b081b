use rstest::rstest;

use super::*;

#[test]
fn a_spec_survives_reading_and_writing_and_ignores_what_it_does_not_know() {
    let written = serde_json::json!({
        "mounts": [{"mountPoint": "juicefs:///", "name": "demo", "options": {"bucket": "/data"}, "newer": 1,
            "encryptOptions": [{"name": "metaurl", "valueFrom": {"secretKeyRef": {"name": "s", "key": "metaurl"}}}]}],
        "placement": "Shared", "accessModes": ["ReadWriteMany"], "tolerations": [{"operator": "Exists"}], "later": {}
    });
    let spec: DatasetSpec = serde_json::from_value(written).unwrap();
    assert!(spec.is_shared() && !spec.is_read_only());
    let back = serde_json::to_value(&spec).unwrap();
    assert_eq!(
        back,
        serde_json::json!({
            "mounts": [{"mountPoint": "juicefs:///", "name": "demo", "options": {"bucket": "/data"},
                "encryptOptions": [{"name": "metaurl", "valueFrom": {"secretKeyRef": {"name": "s",
                    "key": "metaurl"}}}]}],
            "placement": "Shared", "accessModes": ["ReadWriteMany"], "tolerations": [{"operator": "Exists"}]
        })
    );
}

#[test]
fn conditions_are_written_even_when_there_are_none() {
    assert_eq!(
        serde_json::to_value(DatasetStatus::default()).unwrap(),
        serde_json::json!({"conditions": []})
    );
}

#[test]
fn a_dataset_without_spec_can_be_read() {
    let dataset: Dataset = serde_json::from_value(serde_json::json!({"metadata": {"name": "a"}})).unwrap();
    assert_eq!(dataset.spec, DatasetSpec::default());
    assert!(dataset.spec.is_read_only() && !dataset.spec.is_shared());
}

#[test]
fn an_unknown_phase_is_kept() {
    let status: DatasetStatus =
        serde_json::from_value(serde_json::json!({"phase": "Dreaming", "conditions": []})).unwrap();
    assert_eq!(status.phase, DatasetPhase::Other("Dreaming".to_owned()));
    assert_eq!(serde_json::to_value(&status).unwrap()["phase"], "Dreaming");
}

#[rstest]
#[case(Some("/a/b"), "n", "/a/b")]
#[case(Some("a/b"), "n", "/n")]
#[case(None, "n", "/n")]
#[case(None, "/n", "/n")]
fn the_path_of_a_mount(#[case] path: Option<&str>, #[case] name: &str, #[case] expected: &str) {
    let mount = Mount {
        path: path.map(str::to_owned),
        name: name.to_owned(),
        ..Mount::default()
    };
    assert_eq!(mount.cache_path(), expected);
}
