//! What the operator may do in the cluster for the sake of a plugin, as values of Wasser's chart.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use wasser_plugin::Grants;

use super::grants;

/// Returns the value `rbac` of Wasser's chart for a plugin that serves this kind with these grants, as
/// JSON in single quotes may have it. It has maps alone, which Helm adds to those of other plugins.
pub fn values(kind: &str, grants: &Grants) -> String {
    let mut rbac = Map::from_iter([("runtimes".to_owned(), json!({ kind: true }))]);
    for (key, names) in [("kinds", &grants.kinds), ("objects", &grants.objects)] {
        if !names.is_empty() {
            rbac.insert(key.to_owned(), counting(names));
        }
    }
    // Nobody gives a right that he has not.
    if !grants.rbac.is_empty() {
        let rules = grants::rules(grants.rbac.iter());
        rbac.insert("extraRules".to_owned(), json!({ kind: rules }));
    }
    // The names are the author's, and must not end the quotes of a command.
    Value::Object(rbac).to_string().replace('\'', "\\u0027")
}

fn counting(names: &BTreeSet<String>) -> Value {
    names.iter().map(|name| (name.clone(), Value::Bool(true))).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use wasser_plugin::bindings::types::Want;

    use super::*;

    #[rstest]
    #[case::none(&[], json!({"runtimes": {"MyRuntime": true}}))]
    #[case::kinds(&[("kinds", "Service")], json!({"runtimes": {"MyRuntime": true}, "kinds": {"Service": true}}))]
    #[case::objects(
        &[("objects", "MyClass@/spec/class")],
        json!({"runtimes": {"MyRuntime": true}, "objects": {"MyClass@/spec/class": true}})
    )]
    #[case::rbac(
        &[("rbac", "deployments.apps:patch")],
        json!({"runtimes": {"MyRuntime": true}, "extraRules": {"MyRuntime": [
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["patch"]}
        ]}})
    )]
    fn each_grant_that_needs_a_right_of_the_operator_has_its_value(
        #[case] wants: &[(&str, &str)],
        #[case] means: Value,
    ) {
        let want = |(capability, scope): &(&str, &str)| Want {
            capability: (*capability).to_owned(),
            scope: vec![(*scope).to_owned()],
        };
        let grants = Grants::wanted(&wants.iter().map(want).collect::<Vec<_>>()).unwrap();
        let printed = values("MyRuntime", &grants);
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), means);
    }

    #[test]
    fn a_name_does_not_end_the_quotes_of_the_command() {
        let mut grants = Grants::default();
        grants.kinds.insert("Pod'; reboot; '".to_owned());
        let printed = values("MyRuntime", &grants);
        assert!(!printed.contains('\''), "{printed}");
        let read: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(read["kinds"]["Pod'; reboot; '"], true);
    }
}
