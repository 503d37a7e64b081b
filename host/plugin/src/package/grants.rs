//! Capabilities: declared by the plugin, given by the administrator, and effective if both agree.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::rbac::{self, RbacError};
use super::readable;
use crate::bindings::types::Want;

/// The names of the capabilities, for messages.
const CAPABILITIES: &str = "exec, http, secrets, objects, ports, state, events, kinds, rbac, fuse, privileged, \
                            host-network, host-paths, system-priority";

/// A set of capabilities. Empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grants {
    /// Roles in whose pods the plugin may run commands.
    pub exec: BTreeSet<String>,
    /// `role:port` pairs to which the plugin may send GET requests. The port can be `*`.
    pub http: BTreeSet<String>,
    /// Whether the plugin may read Secrets of the runtime's namespace, and pods of the chart have
    /// Secrets that no user names.
    pub secrets: bool,
    /// Kinds of objects that the plugin may read in the runtime's namespace. `Kind@/spec/field` is
    /// the one object of the cluster that the runtime names in that field.
    pub objects: BTreeSet<String>,
    /// Whether the plugin may allocate host ports.
    pub ports: bool,
    /// Whether the plugin may keep a few KiB between calls.
    pub state: bool,
    /// Whether the plugin may publish events on the runtime.
    pub events: bool,
    /// Kinds of objects that the chart may render.
    pub kinds: BTreeSet<String>,
    /// What Roles of the chart may give beyond what the pods of a cache system need as a rule:
    /// `secrets:get`.
    #[serde(deserialize_with = "rbac::permissions")]
    pub rbac: BTreeSet<String>,
    /// Whether pods of the chart may mount file systems for their node.
    pub fuse: bool,
    /// Whether pods of the chart may have everything of their node except network and directories.
    pub privileged: bool,
    /// Whether pods of the chart may be in the network of their node, and have ports of it.
    pub host_network: bool,
    /// Directories of nodes that pods of the chart may have, each with what is below, in addition
    /// to those that users name.
    pub host_paths: BTreeSet<String>,
    /// Whether pods of the chart may have the priority of Kubernetes' own.
    pub system_priority: bool,
}

/// A capability that cannot be declared or given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// There is no such capability.
    #[error("there is no capability `{0}`; the capabilities are {CAPABILITIES}")]
    Unknown(String),
    /// A scope of `http` is not a role and a port.
    #[error("`{0}` in `http` is not of the form `role:port`, with a number or `*` as the port")]
    HttpScope(String),
    /// A scope of `objects` is neither a kind nor a kind and a pointer.
    #[error(
        "`{0}` in `objects` is neither a kind nor of the form `Kind@/spec/field`, with a JSON pointer to a field of \
         the runtime"
    )]
    ObjectScope(String),
    /// A scope of `objects` is a kind that the host does not read.
    #[error(
        "`{0}` in `objects` is a kind that plugins cannot read; they read {kinds}, and objects of data.fluid.io that \
         the runtime names, as `{0}@/spec/field`",
        kinds = readable::listed()
    )]
    UnreadableKind(String),
    /// A scope of `objects` names Secrets, which have a capability for themselves.
    #[error("`objects` cannot name Secret: reading secrets is the capability `secrets`")]
    SecretObject,
    /// A scope of `host-paths` is not a directory.
    #[error("`{0}` in `host-paths` is not an absolute path without `..`")]
    HostPath(String),
    /// A scope of `rbac` is not a permission that can be granted.
    #[error(transparent)]
    Rbac(#[from] RbacError),
}

impl Grants {
    /// Returns the capabilities that a description asks for.
    ///
    /// # Errors
    /// A capability does not exist, or its scope has no meaning.
    pub fn wanted(wants: &[Want]) -> Result<Self, GrantError> {
        let mut grants = Self::default();
        for want in wants {
            let scope = want.scope.iter().cloned();
            match want.capability.as_str() {
                "exec" => grants.exec.extend(scope),
                "http" => grants.http.extend(scope),
                "objects" => grants.objects.extend(scope),
                "kinds" => grants.kinds.extend(scope),
                "rbac" => grants.rbac.extend(scope),
                "secrets" => grants.secrets = true,
                "ports" => grants.ports = true,
                "state" => grants.state = true,
                "events" => grants.events = true,
                "host-paths" => grants.host_paths.extend(scope),
                "fuse" => grants.fuse = true,
                "privileged" => grants.privileged = true,
                "host-network" => grants.host_network = true,
                "system-priority" => grants.system_priority = true,
                other => return Err(GrantError::Unknown(other.to_owned())),
            }
        }
        grants.validate()?;
        Ok(grants)
    }

