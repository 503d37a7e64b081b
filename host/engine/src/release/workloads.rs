//! Which workloads of a release belong to which role of the plugin: they have the name of the
//! runtime, with the role's suffix.

use wasser_api::names;
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
        method: "desired",
        message: format!(
            "the chart renders none of the workloads that the plugin describes: {}",
            names.join(", ")
        ),
    })
}

/// Refuses StatefulSets whose names are too long for the labels of their pods: no pod would come,
/// and nothing says so. The definitions of most kinds limit names, but those of Fluid do not.
///
/// # Errors
/// How long the name of the runtime may be.
pub fn check_names(objects: &[(String, String)], kind: &str, runtime: &str) -> Result<(), EngineError> {
    let sets = objects.iter().filter(|(kind, _)| kind == "StatefulSet");
    let suffixes = sets.map(|(_, name)| ("StatefulSet", name.strip_prefix(runtime).unwrap_or_default()));
    let longest = names::longest_for(suffixes);
    names::check_length(runtime, longest).map_err(|too_long| EngineError::InvalidSpec {
        field: format!("{kind}.metadata.name"),
        message: too_long.to_string(),
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

    #[rstest::rstest]
    #[case::fits(45, "-worker", true)]
    #[case::too_long(46, "-worker", false)]
    #[case::longer_suffix(38, "-jindofs-worker", false)]
    #[case::clients_only(53, "", true)]
    fn names_without_pods_are_refused(#[case] length: usize, #[case] suffix: &str, #[case] fits: bool) {
        let runtime = "a".repeat(length);
        let set = ("StatefulSet".to_owned(), format!("{runtime}{suffix}"));
        let client = ("DaemonSet".to_owned(), format!("{runtime}-fuse"));
        let objects: Vec<_> = [client]
            .into_iter()
            .chain((!suffix.is_empty()).then_some(set))
            .collect();
        assert_eq!(check_names(&objects, "DemoRuntime", &runtime).is_ok(), fits);
    }
}
