//! The client of the API server, which counts its requests.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::{Layer, Service};

use crate::metrics::Metrics;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client that counts every request by verb and resource.
///
/// # Errors
/// If the configuration cannot be used: certificates that cannot be read, for example.
pub fn client(mut config: Config, metrics: &Arc<Metrics>) -> kube::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let counting = Counting {
        metrics: metrics.clone(),
    };
    Ok(ClientBuilder::try_from(config)?.with_layer(&counting).build())
}

#[derive(Clone)]
struct Counting {
    metrics: Arc<Metrics>,
}

impl<S> Layer<S> for Counting {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            metrics: self.metrics.clone(),
        }
    }
}

/// A service whose requests are counted when they are sent; a request that is sent again by a layer
/// below counts once.
#[derive(Clone)]
struct Counted<S> {
    inner: S,
    metrics: Arc<Metrics>,
}

impl<S, B> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let call = Call::of(
            request.method().as_str(),
            request.uri().path(),
            request.uri().query().unwrap_or_default(),
        );
        self.metrics.api_request(call.verb, &call.resource);
        self.inner.call(request)
    }
}

/// A request in the words of RBAC.
#[derive(Debug, PartialEq, Eq)]
struct Call {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `deletecollection`.
    verb: &'static str,
    /// `pods`, `pods/exec`; `other` where the path is not that of a resource, so that the number of
    /// label values stays bounded.
    resource: String,
}

impl Call {
    fn of(method: &str, path: &str, query: &str) -> Self {
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