    /// Returns the capabilities in the form in which a description asks for them.
    pub fn as_wants(&self) -> Vec<Want> {
        let want = |(capability, scope): (&str, Option<&BTreeSet<String>>)| Want {
            capability: capability.to_owned(),
            scope: scope.into_iter().flatten().cloned().collect(),
        };
        self.held().into_iter().map(want).collect()
    }

    /// The capabilities that there are, each with its scopes if it has any, in the order of messages.
    fn held(&self) -> Vec<(&'static str, Option<&BTreeSet<String>>)> {
        fn list<'a>(
            name: &'static str,
            set: &'a BTreeSet<String>,
        ) -> Option<(&'static str, Option<&'a BTreeSet<String>>)> {
            (!set.is_empty()).then_some((name, Some(set)))
        }
        let flag = |name, on: bool| on.then_some((name, None));
        let all = [
            list("exec", &self.exec),
            list("http", &self.http),
            flag("secrets", self.secrets),
            list("objects", &self.objects),
            flag("ports", self.ports),
            flag("state", self.state),
            flag("events", self.events),
            list("kinds", &self.kinds),
            list("rbac", &self.rbac),
            flag("fuse", self.fuse),
            flag("privileged", self.privileged),
            flag("host-network", self.host_network),
            list("host-paths", &self.host_paths),
            flag("system-priority", self.system_priority),
        ];
        all.into_iter().flatten().collect()
    }

    /// Refuses scopes without a meaning.
    ///
    /// # Errors
    /// Names the first such scope and the form that it must have.
    pub fn validate(&self) -> Result<(), GrantError> {
        for scope in &self.http {
            let valid = scope
                .split_once(':')
                .is_some_and(|(role, port)| !role.is_empty() && (port == "*" || port.parse::<u16>().is_ok()));
            if !valid {
                return Err(GrantError::HttpScope(scope.clone()));
            }
        }
        for scope in &self.objects {
            let (kind, pointer) = scope
                .split_once('@')
                .map_or((scope.as_str(), None), |(kind, pointer)| (kind, Some(pointer)));
            if kind == "Secret" {
                return Err(GrantError::SecretObject);
            }
            let is_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric());
            if !is_kind || pointer.is_some_and(|pointer| !pointer.starts_with('/')) {
                return Err(GrantError::ObjectScope(scope.clone()));
            }
            if pointer.is_none() && readable::readable(kind).is_none() {
                return Err(GrantError::UnreadableKind(kind.to_owned()));
            }
        }
        let strange = |path: &&String| !path.starts_with('/') || path.split('/').any(|part| part == "..");
        if let Some(path) = self.host_paths.iter().find(strange) {
            return Err(GrantError::HostPath(path.clone()));
        }
        Ok(self.rbac.iter().try_for_each(|permission| rbac::check(permission))?)
    }

    /// Returns the capabilities that are in both sets. A grant is effective only if the plugin
    /// declares it and the administrator gives it.
    pub fn intersect(&self, other: &Self) -> Self {
        let both = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.intersection(b).cloned().collect();
        let mut http: BTreeSet<String> = self
            .http
            .iter()
            .filter(|scope| covers(&other.http, scope))
            .cloned()
            .collect();
        http.extend(other.http.iter().filter(|scope| covers(&self.http, scope)).cloned());
        let within = |a: &BTreeSet<String>, b: &BTreeSet<String>| -> Vec<String> {
            let is_in_b = |path: &&String| b.iter().any(|above| is_within(path, above));
            a.iter().filter(is_in_b).cloned().collect()
        };
        let mut host_paths = within(&self.host_paths, &other.host_paths);
        host_paths.extend(within(&other.host_paths, &self.host_paths));
        Self {
            exec: both(&self.exec, &other.exec),
            http,
            secrets: self.secrets && other.secrets,
            objects: both(&self.objects, &other.objects),
            ports: self.ports && other.ports,
            state: self.state && other.state,
            events: self.events && other.events,
            kinds: both(&self.kinds, &other.kinds),
            rbac: both(&self.rbac, &other.rbac),
            fuse: self.fuse && other.fuse,
            privileged: self.privileged && other.privileged,
            host_network: self.host_network && other.host_network,
            system_priority: self.system_priority && other.system_priority,
            host_paths: host_paths.into_iter().collect(),
        }
    }

    /// Returns the capabilities that are in this set and not in the other one.
    pub fn without(&self, other: &Self) -> Self {
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| a.difference(b).cloned().collect();
        Self {
            exec: only(&self.exec, &other.exec),
            // A scope that the other set narrows to one port is still effective for that port, so
            // it is not missing.
            http: self
                .http
                .iter()
                .filter(|scope| !covers(&other.http, scope) && !narrowed(&other.http, scope))
                .cloned()
                .collect(),
            secrets: self.secrets && !other.secrets,
            objects: only(&self.objects, &other.objects),
            ports: self.ports && !other.ports,
            state: self.state && !other.state,
            events: self.events && !other.events,
            kinds: only(&self.kinds, &other.kinds),
            rbac: only(&self.rbac, &other.rbac),
            fuse: self.fuse && !other.fuse,
            privileged: self.privileged && !other.privileged,
            host_network: self.host_network && !other.host_network,
            system_priority: self.system_priority && !other.system_priority,
            // As with `http`, a directory that is narrowed to one below is not missing.
            host_paths: self
                .host_paths
                .iter()
                .filter(|path| {
                    !other
                        .host_paths
                        .iter()
                        .any(|found| is_within(found, path) || is_within(path, found))
                })
                .cloned()
                .collect(),
        }
    }

    /// Returns whether nothing is granted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns whether the plugin may run commands in pods of this role.
    pub fn allows_exec(&self, role: &str) -> bool {
        self.exec.contains(role)
    }

    /// Returns whether the plugin may send GET requests to this port of this role's pods.
    pub fn allows_http(&self, role: &str, port: u16) -> bool {
        covers(&self.http, &format!("{role}:{port}"))
    }

    /// Returns whether the plugin may send GET requests to any port of this role's pods.
    pub fn allows_some_http(&self, role: &str) -> bool {
        self.http
            .iter()
            .any(|scope| scope.split_once(':').is_some_and(|(granted, _)| granted == role))
    }

    /// Returns the kinds of cluster objects that a runtime can name, each with the JSON pointer to
    /// the naming field.
    pub fn named_objects(&self) -> impl Iterator<Item = (&str, &str)> {
        self.objects.iter().filter_map(|scope| scope.split_once('@'))
    }

    /// Whether the chart may render objects of this kind.
    pub fn allows_kind(&self, kind: &str) -> bool {
        self.kinds.contains(kind)
    }
}

