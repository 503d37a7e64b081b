//! What a runtime object says of its clients, which one kind calls by another name than the rest.

use serde_json::Value;

/// Where the specs of runtimes have their clients.
const FIELDS: [&str; 2] = ["fuse", "client"];

/// Returns a field of the clients in the spec of a runtime.
pub fn field<'a>(runtime: &'a Value, name: &str) -> Option<&'a Value> {
    let spec = runtime.get("spec")?;
    FIELDS.iter().find_map(|field| spec.get(field)?.get(name))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::fuse(json!({"spec": {"fuse": {"cleanPolicy": "OnDemand"}}}), Some("OnDemand"))]
    #[case::client(json!({"spec": {"client": {"cleanPolicy": "OnFuseChanged"}}}), Some("OnFuseChanged"))]
    #[case::not_said(json!({"spec": {"fuse": {}}}), None)]
    #[case::nothing(json!({}), None)]
    fn clients_are_found_by_either_name(#[case] runtime: Value, #[case] policy: Option<&str>) {
        assert_eq!(field(&runtime, "cleanPolicy").and_then(Value::as_str), policy);
    }
}
