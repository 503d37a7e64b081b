//! Rules for the names of objects, which the API server checks when they are created.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, ValidationRule};

/// The condition on the object that is there already. It makes every rule hold for updates: what
/// has a name that is refused today must still be changed and deleted.
const EXISTS: &str = "oldSelf.hasValue()";

/// Has the API server refuse names that are not RFC 1035 labels, or that are longer than `longest`:
/// a number, or an expression in the Common Expression Language on `self` with a text for users
/// that says what it gives.
///
/// Needs Kubernetes 1.30 or later; earlier ones refuse such a CRD.
pub fn limit_names(mut crd: CustomResourceDefinition, longest: &str, said: &str) -> CustomResourceDefinition {
    let rules = [
        rule(
            "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "metadata.name: is not a name that Services can have: write a-z, 0-9 and - only, a letter first and no - \
                last"
                .to_owned(),
        ),
        rule(
            &format!("self.metadata.name.size() <= ({longest})"),
            format!("metadata.name: is longer than what is made of it can have; write at most {said}"),
        ),
    ];
    for version in &mut crd.spec.versions {
        if let Some(schema) = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
        {
            schema.x_kubernetes_validations = Some(rules.to_vec());
        }
    }
    crd
}

fn rule(expression: &str, message: String) -> ValidationRule {
    ValidationRule {
        rule: format!("{EXISTS} || {expression}"),
        message: Some(message),
        optional_old_self: Some(true),
        ..ValidationRule::default()
    }
}
