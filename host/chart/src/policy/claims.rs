//! Which claims pods may mount: those that users name, and those of the chart itself.
//!
//! Who may run commands in a pod reads and writes what it mounts, so a claim is as good as the data.

use serde_json::Value;

use super::fields;
use super::problem::Problem;

/// Fields by which a new claim gets the data of another object.
const SOURCES: [&str; 2] = ["dataSource", "dataSourceRef"];

/// Checks all claims in an object, of whatever kind it is: custom resources have volumes as well.
/// `is_known` says whether a user names the claim, or the chart has it.
pub fn check(data: &Value, is_known: impl Fn(&str) -> bool) -> Result<(), Problem> {
    fields::each(data, "", &mut |path, key, value| {
        let is_source = SOURCES.contains(&key);
        let name = match key {
            "claimName" => value.as_str(),
            _ if is_source => value["name"].as_str(),
            _ => None,
        };
        let refuse = |name: String| Problem::Claim {
            field: path.to_owned(),
            name,
        };
        if let Some(name) = name.filter(|name| !name.is_empty() && !is_known(name)) {
            return Err(refuse(name.to_owned()));
        }
        let elsewhere = value["namespace"]
            .as_str()
            .filter(|other| is_source && !other.is_empty());
        match elsewhere {
            Some(other) => Err(refuse(format!("{other}/{}", name.unwrap_or_default()))),
            None => Ok(()),
        }
    })
}
