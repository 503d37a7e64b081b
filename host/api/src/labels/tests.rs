use proptest::prelude::*;
use rstest::rstest;

use super::*;

const UID: &str = "8b1f0a2e-9f0c-4a57-9d1c-2f3b5c7d9e11";

#[test]
fn keys_of_a_dataset() {
    assert_eq!(dataset_id("default", "demo", UID), "default-demo");
    assert_eq!(exclusive_value("default", "demo", UID), "default_demo");
    assert_eq!(common_label("default", "demo", UID), "fluid.io/s-default-demo");
    assert_eq!(
        runtime_label("juicefs", "default", "demo", UID),
        "fluid.io/s-juicefs-default-demo"
    );
    assert_eq!(
        storage_label("juicefs", Storage::Memory, "default", "demo", UID),
        "fluid.io/s-h-juicefs-m-default-demo"
    );
    assert_eq!(
        storage_label("juicefs", Storage::Disk, "default", "demo", UID),
        "fluid.io/s-h-juicefs-d-default-demo"
    );
    assert_eq!(
        storage_label("juicefs", Storage::Total, "default", "demo", UID),
        "fluid.io/s-h-juicefs-t-default-demo"
    );
    assert_eq!(fuse_label("default", "demo", UID), "fluid.io/f-default-demo");
    assert_eq!(
        worker_selector("juicefs", "demo"),
        "app=juicefs,release=demo,role=juicefs-worker"
    );
}

#[rstest]
#[case(62, false)]
#[case(63, true)]
fn the_uid_stands_in_from_63_characters_on(#[case] length: usize, #[case] uid: bool) {
    let name = "n".repeat(length - "ns-".len());
    assert_eq!(dataset_id("ns", &name, UID) == UID, uid);
    assert_eq!(exclusive_value("ns", &name, UID) == UID, uid);
    let name = "n".repeat(length - "fluid.io/f-ns-".len());
    assert_eq!(fuse_label("ns", &name, UID) == format!("fluid.io/f-{UID}"), uid);
}

#[test]
fn the_known_ambiguity_is_fluids_and_ends_where_underscores_are_used() {
    assert_eq!(common_label("a-b", "c", UID), common_label("a", "b-c", UID));
    assert_ne!(exclusive_value("a-b", "c", UID), exclusive_value("a", "b-c", UID));
}

#[rstest]
#[case("fluid.io/s-h-juicefs-t-ns-a", true)]
#[case("fluid.io/s-h-juicefs-m-ns-a", false)]
#[case("fluid.io/s-h-juicefs-t-", false)]
#[case("fluid.io/s-h--t-ns-a", false)]
#[case("fluid.io/s-juicefs-ns-a", false)]
#[case("fluid.io/s-t-t", false)]
fn total_storage_labels_are_recognised(#[case] key: &str, #[case] expected: bool) {
    assert_eq!(is_total_storage_label(key), expected);
}

fn label() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
}

/// The characters that a label's name part or value may have, and where.
fn is_label_text(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

proptest! {
    #[test]
    fn every_key_and_value_is_one_that_kubernetes_accepts(namespace in label(), name in label(),
        engine in "[a-z][a-z0-9]{0,15}") {
        let mut keys = vec![common_label(&namespace, &name, UID), runtime_label(&engine, &namespace, &name, UID),
            fuse_label(&namespace, &name, UID)];
        for storage in [Storage::Memory, Storage::Disk, Storage::Total] {
            keys.push(storage_label(&engine, storage, &namespace, &name, UID));
        }
        prop_assert!(is_total_storage_label(&keys[5]) && !is_total_storage_label(&keys[4]));
        for key in keys {
            let part = key.strip_prefix("fluid.io/").unwrap();
            prop_assert!(is_label_text(part), "{} is not a label name", part);
        }
        prop_assert!(is_label_text(&dataset_id(&namespace, &name, UID)));
        prop_assert!(is_label_text(&exclusive_value(&namespace, &name, UID)));
    }

    #[test]
    fn two_datasets_of_one_namespace_never_share_a_label(namespace in label(), a in label(), b in label()) {
        prop_assume!(a != b);
        let (uid_a, uid_b) = ("8b1f0a2e-9f0c-4a57-9d1c-2f3b5c7d9e11", "0c5d3f7a-1b2c-4d3e-8f90-a1b2c3d4e5f6");
        prop_assert_ne!(common_label(&namespace, &a, uid_a), common_label(&namespace, &b, uid_b));
        prop_assert_ne!(fuse_label(&namespace, &a, uid_a), fuse_label(&namespace, &b, uid_b));
        prop_assert_ne!(dataset_id(&namespace, &a, uid_a), dataset_id(&namespace, &b, uid_b));
    }

    #[test]
    fn exclusive_values_are_never_shared(ns_a in label(), a in label(), ns_b in label(), b in label()) {
        prop_assume!((&ns_a, &a) != (&ns_b, &b));
        let (uid_a, uid_b) = ("8b1f0a2e-9f0c-4a57-9d1c-2f3b5c7d9e11", "0c5d3f7a-1b2c-4d3e-8f90-a1b2c3d4e5f6");
        prop_assert_ne!(exclusive_value(&ns_a, &a, uid_a), exclusive_value(&ns_b, &b, uid_b));
    }
}

#[rstest]
#[case("", Some(false))]
#[case("False", Some(false))]
#[case("T", Some(true))]
#[case("1", Some(true))]
#[case("yes", None)]
fn a_text_says_yes_or_no(#[case] text: &str, #[case] truth: Option<bool>) {
    assert_eq!(super::truth(text), truth);
}
