//! Requests in the words of RBAC.

/// A request in the words of RBAC.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: &'static str,
    /// `pods`, `pods/exec`; `other` where the path is not that of a resource, so that the number of
    /// label values stays bounded.
    pub resource: String,
}

impl Call {
    /// Reads a request.
    pub fn of(method: &str, path: &str, query: &str) -> Self {
        let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        // A server behind a proxy has a prefix.
        let start = parts
            .iter()
            .position(|part| *part == "api" || *part == "apis")
            .unwrap_or(parts.len());
        parts.drain(..start);
        let skipped = match parts.first() {
            Some(&"api") => 2,
            Some(&"apis") => 3,
            _ => parts.len(),
        };
        parts.drain(..skipped.min(parts.len()));
        if parts.first() == Some(&"namespaces") && parts.len() > 2 {
            parts.drain(..2);
        }
        let (resource, named) = match parts.as_slice() {
            [] => ("other".to_owned(), true),
            [resource] => ((*resource).to_owned(), false),
            [resource, _] => ((*resource).to_owned(), true),
            [resource, _, sub, ..] => (format!("{resource}/{sub}"), true),
        };
        let watching = query
            .split('&')
            .any(|parameter| matches!(parameter, "watch=true" | "watch=1"));
        let verb = match (method, named) {
            ("GET", _) if watching => "watch",
            ("GET", true) => "get",
            ("GET", false) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", true) => "delete",
            ("DELETE", false) => "deletecollection",
            _ => "other",
        };
        Self { verb, resource }
    }

    /// Returns whether the request changes something.
    pub fn writes(&self) -> bool {
        !matches!(self.verb, "get" | "list" | "watch" | "other")
    }

    /// Returns whether the answer takes as long as somebody listens, or as a pod takes to answer.
    pub fn is_open_ended(&self) -> bool {
        let sub = self.resource.split_once('/').map_or("", |(_, sub)| sub);
        self.verb == "watch" || matches!(sub, "exec" | "attach" | "portforward" | "proxy" | "log")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "GET",
        "/api/v1/namespaces/default/pods",
        "watch=true&resourceVersion=3",
        "watch",
        "pods"
    )]
    #[case("GET", "/api/v1/namespaces/default/pods", "labelSelector=a", "list", "pods")]
    #[case("GET", "/api/v1/namespaces/default/pods/a/exec", "command=df", "get", "pods/exec")]
    #[case("GET", "/api/v1/namespaces/default", "", "get", "namespaces")]
    #[case("GET", "/api/v1/namespaces", "", "list", "namespaces")]
    #[case(
        "PATCH",
        "/apis/data.fluid.io/v1alpha1/namespaces/default/datasets/a/status",
        "fieldManager=wasser",
        "patch",
        "datasets/status"
    )]
    #[case(
        "POST",
        "/apis/apps/v1/namespaces/default/statefulsets",
        "",
        "create",
        "statefulsets"
    )]
    #[case("DELETE", "/api/v1/persistentvolumes/default-a", "", "delete", "persistentvolumes")]
    #[case("DELETE", "/api/v1/namespaces/default/pods", "", "deletecollection", "pods")]
    #[case("GET", "/k8s/clusters/x/api/v1/nodes/n", "", "get", "nodes")]
    #[case("GET", "/version", "", "get", "other")]
    #[case("GET", "/apis", "", "get", "other")]
    fn requests_are_named_as_in_rbac(
        #[case] method: &str,
        #[case] path: &str,
        #[case] query: &str,
        #[case] verb: &'static str,
        #[case] resource: &str,
    ) {
        assert_eq!(
            Call::of(method, path, query),
            Call {
                verb,
                resource: resource.to_owned()
            }
        );
    }
}