/// Returns whether a set of `role:port` scopes contains this one, directly or through a `*`.
fn covers(scopes: &BTreeSet<String>, scope: &str) -> bool {
    scopes.contains(scope)
        || scope
            .split_once(':')
            .is_some_and(|(role, _)| scopes.contains(&format!("{role}:*")))
}

/// Returns whether a set of `role:port` scopes contains some port of this `role:*`.
fn narrowed(scopes: &BTreeSet<String>, scope: &str) -> bool {
    scope
        .strip_suffix('*')
        .is_some_and(|role| scopes.iter().any(|other| other.starts_with(role)))
}

/// Returns whether a path is this directory or below it.
fn is_within(path: &str, directory: &str) -> bool {
    let directory = directory.trim_end_matches('/');
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl std::fmt::Display for Grants {
    /// Writes the grants like a registration: `exec [fuse, worker], http [worker:9567],
    /// privileged`; `none` if nothing is granted.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = self.held().into_iter();
        let parts: Vec<String> = held
            .map(|(name, scopes)| match scopes {
                Some(scopes) => format!(
                    "{name} [{}]",
                    Vec::from_iter(scopes.iter().map(String::as_str)).join(", ")
                ),
                None => name.to_owned(),
            })
            .collect();
        if parts.is_empty() {
            out.write_str("none")
        } else {
            out.write_str(&parts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests;
