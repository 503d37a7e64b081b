//! What data operations run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::KIT;
use wasser_sdk::{Error, Result};

/// The place of the class among the documents of the case.
const CLASS: usize = 2;

fn plan(documents: &[Value]) -> Result<Value> {
    KIT.plan(documents, &wasser_testkit::host(documents))
}

/// An operation of this kind and spec.
fn with(kind: &str, spec: &Value) -> Vec<Value> {
    KIT.operation_with("load", kind, spec)
}

fn load() -> Vec<Value> {
    with("DataLoad", &json!({"dataset": {"name": "curvine"}}))
}

#[test]
fn the_examples_of_the_guide_have_plans() {
    KIT.expect_guide(&["DataLoad"], |kind, spec| plan(&with(kind, spec)));
}

#[test]
fn plans_are_as_expected() {
    KIT.expect_plans(&[], plan);
}

#[rstest]
#[case::colon(json!([{"path": "/a:b"}]), "DataLoad.spec.target[0].path: has a colon")]
#[case::upwards(json!([{"path": "/a"}, {"path": "/a/../b"}]), "DataLoad.spec.target[1].path: ")]
#[case::line(json!([{"path": "/a\nb"}]), "DataLoad.spec.target[0].path: ")]
#[case::replicas(json!([{"path": "/a", "replicas": 0}]), "DataLoad.spec.target[0].replicas: is less than 1")]
fn a_target_that_cannot_be_in_a_list_is_refused(#[case] target: Value, #[case] words: &str) {
    let spec = json!({"dataset": {"name": "curvine"}, "target": target});
    let refused = plan(&with("DataLoad", &spec)).unwrap_err();
    assert!(refused.to_string().starts_with(words), "{refused}");
}

#[rstest]
#[case::nothing_to_run(json!([{"name": "DataLoad"}]), "CacheRuntimeClass curvine.dataOperationSpecs[0]: needs a command")]
#[case::image(json!([{"name": "DataLoad", "command": ["a"], "image": "a b"}]),
    "CacheRuntimeClass curvine.dataOperationSpecs[0].image: `a b` is not")]
fn a_class_that_cannot_load_is_refused(#[case] specs: Value, #[case] words: &str) {
    let mut documents = load();
    documents[CLASS]["dataOperationSpecs"] = specs;
    let refused = plan(&documents).unwrap_err();
    assert!(refused.to_string().starts_with(words), "{refused}");
}

#[test]
fn an_image_is_needed_where_there_are_no_workers() {
    let mut documents = load();
    documents[CLASS]["topology"] = json!({"client": support::component("client")});
    let refused = plan(&documents).unwrap_err();
    assert!(
        refused.to_string().contains("there are no workers; name an image"),
        "{refused}"
    );
    documents[CLASS]["dataOperationSpecs"][1]["image"] = "example/loader".into();
    let made = plan(&documents).unwrap();
    assert_eq!(made["podSpec"]["containers"][0]["image"], "example/loader");
}

#[test]
fn what_the_class_does_not_bring_is_left_to_the_host() {
    let mut documents = load();
    documents[CLASS]["dataOperationSpecs"] = json!([{"name": "DataBackup", "command": ["a"]}]);
    assert_eq!(plan(&documents), Err(Error::NotSupported));
    let backup = with("DataBackup", &json!({"dataset": "curvine", "backupPath": "pvc://a"}));
    assert_eq!(plan(&backup), Err(Error::NotSupported));
}
