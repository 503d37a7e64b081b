//! Which claims pods may mount: those that users name, and those of the chart itself.
//!
//! Who may run commands in a pod reads and writes what it mounts, so a claim is as good as the data.

use serde_json::Value;

use super::problem::Problem;

/// Fields by which a new claim gets the data of another object.
const SOURCES: [&str; 2] = ["dataSource", "dataSourceRef"];

/// Checks all claims in an object, of whatever kind it is: custom resources have volumes as well.
/// `is_known` says whether a user names the claim, or the chart has it.
pub fn check(data: &Value, is_known: impl Fn(&str) -> bool) -> Result<(), Problem> {
    walk(data, "", &is_known)
}

fn walk(value: &Value, path: &str, is_known: &impl Fn(&str) -> bool) -> Result<(), Problem> {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let name = match key.as_str() {
                    "claimName" => inner.as_str(),
                    key if SOURCES.contains(&key) => inner["name"].as_str(),
                    _ => None,
                };
                let refused = name.filter(|name| !name.is_empty() && !is_known(name));
                if let Some(name) = refused {
                    return Err(Problem::Claim {
                        field: path,
                        name: name.to_owned(),
                    });
                }
                let elsewhere = inner["namespace"].as_str().filter(|other| !other.is_empty());
                if let Some(other) = elsewhere.filter(|_| SOURCES.contains(&key.as_str())) {
                    return Err(Problem::Claim {
                        field: path,
                        name: format!("{other}/{}", name.unwrap_or_default()),
                    });
                }
                walk(inner, &path, is_known)?;
            }
            Ok(())
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, inner)| walk(inner, &format!("{path}[{index}]"), is_known)),
        _ => Ok(()),
    }
}
