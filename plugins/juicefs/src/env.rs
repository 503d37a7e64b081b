//! Environment variables of the containers.

use serde_json::Value;

use crate::describe::FUSE;
use crate::secrets::Secrets;

/// Variables that the chart sets in fuse pods only.
const OF_FUSE: &[&str] = &["FLUID_RUNTIME_TYPE", "FLUID_RUNTIME_NS", "FLUID_RUNTIME_NAME"];

/// Returns the user's variables of a role, in their order, each name once: the API server takes a
/// list with a name twice in some requests and refuses it in others. Of several, the last counts,
/// as in a container; those that the chart sets after the user's are left out.
pub fn of(role: &str, env: &[Value], secrets: &Secrets) -> Vec<Value> {
    let reserved = secrets.variables();
    let set_later = |name: &str| reserved.contains(&name) || (role == FUSE && OF_FUSE.contains(&name));
    let name = |variable: &Value| {
        variable
            .get("name")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_string()
    };
    let has_name = |variable: &Value, name: &str| variable.get("name").is_some_and(|n| n == name);
    let is_last = |at: usize, name: &str| !env.iter().skip(at + 1).any(|later| has_name(later, name));
    env.iter()
        .enumerate()
        .filter(|(at, variable)| is_last(*at, &name(variable)) && !set_later(&name(variable)))
        .map(|(_, variable)| variable.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_variable_is_there_once_and_the_last_wins() {
        let secrets = Secrets {
            metaurl_secret: "s".into(),
            ..Secrets::default()
        };
        let variable = |name: &str, value: &str| json!({"name": name, "value": value});
        let env = [
            variable("A", "1"),
            variable("METAURL", "mine"),
            variable("B", "2"),
            variable("A", "3"),
            variable("TOKEN", "t"),
            variable("FLUID_RUNTIME_NS", "elsewhere"),
        ];
        let names = |role| {
            of(role, &env, &secrets)
                .iter()
                .map(|v| format!("{}={}", v["name"], v["value"]).replace('"', ""))
                .collect::<Vec<_>>()
        };
        assert_eq!(names("worker"), ["B=2", "A=3", "TOKEN=t", "FLUID_RUNTIME_NS=elsewhere"]);
        assert_eq!(names("fuse"), ["B=2", "A=3", "TOKEN=t"]);
    }
}
