//! Who may do what: roles, bindings and Secrets of a chart give no more than the chart's own pods
//! need.

use std::collections::BTreeSet;

use kube::api::DynamicObject;
use serde_json::Value;

use super::problem::Problem;
use super::{Policy, kinds, rules};

const RBAC: &str = "rbac.authorization.k8s.io";
/// Types of Secret that somebody acts on: a token is put into the first, the second is a release.
const SECRET_TYPES: [&str; 2] = ["kubernetes.io/service-account-token", "helm.sh/release.v1"];

/// What the objects of one chart may refer to.
#[derive(Debug, Default)]
pub struct Own<'a> {
    namespace: &'a str,
    roles: BTreeSet<&'a str>,
    accounts: BTreeSet<&'a str>,
    secrets: BTreeSet<&'a str>,
    claims: BTreeSet<&'a str>,
}

impl<'a> Own<'a> {
    /// The roles, accounts, Secrets and claims among these objects.
    pub fn of(namespace: &'a str, objects: &[&'a DynamicObject]) -> Self {
        let keys = objects.iter().filter_map(|object| {
            let (group, kind) = kinds::identify(object)?;
            Some((group, kind, object.metadata.name.as_deref()?))
        });
        Self::named(namespace, keys)
    }

    /// The roles, accounts, Secrets and claims among objects of these groups, kinds and names.
    pub fn named(namespace: &'a str, keys: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> Self {
        let mut own = Self {
            namespace,
            ..Self::default()
        };
        for (group, kind, name) in keys.into_iter().filter(|(group, kind, _)| gives_access(group, kind)) {
            let names = match (group, kind) {
                (RBAC, _) => &mut own.roles,
                (_, "Secret") => &mut own.secrets,
                (_, "PersistentVolumeClaim") => &mut own.claims,
                _ => &mut own.accounts,
            };
            names.insert(name);
        }
        own
    }

    /// Whether the chart has this Secret.
    pub fn has_secret(&self, name: &str) -> bool {
        self.secrets.contains(name)
    }

    /// Whether the chart has this claim.
    pub fn has_claim(&self, name: &str) -> bool {
        self.claims.contains(name)
    }

    /// Whether pods may run under this account.
    pub fn check_account(&self, account: &str) -> Result<(), Problem> {
        if self.accounts.contains(account) {
            Ok(())
        } else {
            Err(Problem::ForeignAccount {
                account: account.to_owned(),
            })
        }
    }

    /// Checks what gives access; anything else passes.
    pub fn check(&self, group: &str, kind: &str, data: &Value, policy: &Policy) -> Result<(), Problem> {
        match (group, kind) {
            ("", "Secret") => check_secret(data),
            (RBAC, "Role") => rules::check(data, &policy.rbac, &policy.owner.name),
            (RBAC, "RoleBinding") => self.check_binding(data),
            _ => Ok(()),
        }
    }

    fn check_binding(&self, data: &Value) -> Result<(), Problem> {
        let reference = &data["roleRef"];
        let (kind, name) = (text(reference, "kind"), text(reference, "name"));
        if kind != "Role" || !self.roles.contains(name) {
            return Err(Problem::ForeignRole {
                kind: kind.to_owned(),
                name: name.to_owned(),
            });
        }
        for subject in data["subjects"].as_array().into_iter().flatten() {
            let (kind, name, namespace) = (text(subject, "kind"), text(subject, "name"), text(subject, "namespace"));
            let near = namespace.is_empty() || namespace == self.namespace;
            if kind != "ServiceAccount" || !near || !self.accounts.contains(name) {
                return Err(Problem::ForeignSubject {
                    kind: kind.to_owned(),
                    name: name.to_owned(),
                });
            }
        }
        Ok(())
    }
}

/// Whether others of a release may refer to an object of this kind to get access.
pub fn gives_access(group: &str, kind: &str) -> bool {
    matches!(
        (group, kind),
        (RBAC, "Role") | ("", "ServiceAccount" | "Secret" | "PersistentVolumeClaim")
    )
}

fn check_secret(data: &Value) -> Result<(), Problem> {
    let kind = text(data, "type");
    if SECRET_TYPES.contains(&kind) {
        Err(Problem::SecretType { kind: kind.to_owned() })
    } else {
        Ok(())
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}
