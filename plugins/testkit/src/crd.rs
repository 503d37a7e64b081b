//! The CRD of a kind: what it says, and that the committed file is what the types generate.

use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use wasser_api::crd::{differences, example_command, file_name, structural, to_yaml};

/// Checks that the kind has every field of the table and no other.
pub fn expect_fields(crd: CustomResourceDefinition, table: &str) {
    assert_eq!(differences(&structural(crd), table), Vec::<String>::new());
}

/// Checks that the file in `crds` is what the example `crd` of the package prints. With UPDATE=1,
/// writes it.
pub fn expect_committed(crd: CustomResourceDefinition, package: &str) {
    let crd = structural(crd);
    let command = example_command(package);
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../crds")
        .join(file_name(&crd));
    let text = to_yaml(&crd, &command).unwrap();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == text,
        "{} is outdated; set UPDATE=1 and test again: {command} prints it",
        path.display()
    );
}

/// Checks that the CRD is small enough to travel in a ConfigMap with its component.
pub fn expect_small(crd: CustomResourceDefinition) {
    let json = serde_json::to_vec(&structural(crd)).unwrap();
    assert!(
        json.len() < 256 * 1024,
        "the CRD takes {} bytes; cut the schemas of pod-spec pieces",
        json.len()
    );
}
