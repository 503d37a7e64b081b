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

/// The functions of `implement` that every plugin has.
const REQUIRED: [&str; 1] = ["desired"];
/// The functions that a plugin can have.
const OPTIONAL: [&str; 13] = [
    "validate",
    "check-ready",
    "should-check-ufs",
    "prepare-ufs",
    "setup-workers",
    "sync-metadata",
    "storage-stats",
    "cache-states",
    "check-runtime-healthy",
    "should-update-ufs",
    "update-ufs",
    "sync-replicas",
    "shutdown",
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

/// Returns the methods that the host calls.
pub fn methods(description: &Description) -> BTreeSet<String> {
    let required = REQUIRED.map(str::to_owned);
    description.methods.iter().cloned().chain(required).collect()
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
        is_label(&description.name),
        "name",
        &description.name,
        "a DNS label, like `example`",
    )?;
    must(
        is_word(&description.version),
        "version",
        &description.version,
        "one word, like `1.0.0`",
    )?;
    let versions = &description.api_versions;
    must(
        versions.iter().any(|version| version == wasser_api::API_VERSION),
        "api-versions",
        &versions.join(", "),
        "a list with the version that this host serves, data.fluid.io/v1alpha1",
    )?;
    for method in &description.methods {
        must(
            OPTIONAL.contains(&method.as_str()),
            "methods",
            method,
            "the name of an optional function of the interface `implement`",
        )?;
    }
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
pub(crate) mod tests;
