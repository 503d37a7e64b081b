//! The CRDs of ThinRuntime and ThinRuntimeProfile: what they say, and that the committed files are what the types generate.
#![cfg(feature = "crd")]

use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use wasser_api::crd::{differences, file_name, structural, to_yaml};
use wasser_thin::spec::{ThinRuntime, ThinRuntimeProfile};

const COMMAND: &str = "cargo run --package wasser-thin --features crd --example crd";

fn crds() -> [(CustomResourceDefinition, &'static str); 2] {
    [
        (structural(ThinRuntime::crd()), include_str!("runtime.tsv")),
        (structural(ThinRuntimeProfile::crd()), include_str!("profile.tsv")),
    ]
}

#[test]
fn the_kinds_have_every_field_of_the_api_and_no_other() {
    for (crd, table) in crds() {
        assert_eq!(differences(&crd, table), Vec::<String>::new());
    }
}

#[test]
fn the_committed_files_are_what_the_types_generate() {
    for (crd, _) in crds() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds").join(file_name(&crd));
        let text = to_yaml(&crd, COMMAND).unwrap();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{} is outdated; set UPDATE=1 and test again: {COMMAND} prints it",
            path.display()
        );
    }
}
