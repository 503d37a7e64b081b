//! Somebody who uses Wasser: a namespace of a test's own, and a client for it.

use std::path::PathBuf;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::DeleteParams;
use kube::{Api, Client};
use serde_json::json;

use crate::{sweep, tools};

/// Lines of a log that a failure shows.
const SHOWN: usize = 60;

/// A namespace, in which the test has its objects.
pub struct User {
    /// A client of the test's own, which the operator's metrics do not count.
    pub client: Client,
    /// The namespace's name.
    pub namespace: String,
    /// Who serves it.
    pub(crate) logs: Logs,
}

/// Where Wasser logs.
#[derive(Debug, Clone)]
pub(crate) enum Logs {
    /// A process of this machine, into a file.
    File(PathBuf),
    /// Pods in this namespace.
    Pods(&'static str),
}

impl User {
    /// Makes the namespace, after what earlier tests have left is gone.
    pub(crate) async fn new(client: Client, name: &str, logs: Logs) -> Self {
        Self::in_namespace(client, format!("e2e-{name}-{}", std::process::id()), logs).await
    }

    async fn in_namespace(client: Client, namespace: String, logs: Logs) -> Self {
        let object = json!({"metadata": {"name": namespace, "labels": {sweep::LABEL: "true"}}});
        let object: Namespace = serde_json::from_value(object).expect("a Namespace");
        Api::<Namespace>::all(client.clone())
            .create(&Default::default(), &object)
            .await
            .expect("creating the test's namespace");
        Self {
            client,
            namespace,
            logs,
        }
    }

    /// Another namespace of the same test, served by the same operator.
    pub async fn second_namespace(&self) -> Self {
        Self::new(self.client.clone(), "other", self.logs.clone()).await
    }

    /// A namespace of exactly this name, served by the same operator; what an earlier test has left
    /// of it is waited for.
    pub async fn namespace_named(&self, name: &str) -> Self {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        let gone = || async {
            namespaces
                .get_opt(name)
                .await
                .expect("reading a namespace")
                .is_none()
                .then_some(())
        };
        self.eventually(&format!("the namespace {name} of an earlier test is gone"), gone)
            .await;
        Self::in_namespace(self.client.clone(), name.to_owned(), self.logs.clone()).await
    }

    /// Removes the namespace, and does not wait.
    pub async fn leave(&self) {
        let namespaces = Api::<Namespace>::all(self.client.clone());
        namespaces
            .delete(&self.namespace, &DeleteParams::background())
            .await
            .expect("deleting the test's namespace");
    }

    /// What a person would look at first after a failure: the objects, and the end of the log.
    pub async fn situation(&self) -> String {
        let (place, log) = match &self.logs {
            Logs::File(path) => (
                path.display().to_string(),
                std::fs::read_to_string(path).unwrap_or_default(),
            ),
            Logs::Pods(namespace) => {
                let lines = format!("--tail={SHOWN}");
                let selector = "app.kubernetes.io/name=wasser";
                let arguments = [
                    "logs",
                    "-n",
                    namespace,
                    "-l",
                    selector,
                    "--prefix",
                    "--max-log-requests=9",
                    &lines,
                ];
                (
                    format!("the pods in {namespace}"),
                    tools::kubectl_says(&arguments).await,
                )
            }
        };
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(2 * SHOWN)..)
            .unwrap_or_default()
            .join("\n");
        format!("{}\n--- the end of the log of {place}\n{tail}", self.objects().await)
    }
}
