use super::*;
use crate::bindings::types::{Fuse, Want};

pub(crate) fn good() -> Description {
    Description {
        name: "demo".to_owned(),
        version: "1.0.0".to_owned(),
        kind: "DemoRuntime".to_owned(),
        plural: "demoruntimes".to_owned(),
        api_versions: vec!["data.fluid.io/v1alpha1".to_owned()],
        engine: "demo".to_owned(),
        implementation: None,
        methods: vec!["validate".to_owned()],
        roles: vec![Role {
            name: "worker".to_owned(),
            workload: "StatefulSet".to_owned(),
            suffix: "-worker".to_owned(),
            container: "demo".to_owned(),
            needed_for_bound: true,
            starts_at_zero: true,
            replicas: Some("/spec/replicas".to_owned()),
            default_replicas: 1,
        }],
        fuse: Fuse {
            mount_type: "fuse.demo".to_owned(),
            directory: "demo-fuse".to_owned(),
        },
        wants: vec![Want {
            capability: "exec".to_owned(),
            scope: vec!["worker".to_owned()],
        }],
    }
}

type Change = fn(&mut Description);

#[rstest::rstest]
#[case(
    |d: &mut Description| d.kind = "OtherRuntime".to_owned(),
    "the plugin serves OtherRuntime, and plugin.yaml registers it for DemoRuntime",
)]
#[case(
    |d: &mut Description| d.plural = "Demo Runtimes".to_owned(),
    "plural = `Demo Runtimes`, which must be the plural",
)]
#[case(
    |d: &mut Description| d.plural = "datasets".to_owned(),
    "plural = `datasets`, which must be the plural of a kind of runtime; this one is not",
)]
#[case(
    |d: &mut Description| d.plural = "x".repeat(1 << 20),
    "xxxx`, which must be the plural of the kind in lower case",
)]
#[case(|d: &mut Description| d.name = String::new(), "name = ``, which must be a DNS label")]
#[case(|d: &mut Description| d.version = "1 0".to_owned(), "version = `1 0`, which must be one word")]
#[case(
    |d: &mut Description| d.api_versions = vec!["data.fluid.io/v2".to_owned()],
    "api-versions = `data.fluid.io/v2`, which must be a list with the version that this host serves",
)]
#[case(
    |d: &mut Description| d.methods.push("check-master-ready".to_owned()),
    "methods = `check-master-ready`, which must be the name of an optional function",
)]
#[case(|d: &mut Description| d.engine = "a/b".to_owned(), "engine = `a/b`, which must be a DNS label")]
#[case(
    |d: &mut Description| d.implementation = Some("A".to_owned()),
    "implementation = `A`, which must be a DNS label",
)]
#[case(
    |d: &mut Description| d.fuse.mount_type = "a b".to_owned(),
    "fuse.mount-type = `a b`, which must be one word",
)]
#[case(
    |d: &mut Description| d.fuse.directory = "..".to_owned(),
    "fuse.directory = `..`, which must be the name of one directory",
)]
#[case(
    |d: &mut Description| d.roles[0].name = "queen".to_owned(),
    "roles[queen].name = `queen`, which must be `master`, `worker` or `fuse`",
)]
#[case(|d: &mut Description| d.roles[0].workload = "Pod".to_owned(), "roles[worker].workload = `Pod`")]
#[case(|d: &mut Description| d.roles[0].suffix = "worker".to_owned(), "roles[worker].suffix = `worker`")]
#[case(|d: &mut Description| d.roles[0].replicas = Some("spec".to_owned()), "roles[worker].replicas = `spec`")]
#[case(
    |d: &mut Description| d.roles.push(d.roles[0].clone()),
    "roles.name = `worker`, which must be the name of one role only",
)]
#[case(
    |d: &mut Description| d.wants[0].scope = vec!["fuse".to_owned()],
    "wants.scope = `fuse`, which must be a role of `roles`",
)]
#[case(|d: &mut Description| d.wants[0].capability = "root".to_owned(), "there is no capability `root`")]
fn an_invalid_description_is_refused(#[case] change: Change, #[case] message: &str) {
    let mut description = good();
    change(&mut description);
    let refused = check(&description, "DemoRuntime").unwrap_err().to_string();
    assert!(refused.contains(message) && refused.len() < 500, "{refused}");
}

#[test]
fn kinds_that_are_not_runtimes_are_refused() {
    for kind in ["Dataset", "ThinRuntimeProfile"] {
        let mut description = good();
        description.kind = kind.to_owned();
        let refused = check(&description, kind).unwrap_err().to_string();
        assert!(
            refused.contains(&format!("kind = `{kind}`, which must be a kind of runtime")),
            "{refused}"
        );
    }
}

#[test]
fn every_function_is_required_or_optional() {
    let host = crate::package::interfaces::HostWorld::parse().unwrap();
    let known: BTreeSet<&str> = REQUIRED.into_iter().chain(OPTIONAL).chain(["describe"]).collect();
    let functions = host.exports["wasser:runtime/implement"].iter().map(String::as_str);
    assert_eq!(functions.collect::<BTreeSet<_>>(), known);
}

#[test]
fn a_good_description_returns_its_wants() {
    assert_eq!(check(&good(), "DemoRuntime").unwrap().to_string(), "exec [worker]");
}
