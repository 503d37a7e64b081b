//! Checks what a plugin says about itself.

use std::collections::BTreeSet;

use wasser_api::text::bounded;

use crate::bindings::types::{Description, Role};
use crate::package::grants::{GrantError, Grants};

/// The maximum length of a field's value in a message. A longer value loses its middle.
const SHOWN: usize = 100;

/// The kinds of the group that are not runtimes: Datasets, data operations, and objects that
/// describe runtimes.
const RESERVED: [(&str, &str); 8] = [
    ("Dataset", "datasets"),
    ("DataLoad", "dataloads"),
    ("DataMigrate", "datamigrates"),
    ("DataBackup", "databackups"),
    ("DataProcess", "dataprocesses"),
    ("DataFlow", "dataflows"),
    ("ThinRuntimeProfile", "thinruntimeprofiles"),
    ("CacheRuntimeClass", "cacheruntimeclasses"),
];

/// A description that the host cannot work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// The plugin serves a different kind than the registration says.
    #[error(
        "the plugin serves {serves}, and plugin.yaml registers it for {registered}; correct `runtime` in plugin.yaml, \
         or register another component"
    )]
    OtherKind {
        /// The kind that `describe` returns.
        serves: String,
        /// The kind in the registration.
        registered: String,
    },
    /// A field has a value that the host cannot work with.
    #[error("the plugin's `describe` returns {field} = `{value}`, which must be {rule}")]
    Field {
        /// The field.
        field: String,
        /// Its value.
        value: String,
        /// The rule for it.
        rule: &'static str,
    },
    /// The plugin declares a capability or a scope that does not exist.
    #[error("the plugin's `describe` returns `wants` that are not valid: {0}")]
    Want(#[from] GrantError),
}

/// Checks a description and returns the capabilities that it declares.
pub fn check(description: &Description, registered: &str) -> Result<Grants, DescriptionError> {
    if description.kind != registered {
        return Err(DescriptionError::OtherKind {
            serves: bounded(&description.kind, SHOWN).into_owned(),
            registered: bounded(registered, SHOWN).into_owned(),
        });
    }
    let must = |holds: bool, field: &str, value: &str, rule: &'static str| {
        if holds {
            Ok(())
        } else {
            Err(DescriptionError::Field {
                field: field.to_owned(),
                value: bounded(value, SHOWN).into_owned(),
                rule,
            })
        }
    };
    must(
        is_kind(&description.kind),
        "kind",
        &description.kind,
        "a kind, like `ExampleRuntime`",
    )?;
    must(
        is_label(&description.plural),
        "plural",
        &description.plural,
        "the plural of the kind in lower case, like `exampleruntimes`",
    )?;
    must(
        !RESERVED
            .iter()
            .any(|(kind, _)| kind.eq_ignore_ascii_case(&description.kind)),
        "kind",
        &description.kind,
        "a kind of runtime; this one is not",
    )?;
    must(
        !RESERVED.iter().any(|(_, plural)| *plural == description.plural),
        "plural",
        &description.plural,
        "the plural of a kind of runtime; this one is not",
    )?;
    must(
        is_label(&description.engine),
        "engine",
        &description.engine,
        "a DNS label, like `example`",
    )?;
    let implementation = description.implementation.as_deref();
    must(
        implementation.is_none_or(is_label),
        "implementation",
        implementation.unwrap_or_default(),
        "a DNS label, like `example`",
    )?;
    let fuse = &description.fuse;
    must(
        is_word(&fuse.mount_type),
        "fuse.mount-type",
        &fuse.mount_type,
        "one word, or a JSON pointer into the chart values",
    )?;
    must(
        is_label(&fuse.directory),
        "fuse.directory",
        &fuse.directory,
        "the name of one directory, like `example-fuse`",
    )?;
    let mut seen = BTreeSet::new();
    for role in &description.roles {
        check_role(role)?;
        must(
            seen.insert(&role.name),
            "roles.name",
            &role.name,
            "the name of one role only",
        )?;
    }
    let wanted = Grants::wanted(&description.wants)?;
    for name in wanted
        .exec
        .iter()
        .map(String::as_str)
        .chain(wanted.http.iter().filter_map(|scope| Some(scope.split_once(':')?.0)))
    {
        must(
            seen.iter().any(|role| role.as_str() == name),
            "wants.scope",
            name,
            "a role of `roles`",
        )?;
    }
    Ok(wanted)
}

fn check_role(role: &Role) -> Result<(), DescriptionError> {
    let must = |holds: bool, field: &str, value: &str, rule: &'static str| {
        let field = format!("roles[{}].{field}", bounded(&role.name, SHOWN));
        if holds {
            Ok(())
        } else {
            Err(DescriptionError::Field {
                field,
                value: bounded(value, SHOWN).into_owned(),
                rule,
            })
        }
    };
    must(
        ["master", "worker", "fuse"].contains(&role.name.as_str()),
        "name",
        &role.name,
        "`master`, `worker` or `fuse`",
    )?;
    must(
        ["StatefulSet", "DaemonSet"].contains(&role.workload.as_str()),
        "workload",
        &role.workload,
        "`StatefulSet` or `DaemonSet`",
    )?;
    let suffix = role.suffix.strip_prefix('-').unwrap_or_default();
    must(
        is_label(suffix),
        "suffix",
        &role.suffix,
        "a `-` and a DNS label, like `-worker`",
    )?;
    must(
        is_label(&role.container),
        "container",
        &role.container,
        "the name of a container",
    )?;
    let pointer = role.replicas.as_deref();
    must(
        pointer.is_none_or(|pointer| pointer.starts_with('/')),
        "replicas",
        pointer.unwrap_or_default(),
        "a JSON pointer, like `/spec/replicas`",
    )
}

fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.first().copied().is_some_and(plain)
        && bytes.last().copied().is_some_and(plain)
        && bytes.iter().all(|byte| plain(*byte) || *byte == b'-')
}

fn is_kind(text: &str) -> bool {
    let is_alphanumeric = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text.len() <= 63 && text.starts_with(|c: char| c.is_ascii_uppercase()) && is_alphanumeric
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= 63 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::bindings::types::{Fuse, Want};

    pub(crate) fn good() -> Description {
        Description {
            kind: "DemoRuntime".to_owned(),
            plural: "demoruntimes".to_owned(),
            engine: "demo".to_owned(),
            implementation: None,
            roles: vec![Role {
                name: "worker".to_owned(),
                workload: "StatefulSet".to_owned(),
                suffix: "-worker".to_owned(),
                container: "demo".to_owned(),
                needed_for_bound: true,
                starts_at_zero: true,
                replicas: Some("/spec/replicas".to_owned()),
                default_replicas: 1,
            }],
            fuse: Fuse {
                mount_type: "fuse.demo".to_owned(),
                directory: "demo-fuse".to_owned(),
            },
            wants: vec![Want {
                capability: "exec".to_owned(),
                scope: vec!["worker".to_owned()],
            }],
        }
    }

    type Change = fn(&mut Description);

    #[rstest::rstest]
    #[case(
        |d: &mut Description| d.kind = "OtherRuntime".to_owned(),
        "the plugin serves OtherRuntime, and plugin.yaml registers it for DemoRuntime",
    )]
    #[case(
        |d: &mut Description| d.plural = "Demo Runtimes".to_owned(),
        "plural = `Demo Runtimes`, which must be the plural",
    )]
    #[case(
        |d: &mut Description| d.plural = "datasets".to_owned(),
        "plural = `datasets`, which must be the plural of a kind of runtime; this one is not",
    )]
    #[case(
        |d: &mut Description| d.plural = "x".repeat(1 << 20),
        "xxxx`, which must be the plural of the kind in lower case",
    )]
    #[case(|d: &mut Description| d.engine = "a/b".to_owned(), "engine = `a/b`, which must be a DNS label")]
    #[case(
        |d: &mut Description| d.implementation = Some("A".to_owned()),
        "implementation = `A`, which must be a DNS label",
    )]
    #[case(
        |d: &mut Description| d.fuse.mount_type = "a b".to_owned(),
        "fuse.mount-type = `a b`, which must be one word",
    )]
    #[case(
        |d: &mut Description| d.fuse.directory = "..".to_owned(),
        "fuse.directory = `..`, which must be the name of one directory",
    )]
    #[case(
        |d: &mut Description| d.roles[0].name = "queen".to_owned(),
        "roles[queen].name = `queen`, which must be `master`, `worker` or `fuse`",
    )]
    #[case(|d: &mut Description| d.roles[0].workload = "Pod".to_owned(), "roles[worker].workload = `Pod`")]
    #[case(|d: &mut Description| d.roles[0].suffix = "worker".to_owned(), "roles[worker].suffix = `worker`")]
    #[case(|d: &mut Description| d.roles[0].replicas = Some("spec".to_owned()), "roles[worker].replicas = `spec`")]
    #[case(
        |d: &mut Description| d.roles.push(d.roles[0].clone()),
        "roles.name = `worker`, which must be the name of one role only",
    )]
    #[case(
        |d: &mut Description| d.wants[0].scope = vec!["fuse".to_owned()],
        "wants.scope = `fuse`, which must be a role of `roles`",
    )]
    #[case(|d: &mut Description| d.wants[0].capability = "root".to_owned(), "there is no capability `root`")]
    fn an_invalid_description_is_refused(#[case] change: Change, #[case] message: &str) {
        let mut description = good();
        change(&mut description);
        let refused = check(&description, "DemoRuntime").unwrap_err().to_string();
        assert!(refused.contains(message) && refused.len() < 500, "{refused}");
    }

    #[test]
    fn kinds_that_are_not_runtimes_are_refused() {
        for kind in ["Dataset", "ThinRuntimeProfile"] {
            let mut description = good();
            description.kind = kind.to_owned();
            let refused = check(&description, kind).unwrap_err().to_string();
            assert!(
                refused.contains(&format!("kind = `{kind}`, which must be a kind of runtime")),
                "{refused}"
            );
        }
    }

    #[test]
    fn a_good_description_returns_its_wants() {
        assert_eq!(check(&good(), "DemoRuntime").unwrap().to_string(), "exec [worker]");
    }
}
