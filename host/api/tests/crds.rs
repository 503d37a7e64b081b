//! The CRDs of the host's own kinds: what they say, and that the committed files are what the types
//! generate.
#![cfg(feature = "schema")]

use std::path::{Path, PathBuf};

use wasser_api::crd::{differences, file_name, to_yaml};

const COMMAND: &str = "UPDATE=1 cargo test --package wasser-api --test crds";

fn crds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds")
}

#[test]
fn the_kinds_have_every_field_of_the_api_and_no_other() {
    let tables = [
        ("Dataset", include_str!("fields/dataset.tsv")),
        ("DataLoad", include_str!("fields/dataload.tsv")),
        ("DataMigrate", include_str!("fields/datamigrate.tsv")),
        ("DataBackup", include_str!("fields/databackup.tsv")),
        ("DataProcess", include_str!("fields/dataprocess.tsv")),
    ];
    let found: Vec<(String, Vec<String>)> = wasser_api::crds()
        .iter()
        .map(|crd| {
            let (_, table) = tables.iter().find(|(known, _)| *known == crd.spec.names.kind).unwrap();
            (crd.spec.names.kind.clone(), differences(crd, table))
        })
        .filter(|(_, differences)| !differences.is_empty())
        .collect();
    assert_eq!(found, []);
}

#[test]
fn the_committed_files_are_what_the_types_generate() {
    for crd in wasser_api::crds() {
        let path = crds().join(file_name(&crd));
        let text = to_yaml(&crd, COMMAND).unwrap();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == text, "{} is outdated; run: {COMMAND}", path.display());
    }
}

#[test]
fn the_guide_for_contributors_says_of_every_file_how_it_is_made() {
    let guide = std::fs::read_to_string(crds().join("../CONTRIBUTING.md")).unwrap();
    for file in std::fs::read_dir(crds()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let short = name.replace("data.fluid.io", "…");
        let named = [format!("`crds/{name}`"), format!("`{short}`")];
        assert!(
            named.iter().any(|named| guide.contains(named)),
            "CONTRIBUTING.md does not name {name}"
        );
    }
}
