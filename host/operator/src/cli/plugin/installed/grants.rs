//! The capabilities of a plugin that is installed: asked for, given, and agreed to.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_plugin::bindings::types::Want;
use wasser_plugin::{GrantError, Grants};

use super::error::ChangeError;

/// A part of plugin.yaml whose values an administrator may change.
pub type Section = BTreeMap<String, Value>;

/// What each capability means for the cluster.
const MEANINGS: [(&str, &str); 14] = [
    ("exec", "runs commands in pods of these roles"),
    ("http", "sends GET requests to these roles and ports"),
    ("secrets", "reads Secrets of its runtimes' namespaces"),
    ("objects", "reads objects of these kinds"),
    ("ports", "takes ports of nodes"),
    ("state", "keeps a few KiB for each runtime"),
    ("events", "publishes events on its runtimes"),
    ("kinds", "its chart installs objects of these kinds"),
    ("rbac", "its chart gives its pods these rights"),
    ("fuse", "its pods mount file systems for their node"),
    ("privileged", "its pods are privileged: they have their node"),
    ("host-network", "its pods are in the network of their node"),
    ("host-paths", "its pods have these directories of their node"),
    ("system-priority", "its pods have the priority of Kubernetes' own"),
];

/// The capabilities that have scopes.
const SCOPED: [&str; 6] = ["exec", "http", "objects", "kinds", "rbac", "host-paths"];

/// Reads `--grant`: `fuse`, `exec=worker`, `kinds=StatefulSet,Service`.
pub fn want(text: &str) -> Result<Want, String> {
    let (capability, scope) = match text.split_once('=') {
        Some((name, scope)) => (name, scope.split(',').map(str::to_owned).collect()),
        None => (text, Vec::new()),
    };
    if MEANINGS.iter().all(|(name, _)| *name != capability) {
        return Err(GrantError::Unknown(capability.to_owned()).to_string());
    }
    let is_scoped = SCOPED.contains(&capability);
    if scope.iter().any(String::is_empty) || is_scoped == scope.is_empty() {
        let form = if is_scoped { "NAME=SCOPE,…" } else { "NAME alone" };
        return Err(format!(
            "`{capability}` is given in the form {form}, as in `exec=worker` and `fuse`"
        ));
    }
    let want = Want {
        capability: capability.to_owned(),
        scope,
    };
    Grants::wanted(std::slice::from_ref(&want)).map_err(|error| error.to_string())?;
    Ok(want)
}

/// Returns grants as plugin.yaml has them.
pub fn yaml(grants: &Grants) -> Section {
    let value = |want: Want| {
        let value = match want.capability.as_str() {
            "rbac" => rules(want.scope.iter()),
            _ if want.scope.is_empty() => Value::Bool(true),
            _ => json!(want.scope),
        };
        (want.capability, value)
    };
    grants.as_wants().into_iter().map(value).collect()
}

/// Returns permissions as the rules of a Role.
pub fn rules<'a>(permissions: impl Iterator<Item = &'a String>) -> Value {
    Value::Array(permissions.map(|permission| rule(permission)).collect())
}

/// Returns a permission as the rule of a Role: of `deployments.apps/scale:patch`, its group, its
/// resource, and its verb.
fn rule(permission: &str) -> Value {
    let (resource, verb) = permission.split_once(':').unwrap_or((permission, ""));
    let (resource, part) = match resource.split_once('/') {
        Some((resource, part)) => (resource, format!("/{part}")),
        None => (resource, String::new()),
    };
    let (resource, group) = resource
        .split_once('.')
        .filter(|(_, group)| !group.is_empty())
        .unwrap_or((resource, ""));
    json!({"apiGroups": [group], "resources": [format!("{resource}{part}")], "verbs": [verb]})
}

/// Returns one line for each capability, with its scope and what it means.
pub fn lines(grants: &Grants) -> Vec<String> {
    let meanings = BTreeMap::from(MEANINGS);
    let line = |want: Want| {
        let meaning = meanings.get(want.capability.as_str()).copied().unwrap_or_default();
        match want.scope.join(", ") {
            scope if scope.is_empty() => format!("{}: {meaning}", want.capability),
            scope => format!("{} [{scope}]: {meaning}", want.capability),
        }
    };
    grants.as_wants().into_iter().map(line).collect()
}

/// Returns what is in one of two sets, or in both.
pub fn union(one: &Grants, other: &Grants) -> Result<Grants, GrantError> {
    Grants::wanted(&[one.as_wants(), other.as_wants()].concat())
}

/// What a decision about grants depends on.
#[derive(Debug)]
pub struct Request<'a> {
    /// What the component asks for.
    pub wanted: &'a Grants,
    /// What its author proposes to give, if plugin.yaml says it.
    pub proposed: Option<&'a Grants>,
    /// What the registration gives now.
    pub given: &'a Grants,
    /// What was asked for when that was decided.
    pub known: &'a Grants,
    /// What the user names.
    pub named: &'a [Want],
}

/// What a plugin may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What it gets, if the user agrees.
    pub grants: Grants,
    /// What of that nobody has agreed to yet.
    pub new: Grants,
    /// What it asks for and does not get.
    pub declined: Grants,
    /// What anybody was asked for, so that nobody is asked again. What its author proposes not to give
    /// is not part of it, and is asked for once that changes.
    pub asked: Grants,
}

