//! Changes of a spec whose release is installed already.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::{synced, values};
use wasser_testkit::refusal;

const ADDRESSES: &str = "/properties/alluxio.master.embedded.journal.addresses";

fn documents(runtime: Value) -> Vec<Value> {
    let mounts = json!({"mounts": [{"mountPoint": "s3://bucket", "name": "bucket"}]});
    support::KIT.pair(mounts, runtime)
}

fn masters(count: u32, runtime: Value) -> Vec<Value> {
    let mut documents = documents(runtime);
    documents[1]["spec"]["master"]["replicas"] = count.into();
    documents
}

/// More or fewer masters would have a majority that knows nothing, or none.
#[rstest]
#[case::more(1, 3)]
#[case::fewer(3, 1)]
#[case::from_three(3, 5)]
fn another_number_of_masters_is_refused(#[case] before: u32, #[case] after: u32) {
    let installed = values(&masters(before, json!({}))).unwrap();
    let (field, message) = refusal(synced(&masters(after, json!({})), &installed));
    assert_eq!(field, "AlluxioRuntime.spec.master.replicas");
    assert!(
        message.starts_with(&format!("is {after}, but {before} are installed")),
        "{message}"
    );
    assert_eq!(synced(&masters(before, json!({})), &installed).unwrap(), installed);
}

#[test]
fn one_master_is_one_whether_it_is_named_or_not() {
    let installed = values(&documents(json!({}))).unwrap();
    for count in [0, 1] {
        assert_eq!(synced(&masters(count, json!({})), &installed).unwrap(), installed);
    }
}

/// A master that starts again has to find the others by the names that they know each other by.
#[test]
fn several_masters_keep_what_they_know_each_other_by() {
    let mut installed = values(&masters(3, json!({}))).unwrap();
    let old = "demo-master-0.elsewhere:1,demo-master-1.elsewhere:1,demo-master-2.elsewhere:1";
    *installed.pointer_mut(ADDRESSES).unwrap() = old.into();
    for network in ["HostNetwork", "ContainerNetwork"] {
        let documents = masters(3, json!({"master": {"networkMode": network, "env": {"A": "1"}}}));
        let values = synced(&documents, &installed).unwrap();
        assert_eq!(values["master"]["env"]["A"], "1");
        for pointer in [
            ADDRESSES,
            "/properties/alluxio.job.master.embedded.journal.addresses",
            "/properties/alluxio.master.embedded.journal.port",
            "/properties/alluxio.master.journal.type",
            "/master/ports/embedded",
            "/jobMaster/ports/embedded",
        ] {
            let there = installed.pointer(pointer);
            assert!(there.is_some(), "{pointer}");
            assert_eq!(values.pointer(pointer), there, "{pointer}");
        }
    }
}

#[rstest]
#[case::port(json!({"master": {"ports": {"embedded": 9000}}}), "master.ports.embedded")]
#[case::port_of_jobs(json!({"jobMaster": {"ports": {"embedded": 9000}}}), "jobMaster.ports.embedded")]
#[case::port_as_property(json!({"properties": {"alluxio.master.embedded.journal.port": "9000"}}),
    "properties[alluxio.master.embedded.journal.port]")]
#[case::journal(json!({"properties": {"alluxio.master.journal.type": "UFS"}}),
    "properties[alluxio.master.journal.type]")]
#[case::of_masters(json!({"master": {"properties": {"alluxio.master.journal.type": "UFS"}}}),
    "master.properties[alluxio.master.journal.type]")]
#[case::addresses(json!({"properties": {"alluxio.master.embedded.journal.addresses": "a:1"}}),
    "properties[alluxio.master.embedded.journal.addresses]")]
fn other_names_for_several_masters_are_refused(#[case] change: Value, #[case] field: &str) {
    let installed = values(&masters(3, json!({}))).unwrap();
    let (at, message) = refusal(synced(&masters(3, change.clone()), &installed));
    assert_eq!(at, format!("AlluxioRuntime.spec.{field}"));
    assert!(message.contains("cannot be changed; set it back"), "{message}");
    // From the beginning they are the user's.
    let installed = values(&masters(3, change.clone())).unwrap();
    assert_eq!(synced(&masters(3, change), &installed).unwrap(), installed);
}
