//! What Services may be: names for pods, reached by the addresses that the cluster gives them.
//!
//! Every node sends what is for an external address of a Service to its pods, whoever the address
//! belongs to, and what comes to a node's port.

use serde_json::Value;

use super::powers::Powers;
use super::problem::Problem;

/// Fields with addresses outside of the cluster's own.
const OUTSIDE: [&str; 3] = ["externalIPs", "externalName", "loadBalancerIP"];

/// Checks a Service; anything else passes.
pub fn check(group: &str, kind: &str, data: &Value, powers: &Powers) -> Result<(), Problem> {
    if (group, kind) != ("", "Service") {
        return Ok(());
    }
    let spec = &data["spec"];
    let is_set = |value: &Value| !(value.is_null() || *value == "" || value.as_array().is_some_and(Vec::is_empty));
    if let Some(field) = OUTSIDE.into_iter().find(|field| is_set(&spec[*field])) {
        return Err(Problem::Outside {
            field: format!("spec.{field}"),
            value: spec[field].to_string(),
        });
    }
    let kind = spec["type"].as_str().unwrap_or("ClusterIP");
    match kind {
        "" | "ClusterIP" => Ok(()),
        "NodePort" if powers.host_network => Ok(()),
        "NodePort" => Err(Problem::HostNetwork {
            field: "spec.type".to_owned(),
            value: kind.to_owned(),
        }),
        _ => Err(Problem::Outside {
            field: "spec.type".to_owned(),
            value: kind.to_owned(),
        }),
    }
}
