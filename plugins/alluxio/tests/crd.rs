//! The CRD of AlluxioRuntime: what it says, and that the committed file is what the types generate.
#![cfg(feature = "crd")]

use std::path::Path;

use kube::CustomResourceExt;
use wasser_alluxio::spec::AlluxioRuntime;
use wasser_api::crd::{differences, file_name, structural, to_yaml};

const COMMAND: &str = "cargo run --package wasser-alluxio --features crd --example crd";

#[test]
fn the_runtime_has_every_field_of_the_api_and_no_other() {
    assert_eq!(
        differences(&structural(AlluxioRuntime::crd()), include_str!("fields.tsv")),
        Vec::<String>::new()
    );
}

#[test]
fn the_committed_file_is_what_the_types_generate() {
    let crd = structural(AlluxioRuntime::crd());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds").join(file_name(&crd));
    let text = to_yaml(&crd, COMMAND).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is outdated; set UPDATE=1 and test again, or run: {COMMAND} > {}",
        path.display(),
        path.display()
    );
}

#[test]
fn the_crd_is_small_enough_to_travel_in_a_config_map_with_its_component() {
    let json = serde_json::to_vec(&structural(AlluxioRuntime::crd())).unwrap();
    assert!(
        json.len() < 256 * 1024,
        "the CRD takes {} bytes; cut the schemas of pod-spec pieces",
        json.len()
    );
}