impl Request<'_> {
    /// Decides. What was given stays, as far as it is asked for. What was asked for before and not
    /// given is not given now, unless the user names it.
    ///
    /// # Errors
    /// The user names something that is not asked for.
    pub fn decide(&self) -> Result<Decision, ChangeError> {
        let kept = self.given.intersect(self.wanted);
        let proposed = self
            .proposed
            .map_or_else(|| self.wanted.clone(), |proposed| self.wanted.intersect(proposed));
        let (grants, new) = if self.named.is_empty() {
            let new = proposed.without(&kept).without(self.known);
            (union(&kept, &new)?, new)
        } else {
            let named = Grants::wanted(self.named)?;
            let unasked = named.without(self.wanted);
            if !unasked.is_empty() {
                return Err(ChangeError::Unasked {
                    named: unasked.to_string(),
                    wanted: self.wanted.to_string(),
                });
            }
            (union(&kept, &named)?, Grants::default())
        };
        Ok(Decision {
            declined: self.wanted.without(&grants),
            asked: union(&proposed, &grants)?,
            grants,
            new,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn wants(text: &str) -> Vec<Want> {
        text.split_whitespace().map(|text| want(text).unwrap()).collect()
    }

    fn grants(text: &str) -> Grants {
        Grants::wanted(&wants(text)).unwrap()
    }

    /// Decides about what is wanted, given, known and named, in this order.
    fn decided(request: [&str; 4], proposed: Option<&str>) -> Result<[String; 3], ChangeError> {
        let [wanted, given, known, named] = request;
        let decision = Request {
            wanted: &grants(wanted),
            proposed: proposed.map(grants).as_ref(),
            given: &grants(given),
            known: &grants(known),
            named: &wants(named),
        }
        .decide()?;
        Ok([decision.grants, decision.new, decision.declined].map(|grants| grants.to_string()))
    }

    #[rstest]
    #[case::first(["exec=worker fuse", "", "", ""], None, ["exec [worker], fuse", "exec [worker], fuse", "none"])]
    #[case::author(["exec=worker privileged", "", "", ""], Some("exec=worker"),
        ["exec [worker]", "exec [worker]", "privileged"])]
    #[case::named(["exec=worker fuse", "", "", "exec=worker"], None, ["exec [worker]", "none", "fuse"])]
    #[case::the_same(["fuse", "fuse", "fuse", ""], None, ["fuse", "none", "none"])]
    #[case::more(["exec=worker,fuse", "exec=worker", "exec=worker", ""], None,
        ["exec [fuse, worker]", "exec [fuse]", "none"])]
    #[case::refused_before(["exec=worker secrets", "exec=worker", "exec=worker secrets", ""], None,
        ["exec [worker]", "none", "secrets"])]
    #[case::no_longer_asked(["fuse", "exec=worker fuse", "exec=worker fuse", ""], None, ["fuse", "none", "none"])]
    #[case::narrowed(["http=worker:*", "http=worker:80", "http=worker:*", ""], None,
        ["http [worker:80]", "none", "none"])]
    fn grants_are_decided(#[case] request: [&str; 4], #[case] proposed: Option<&str>, #[case] decision: [&str; 3]) {
        assert_eq!(decided(request, proposed).unwrap(), decision);
    }

    #[rstest]
    #[case::proposed(None, "", "exec [worker], secrets")]
    #[case::not_proposed(Some("exec=worker"), "", "exec [worker]")]
    #[case::declined(None, "exec=worker", "exec [worker], secrets")]
    #[case::named(Some("exec=worker"), "secrets", "exec [worker], secrets")]
    fn what_was_asked_for_is_remembered(#[case] proposed: Option<&str>, #[case] named: &str, #[case] asked: &str) {
        let (none, wanted, proposed, named) = (
            Grants::default(),
            grants("exec=worker secrets"),
            proposed.map(grants),
            wants(named),
        );
        let request = Request {
            wanted: &wanted,
            proposed: proposed.as_ref(),
            given: &none,
            known: &none,
            named: &named,
        };
        assert_eq!(request.decide().unwrap().asked.to_string(), asked);
    }

    #[test]
    fn what_nobody_asks_for_is_not_given() {
        let refused = decided(["exec=worker", "", "", "exec=worker secrets"], None).unwrap_err();
        let refused = refused.to_string();
        assert!(
            refused.contains("`secrets`") && refused.contains("exec [worker]"),
            "{refused}"
        );
    }

    #[rstest]
    #[case("fuse=yes", "NAME alone")]
    #[case("exec", "NAME=SCOPE")]
    #[case("exec=", "NAME=SCOPE")]
    #[case("exce=worker", "there is no capability `exce`")]
    #[case("fly", "there is no capability `fly`")]
    #[case("http=worker", "`worker` in `http`")]
    fn a_grant_has_a_form(#[case] text: &str, #[case] says: &str) {
        let refused = want(text).unwrap_err();
        assert!(refused.contains(says), "{refused}");
    }

    #[test]
    fn every_capability_is_explained_and_read_as_it_is_written() {
        let all = grants(
            "exec=worker http=worker:80 secrets objects=Pod ports state events kinds=Service fuse privileged \
             rbac=deployments.apps/scale:patch,pods/log:get,secrets:get host-network host-paths=/data system-priority",
        );
        let lines = lines(&all);
        assert_eq!(lines.len(), MEANINGS.len());
        assert!(lines.iter().all(|line| !line.ends_with(": ")), "{lines:?}");
        let read: Grants = serde_json::from_value(json!(yaml(&all))).unwrap();
        assert_eq!(read, all);
    }
}
