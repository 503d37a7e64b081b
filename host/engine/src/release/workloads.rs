//! Which workloads of a release belong to which role of the plugin: they have the name of the
//! runtime, with the role's suffix.

use wasser_plugin::bindings::types::Role;

use crate::error::EngineError;

/// The name of a role's workload.
pub fn workload(role: &Role, runtime: &str) -> String {
    format!("{runtime}{}", role.suffix)
}

/// Whether the workload of a role is among the objects of a release, by kind and name.
pub fn installs(objects: &[(String, String)], role: &Role, runtime: &str) -> bool {
    let workload = workload(role, runtime);
    objects
        .iter()
        .any(|(kind, name)| *kind == role.workload && *name == workload)
}

/// Refuses a chart that leaves out all roles, since nothing would ever serve the Dataset. It may
/// leave out those that the runtime does not want.
///
/// # Errors
/// None of the roles has a workload.
pub fn check_roles(roles: &[Role], objects: &[(String, String)], runtime: &str) -> Result<(), EngineError> {
    if roles.is_empty() || roles.iter().any(|role| installs(objects, role, runtime)) {
        return Ok(());
    }
    let names: Vec<String> = roles
        .iter()
        .map(|role| format!("{} {}", role.workload, workload(role, runtime)))
        .collect();
    Err(EngineError::Failed {
        method: "setup-master",
        message: format!(
            "the chart renders none of the workloads that the plugin describes: {}",
            names.join(", ")
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker() -> Role {
        Role {
            name: "worker".to_owned(),
            workload: "StatefulSet".to_owned(),
            suffix: "-worker".to_owned(),
            container: "c".to_owned(),
            needed_for_bound: true,
            starts_at_zero: true,
            replicas: None,
            default_replicas: 0,
        }
    }

    #[test]
    fn a_role_exists_if_its_workload_is_installed() {
        let objects = |kind: &str, name: &str| {
            vec![
                ("ConfigMap".to_owned(), "a".to_owned()),
                (kind.to_owned(), name.to_owned()),
            ]
        };
        assert!(installs(&objects("StatefulSet", "a-worker"), &worker(), "a"));
        assert!(!installs(&objects("StatefulSet", "a-master"), &worker(), "a"));
        assert!(!installs(&objects("Service", "a-worker"), &worker(), "a"));
    }

    #[test]
    fn a_chart_without_any_workload_is_refused_with_their_names() {
        let none = [("ConfigMap".to_owned(), "a".to_owned())];
        let refused = check_roles(&[worker()], &none, "a").unwrap_err().to_string();
        assert!(
            refused.contains("none of the workloads") && refused.contains("StatefulSet a-worker"),
            "{refused}"
        );
        assert!(check_roles(&[], &none, "a").is_ok());
    }
}
