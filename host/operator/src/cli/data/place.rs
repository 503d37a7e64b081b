//! Where a command works: the cluster, the namespace, and the words that lead back to it.

use anyhow::{Context as _, Result};
use kube::api::{DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, Config, ResourceExt};
use wasser_api::operations::OperationKind;
use wasser_engine::operations::operation::resource;

use super::names::Named;
use super::problem::{Attempt, Problem};
use crate::cli::cluster::ClusterArgs;

/// The namespace of kubeconfigs that name none.
const DEFAULT: &str = "default";

/// Which cluster, and which namespace.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct PlaceArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// The namespace of operation and Dataset [default: that of the context].
    #[arg(long, short, value_name = "NAME", help_heading = "Cluster")]
    namespace: Option<String>,
}

impl PlaceArgs {
    /// Returns the namespace without a request: what is only printed needs no cluster, unless the user
    /// names one.
    pub async fn namespace(&self) -> Result<String> {
        if let Some(name) = &self.namespace {
            return Ok(name.clone());
        }
        match self.cluster.config().await {
            Ok(config) => Ok(config.default_namespace),
            Err(_) if self.cluster.is_default() => Ok(DEFAULT.to_owned()),
            Err(error) => Err(error),
        }
    }

    /// Returns a client, and the words that lead back to what it works on.
    pub async fn session(&self, program: &str) -> Result<Session> {
        let config: Config = self.cluster.config().await?;
        let namespace = self.namespace.clone();
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).context("preparing the connection to the cluster")?;
        Ok(Session {
            client,
            namespace,
            program: program.to_owned(),
            repeated: self.cluster.repeated(),
        })
    }
}

/// A client, and where it works.
#[derive(Clone)]
pub struct Session {
    /// The client.
    pub client: Client,
    /// The namespace.
    pub namespace: String,
    /// What users call this program: `wasser`.
    pub program: String,
    /// The options that lead to the same cluster again.
    pub repeated: String,
}

impl Session {
    /// Returns a command of this program on the operation, to be copied.
    pub fn command(&self, verb: &str, named: &Named) -> String {
        let (program, namespace, repeated) = (&self.program, &self.namespace, &self.repeated);
        format!("{program} data {verb} {named} -n {namespace}{repeated}")
    }

    /// Returns the operations of a kind in the namespace.
    pub fn api(&self, kind: OperationKind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource(kind))
    }

    /// Returns the Datasets of the namespace.
    pub fn datasets(&self) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk(wasser_api::GROUP, wasser_api::VERSION, "Dataset");
        let resource = ApiResource::from_gvk_with_plural(&gvk, "datasets");
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Returns a request of this session, as messages call it.
    pub fn attempt<'a>(&'a self, verb: &'static str, resource: &'a str, what: String) -> Attempt<'a> {
        Attempt {
            verb,
            resource,
            namespace: Some(&self.namespace),
            what,
        }
    }

    /// Returns why an operation is not found, with the names of those that are there.
    pub async fn missing(&self, named: &Named) -> Problem {
        let listed = self.api(named.kind).list_metadata(&ListParams::default()).await;
        let there = match listed {
            Ok(list) => {
                let names: Vec<String> = list.iter().map(ResourceExt::name_any).collect();
                super::problem::there(&names)
            }
            // Whoever may not list them learns what is certain.
            Err(_) => String::new(),
        };
        Problem::NoOperation {
            named: named.clone(),
            namespace: self.namespace.clone(),
            there,
        }
    }
}

/// Returns the name of a resource with its group, as RBAC has it.
pub fn qualified(kind: OperationKind) -> String {
    format!("{}.{}", kind.plural(), wasser_api::GROUP)
}
