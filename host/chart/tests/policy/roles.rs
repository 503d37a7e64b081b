//! What Roles may give, and to whom.

use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn account() -> DynamicObject {
    object("{apiVersion: v1, kind: ServiceAccount, metadata: {name: loader}}")
}

fn role(rule: Value) -> DynamicObject {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "loader"},
        "rules": [rule]});
    serde_json::from_value(role).unwrap()
}

fn binding(role: (&str, &str), subject: Value) -> DynamicObject {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "loader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1}, "subjects": [subject],
    });
    serde_json::from_value(binding).unwrap()
}

#[test]
fn a_chart_may_give_its_own_accounts_what_its_own_roles_list() {
    let rule = json!({"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list"]});
    let subject = json!({"kind": "ServiceAccount", "name": "loader", "namespace": "ns"});
    let objects = [
        binding(("Role", "loader"), subject),
        role(rule),
        account(),
        workload(json!({"serviceAccountName": "loader"}), json!({})),
    ];
    policy().admit(&objects).unwrap();
}

#[rstest]
#[case::reads(json!({"apiGroups": [""], "resources": ["pods", "services", "endpoints", "configmaps"],
    "verbs": ["get", "list", "watch"]}))]
#[case::slices(json!({"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["watch"]}))]
#[case::events(json!({"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]}))]
#[case::election(json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["demo-master"],
    "verbs": ["get", "update"]}))]
#[case::nothing(json!({"apiGroups": [""], "resources": [], "verbs": ["*"]}))]
fn what_the_pods_of_a_cache_system_need_is_granted_to_all(#[case] rule: Value) {
    policy().admit(&[role(rule)]).unwrap();
}

#[rstest]
#[case::secrets(json!({"apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["get"]}), "secrets:get")]
#[case::exec(json!({"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]}), "pods/exec:create")]
#[case::debug(json!({"apiGroups": [""], "resources": ["pods/ephemeralcontainers"], "verbs": ["patch"]}),
    "pods/ephemeralcontainers:patch")]
#[case::workloads(json!({"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["patch"]}),
    "daemonsets.apps:patch")]
#[case::scale(json!({"apiGroups": ["apps"], "resources": ["deployments/scale"], "verbs": ["update"]}),
    "deployments.apps/scale:update")]
#[case::pods(json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "create"]}), "pods:create")]
#[case::config(json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["update"]}), "configmaps:update")]
#[case::other_group(json!({"apiGroups": ["metrics.k8s.io"], "resources": ["pods"], "verbs": ["get"]}),
    "pods.metrics.k8s.io:get")]
#[case::any_lease(json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get"]}),
    "leases.coordination.k8s.io:get")]
#[case::lease_of_others(json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames":
    ["demo-a", "demonstration"], "verbs": ["get"]}), "leases.coordination.k8s.io:get")]
#[case::new_lease(json!({"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["demo"],
    "verbs": ["create"]}), "leases.coordination.k8s.io:create")]
fn what_is_beyond_that_is_given_if_it_was_granted_by_name(#[case] rule: Value, #[case] permission: &str) {
    let objects = [role(rule)];
    for policy in [policy(), privileged()] {
        let message = refusal(&policy, &objects);
        let begin =
            format!("Role loader gives `{permission}` in rule 0, which is not granted; grant `rbac: [{{apiGroups:");
        assert!(message.starts_with(&begin), "{message}");
    }
    let other = Policy {
        rbac: ["secrets:list".to_owned()].into(),
        ..policy()
    };
    refusal(&other, &objects);
    let granted = Policy {
        rbac: [permission.to_owned()].into(),
        ..policy()
    };
    granted.admit(&objects).unwrap();
}

#[test]
fn a_refused_rule_is_named_with_the_grant_that_would_allow_it() {
    let fine = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
    let more = json!({"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["get", "patch"]});
    let mut both = role(fine);
    both.data["rules"].as_array_mut().unwrap().push(more);
    assert!(refusal(&policy(), &[both]).contains(
        "in rule 1, which is not granted; grant `rbac: [{apiGroups: [\"apps\"], resources: [daemonsets], \
             verbs: [get]}]`"
    ));
}

#[rstest]
#[case::verb(json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["*"]}), "`pods:*` in rule 0")]
#[case::resource(json!({"apiGroups": [""], "resources": ["*"], "verbs": ["get"]}), "`*:get` in rule 0")]
#[case::subresource(json!({"apiGroups": ["apps"], "resources": ["*/scale"], "verbs": ["get"]}), "`*.apps/scale:get`")]
#[case::group(json!({"apiGroups": ["*"], "resources": ["pods"], "verbs": ["get"]}), "`pods.*:get`")]
#[case::escalate(json!({"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]}),
    "`roles.rbac.authorization.k8s.io:escalate`")]
#[case::bind(json!({"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["bind"]}),
    "`roles.rbac.authorization.k8s.io:bind`")]
#[case::impersonate(json!({"apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"]}),
    "`users:impersonate`")]
#[case::token(json!({"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]}),
    "`serviceaccounts/token:create`")]
#[case::urls(json!({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}), "that a Role cannot give")]
#[case::no_list(json!({"apiGroups": [""], "resources": "secrets", "verbs": ["get"]}), "that a Role cannot give")]
#[case::no_text(json!({"apiGroups": [""], "resources": [5], "verbs": ["get"]}), "that a Role cannot give")]
fn roles_that_give_more_are_refused(#[case] rule: Value, #[case] words: &str) {
    let message = refusal(&privileged(), &[role(rule)]);
    assert!(
        message.starts_with("Role loader ") && message.contains(words),
        "{message}"
    );
}

#[rstest]
#[case::cluster_role(("ClusterRole", "admin"), json!({"kind": "ServiceAccount", "name": "loader"}),
    "binds ClusterRole `admin`")]
#[case::foreign_role(("Role", "other"), json!({"kind": "ServiceAccount", "name": "loader"}), "binds Role `other`")]
#[case::user(("Role", "loader"), json!({"kind": "User", "name": "eve"}), "gives its role to User `eve`")]
#[case::group(("Role", "loader"), json!({"kind": "Group", "name": "system:authenticated"}),
    "Group `system:authenticated`")]
#[case::foreign_account(("Role", "loader"), json!({"kind": "ServiceAccount", "name": "default"}),
    "ServiceAccount `default`")]
#[case::other_namespace(("Role", "loader"), json!({"kind": "ServiceAccount", "name": "loader", "namespace": "x"}),
    "ServiceAccount `loader`")]
fn bindings_of_or_to_others_are_refused(#[case] to: (&str, &str), #[case] subject: Value, #[case] words: &str) {
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
    let message = refusal(&privileged(), &[role(rule), account(), binding(to, subject)]);
    assert!(message.contains(words), "{message}");
}
