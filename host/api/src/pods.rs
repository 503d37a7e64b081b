//! What the specs of pods name, and a field that they had otherwise before.

use std::collections::BTreeSet;

use serde_json::Value;

/// The ConfigMaps that a pod template, or a part of one, names: as volumes and as environment.
pub fn config_maps(part: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(part, &mut |name, _| {
        names.insert(name.to_owned());
    });
    names
}

/// Lifts what the `source` of each of a pod's `resourceClaims` has to the claim itself, where Kubernetes has had
/// it since 1.31. The API of Fluid has the older form.
pub fn lift_claim_sources(claims: &mut Value) {
    let claims = claims.as_array_mut().into_iter().flatten();
    for claim in claims.filter_map(Value::as_object_mut) {
        let Some(Value::Object(source)) = claim.remove("source") else {
            continue;
        };
        for (field, value) in source {
            claim.entry(field).or_insert(value);
        }
    }
}

/// The ConfigMaps without which a pod of this template, or with this part of one, does not start.
pub fn required_config_maps(part: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    collect(part, &mut |name, is_optional| {
        if !is_optional {
            names.insert(name.to_owned());
        }
    });
    names
}

/// Calls `found` for each place that names a ConfigMap, with whether that may be missing.
fn collect(part: &Value, found: &mut impl FnMut(&str, bool)) {
    match part {
        Value::Object(fields) => {
            for (key, value) in fields {
                if ["configMap", "configMapRef", "configMapKeyRef"].contains(&key.as_str())
                    && let Some(name) = value.get("name").and_then(Value::as_str)
                {
                    found(name, value.get("optional") == Some(&Value::Bool(true)));
                }
                collect(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn config_maps_are_found_wherever_a_pod_names_them() {
        let template = json!({"spec": {
            "volumes": [
                {"name": "script", "configMap": {"name": "a"}},
                {"name": "all", "projected": {"sources": [{"configMap": {"name": "b"}}, {"secret": {"name": "no"}}]}},
            ],
            "initContainers": [{"envFrom": [{"configMapRef": {"name": "c"}}]}],
            "containers": [{"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "d", "key": "x"}}}]}],
        }});
        assert_eq!(
            config_maps(&template).into_iter().collect::<Vec<_>>(),
            ["a", "b", "c", "d"]
        );
    }

    #[test]
    fn a_config_map_is_required_unless_it_is_optional_wherever_it_is_named() {
        let template = json!({"spec": {
            "volumes": [
                {"name": "maybe", "configMap": {"name": "a", "optional": true}},
                {"name": "also", "projected": {"sources": [{"configMap": {"name": "b", "optional": true}}]}},
                {"name": "script", "configMap": {"name": "c", "optional": false}},
            ],
            "containers": [{
                "envFrom": [{"configMapRef": {"name": "b"}}, {"configMapRef": {"name": "d", "optional": true}}],
                "env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "e", "key": "x", "optional": true}}}],
            }],
        }});
        assert_eq!(
            required_config_maps(&template).into_iter().collect::<Vec<_>>(),
            ["b", "c"]
        );
        assert_eq!(config_maps(&template).len(), 5);
    }

    #[test]
    fn claims_of_the_older_form_become_those_of_the_newer_one() {
        let mut claims = json!([
            {"name": "older", "source": {"resourceClaimTemplateName": "t"}},
            {"name": "newer", "resourceClaimName": "c"},
            {"name": "both", "resourceClaimName": "c", "source": {"resourceClaimName": "other"}},
            {"name": "none", "source": null},
        ]);
        lift_claim_sources(&mut claims);
        assert_eq!(
            claims,
            json!([
                {"name": "older", "resourceClaimTemplateName": "t"},
                {"name": "newer", "resourceClaimName": "c"},
                {"name": "both", "resourceClaimName": "c"},
                {"name": "none"},
            ])
        );
    }
}
