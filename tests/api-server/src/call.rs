//! Parses requests into verb, resource and parameters.

use std::collections::BTreeMap;

use http::{Method, Uri};

/// A request as RBAC describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The verb.
    pub verb: Verb,
    /// The API group; empty for the core.
    pub group: String,
    /// The version of the group.
    pub version: String,
    /// The plural: `configmaps`.
    pub resource: String,
    /// `status`, `scale`, `exec`, `proxy`, `log`, or empty.
    pub subresource: String,
    /// The path after the subresource, for `proxy`.
    pub rest: String,
    /// The namespace; empty for all or none.
    pub namespace: String,
    /// The name; empty if the request is about a collection.
    pub name: String,
    /// The parameters.
    pub query: Query,
}

/// A verb of RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Read one.
    Get,
    /// Read a collection.
    List,
    /// Follow a collection.
    Watch,
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH of any kind.
    Patch,
    /// DELETE of one.
    Delete,
    /// DELETE of a collection.
    DeleteCollection,
}

impl Verb {
    /// Returns the verb as RBAC spells it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::DeleteCollection => "deletecollection",
        }
    }

    /// Returns whether the verb changes objects.
    pub fn writes(self) -> bool {
        !matches!(self, Self::Get | Self::List | Self::Watch)
    }
}

/// The parameters of a request; a repeated key keeps its values in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(BTreeMap<String, Vec<String>>);

impl Query {
    /// Parses the part of an address after the question mark.
    pub fn parse(text: &str) -> Self {
        let mut all = BTreeMap::<String, Vec<String>>::new();
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            all.entry(key.into_owned()).or_default().push(value.into_owned());
        }
        Self(all)
    }

    /// Returns the first value of a key; empty if it is not set.
    pub fn get(&self, key: &str) -> &str {
        self.all(key).first().map_or("", String::as_str)
    }

    /// Returns all values of a key.
    pub fn all(&self, key: &str) -> &[String] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }

    /// Returns whether a key is set to `true` or `1`.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), "true" | "1")
    }
}

/// The subject of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Objects.
    Objects(Call),
    /// The parts of a path that describes the server: `/version`, `/api`, `/apis/…`.
    Description(Vec<String>),
}

impl Target {
    /// Parses method and address. `None` if no API server has such a path.
    pub fn of(method: &Method, uri: &Uri) -> Option<Self> {
        let parts: Vec<&str> = uri.path().split('/').filter(|part| !part.is_empty()).collect();
        let described = || Self::Description(parts.iter().map(|part| (*part).to_owned()).collect());
        let (group, version, rest) = match parts.as_slice() {
            ["version"] | ["api" | "apis"] | ["api", _] | ["apis", _] | ["apis", _, _] => return Some(described()),
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() && !is_subresource(rest) => (*namespace, rest),
            _ => ("", rest),
        };
        let (resource, name, subresource, rest) = match rest {
            [resource] => (*resource, "", "", String::new()),
            [resource, name] => (*resource, *name, "", String::new()),
            [resource, name, subresource, rest @ ..] => (*resource, *name, *subresource, rest.join("/")),
            [] => return None,
        };
        let query = Query::parse(uri.query().unwrap_or_default());
        let verb = verb(method, !name.is_empty(), query.flag("watch"))?;
        Some(Self::Objects(Call {
            verb,
            group: group.to_owned(),
            version: version.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            rest,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            query,
        }))
    }
}

/// Returns whether the path after `namespaces/NAME` is a subresource of the namespace itself.
fn is_subresource(rest: &[&str]) -> bool {
    matches!(rest, ["status" | "finalize"])
}

fn verb(method: &Method, named: bool, watch: bool) -> Option<Verb> {
    Some(match (method.as_str(), named) {
        ("GET", _) if watch => Verb::Watch,
        ("GET", true) => Verb::Get,
        ("GET", false) => Verb::List,
        ("POST", _) => Verb::Create,
        ("PUT", true) => Verb::Update,
        ("PATCH", true) => Verb::Patch,
        ("DELETE", true) => Verb::Delete,
        ("DELETE", false) => Verb::DeleteCollection,
        _ => return None,
    })
}

impl Call {
    /// Returns the request without its parameters.
    pub(crate) fn without_query(&self) -> Self {
        Self {
            query: Query::default(),
            ..self.clone()
        }
    }

    /// Returns resource and subresource: `datasets/status`.
    pub fn path(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn call(method: &str, uri: &str) -> Call {
        match Target::of(&method.parse().unwrap(), &uri.parse().unwrap()) {
            Some(Target::Objects(call)) => call,
            other => panic!("{method} {uri}: {other:?}"),
        }
    }

    #[rstest]
    #[case("GET", "/api/v1/namespaces/a/pods/b", "get", "pods", "a", "b")]
    #[case("GET", "/api/v1/namespaces/a/pods?watch=true", "watch", "pods", "a", "")]
    #[case("GET", "/api/v1/pods", "list", "pods", "", "")]
    #[case("GET", "/api/v1/namespaces/a", "get", "namespaces", "", "a")]
    #[case("PATCH", "/api/v1/namespaces/a/status", "patch", "namespaces/status", "", "a")]
    #[case(
        "PATCH",
        "/apis/apps/v1/namespaces/a/statefulsets/b/scale",
        "patch",
        "statefulsets/scale",
        "a",
        "b"
    )]
    #[case("DELETE", "/api/v1/persistentvolumes/v", "delete", "persistentvolumes", "", "v")]
    #[case("DELETE", "/api/v1/namespaces/a/pods", "deletecollection", "pods", "a", "")]
    fn requests_are_read(
        #[case] method: &str,
        #[case] uri: &str,
        #[case] verb: &str,
        #[case] path: &str,
        #[case] namespace: &str,
        #[case] name: &str,
    ) {
        let call = call(method, uri);
        assert_eq!(
            (
                call.verb.word(),
                call.path().as_str(),
                call.namespace.as_str(),
                call.name.as_str()
            ),
            (verb, path, namespace, name)
        );
    }

    #[test]
    fn what_follows_a_proxy_is_kept() {
        let call = call("GET", "/api/v1/namespaces/a/pods/b:80/proxy/x/y");
        assert_eq!((call.name.as_str(), call.rest.as_str()), ("b:80", "x/y"));
    }

    #[test]
    fn parameters_may_come_twice() {
        let query = Query::parse("command=df&command=-h&stdout=true");
        assert_eq!(query.all("command"), ["df", "-h"]);
        assert!(query.flag("stdout") && !query.flag("stdin"));
    }
}
