//! What a registration and a plugin agree upon, and what cannot be granted.

use super::*;

fn grants(exec: &[&str], http: &[&str]) -> Grants {
    let set = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
    Grants {
        exec: set(exec),
        http: set(http),
        ..Grants::default()
    }
}

#[test]
fn a_grant_holds_only_if_declared_and_given() {
    let declared = Grants {
        secrets: true,
        ports: true,
        ..grants(&["worker", "fuse"], &["worker:9567"])
    };
    let given = Grants {
        secrets: false,
        ports: true,
        privileged: true,
        ..grants(&["worker", "master"], &["worker:*"])
    };
    let effective = declared.intersect(&given);
    assert_eq!(effective.to_string(), "exec [worker], http [worker:9567], ports");
    assert_eq!(declared.without(&effective).to_string(), "exec [fuse], secrets");
    assert_eq!(given.without(&effective).to_string(), "exec [master], privileged");
}

#[test]
fn a_plugin_is_told_every_capability_that_holds() {
    let set = || ["/a".to_owned()].into();
    let all = Grants {
        exec: set(),
        http: ["a:1".to_owned()].into(),
        secrets: true,
        objects: ["ConfigMap".to_owned()].into(),
        ports: true,
        state: true,
        events: true,
        kinds: set(),
        rbac: ["secrets:get".to_owned()].into(),
        fuse: true,
        privileged: true,
        host_network: true,
        host_paths: set(),
        system_priority: true,
    };
    assert_eq!(Grants::wanted(&all.as_wants()).unwrap(), all);
}

#[test]
fn a_star_covers_every_port_of_its_role_only() {
    let granted = grants(&[], &["worker:*", "fuse:80"]);
    assert!(granted.allows_http("worker", 1) && granted.allows_http("fuse", 80));
    assert!(!granted.allows_http("fuse", 81) && !granted.allows_http("master", 80));
    assert!(granted.allows_some_http("fuse") && !granted.allows_some_http("master"));
}

#[rstest::rstest]
#[case::unknown(
    "shell",
    "",
    "there is no capability `shell`; the capabilities are exec, http, secrets"
)]
#[case::http("http", "worker", "`worker` in `http` is not of the form `role:port`")]
#[case::port("http", "worker:99999", "`worker:99999` in `http` is not of the form")]
#[case::secret("objects", "Secret", "reading secrets is the capability `secrets`")]
#[case::unreadable(
    "objects",
    "Ingress",
    "they read ConfigMap, DaemonSet, Deployment, PersistentVolume, "
)]
#[case::named_secret("objects", "Secret@/spec/secret", "reading secrets is the capability `secrets`")]
#[case::relative("host-paths", "var/cache", "`var/cache` in `host-paths` is not an absolute path")]
#[case::upwards("host-paths", "/var/../etc", "`/var/../etc` in `host-paths` is not an absolute path")]
#[case::no_pointer(
    "objects",
    "Profile@spec",
    "`Profile@spec` in `objects` is neither a kind nor of the form"
)]
fn an_invalid_capability_is_refused(#[case] capability: &str, #[case] scope: &str, #[case] message: &str) {
    let want = Want {
        capability: capability.to_owned(),
        scope: vec![scope.to_owned()],
    };
    let refused = Grants::wanted(&[want]).unwrap_err().to_string();
    assert!(refused.contains(message), "{refused}");
}

#[test]
fn a_rule_of_rbac_gives_each_verb_on_each_resource() {
    let yaml = "rbac: [{apiGroups: [''], resources: [secrets, pods/exec], verbs: [get, create]}, \
                {apiGroups: [apps], resources: [deployments/scale], verbs: [patch]}]";
    let grants: Grants = yaml_serde::from_str(yaml).unwrap();
    grants.validate().unwrap();
    assert_eq!(
        grants.to_string(),
        "rbac [deployments.apps/scale:patch, pods/exec:create, pods/exec:get, secrets:create, secrets:get]"
    );
}

#[rstest::rstest]
#[case::any_verb("", "pods", "*", "`pods:*` in `rbac` does not name")]
#[case::any_resource("", "*", "get", "`*:get` in `rbac` does not name")]
#[case::any_group("*", "pods", "get", "`pods.*:get` in `rbac` does not name")]
#[case::escalate("rbac.authorization.k8s.io", "roles", "escalate", "cannot be granted")]
#[case::bind("rbac.authorization.k8s.io", "roles", "bind", "cannot be granted")]
#[case::impersonate("", "users", "impersonate", "cannot be granted")]
#[case::token("", "serviceaccounts/token", "create", "cannot be granted")]
fn what_leads_to_more_is_not_granted(
    #[case] group: &str,
    #[case] resource: &str,
    #[case] verb: &str,
    #[case] words: &str,
) {
    let yaml = format!("rbac: [{{apiGroups: ['{group}'], resources: ['{resource}'], verbs: ['{verb}']}}]");
    let grants: Grants = yaml_serde::from_str(&yaml).unwrap();
    let refused = grants.validate().unwrap_err().to_string();
    assert!(refused.contains(words), "{refused}");
}

#[test]
fn a_rule_of_rbac_has_no_other_fields() {
    let refused = yaml_serde::from_str::<Grants>("rbac: [{apiGroups: [''], resources: [pods], verb: [get]}]");
    assert!(refused.unwrap_err().to_string().contains("verb"));
}

#[test]
fn directories_of_nodes_are_narrowed_to_what_both_have() {
    let paths = |paths: &[&str]| Grants {
        host_paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        ..Grants::default()
    };
    let declared = paths(&["/dev/shm", "/var/cache", "/var/lib/a"]);
    let given = paths(&["/dev", "/var/cache/b", "/var/lib/ab"]);
    let effective = declared.intersect(&given);
    assert_eq!(effective.to_string(), "host-paths [/dev/shm, /var/cache/b]");
    assert_eq!(declared.without(&effective).to_string(), "host-paths [/var/lib/a]");
    assert_eq!(given.without(&effective).to_string(), "host-paths [/var/lib/ab]");
}

#[test]
fn each_power_over_nodes_is_a_grant_for_itself() {
    let given: Grants = yaml_serde::from_str("{privileged: true, host-network: true, host-paths: [/dev/shm]}").unwrap();
    let wants = ["fuse", "privileged", "host-network"].map(|capability| Want {
        capability: capability.to_owned(),
        scope: Vec::new(),
    });
    let declared = Grants::wanted(&wants).unwrap();
    assert_eq!(declared.to_string(), "fuse, privileged, host-network");
    assert_eq!(declared.intersect(&given).to_string(), "privileged, host-network");
}
