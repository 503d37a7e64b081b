//! Where a command works: the cluster, the operator's namespace, and its ConfigMaps.

use anyhow::Result;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, PostParams, Preconditions};
use kube::{Api, Client, ResourceExt};
use wasser_plugin::{PLUGIN_LABEL, Registration};

use super::error::ChangeError;
use super::record::MANAGER;
use crate::cli::cluster::ClusterArgs;
use crate::cli::data::problem::{Attempt, Problem, there};

/// How often a write is tried again that met one of somebody else.
const ATTEMPTS: usize = 5;

/// Which cluster, and where its operator is.
#[derive(Debug, Clone, clap::Args)]
pub struct PlaceArgs {
    #[command(flatten)]
    cluster: ClusterArgs,
    /// The namespace of the operator, in which plugins are registered.
    #[arg(
        long,
        short,
        value_name = "NAME",
        default_value = "wasser-system",
        help_heading = "Cluster"
    )]
    namespace: String,
}

impl PlaceArgs {
    /// Returns a client, and the words that lead back to what it works on.
    pub async fn desk(&self) -> Result<Desk> {
        Ok(Desk {
            client: self.cluster.client().await?,
            namespace: self.namespace.clone(),
            repeated: self.cluster.repeated(),
        })
    }
}

/// A client, and where it works.
#[derive(Clone)]
pub struct Desk {
    /// The client.
    pub client: Client,
    /// The operator's namespace.
    pub namespace: String,
    /// The options that lead to the same cluster again.
    pub repeated: String,
}

impl Desk {
    /// Returns a command of this program, to be copied.
    pub fn command(&self, words: &str) -> String {
        format!("wasser plugin {words} -n {}{}", self.namespace, self.repeated)
    }

    /// Returns a command of kubectl on the same cluster, to be copied.
    pub fn kubectl(&self, words: &str) -> String {
        format!("kubectl {words}{}", self.repeated)
    }

    /// Returns the ConfigMaps of the namespace.
    pub fn maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// Returns a request about ConfigMaps, as messages call it.
    pub fn attempt(&self, verb: &'static str, what: String) -> Attempt<'_> {
        Attempt {
            verb,
            resource: "configmaps",
            namespace: Some(&self.namespace),
            what,
        }
    }

    /// Returns the ConfigMap of this name, if there is one.
    ///
    /// # Errors
    /// The API server does not say it.
    pub async fn look(&self, name: &str) -> Result<Option<ConfigMap>, ChangeError> {
        let found = self.maps().get_opt(name).await;
        found.map_err(|error| self.problem(&error, "get", &format!("looking for the ConfigMap {name}")))
    }

    /// Returns the ConfigMap of this name.
    ///
    /// # Errors
    /// There is none; the message has the names of the plugins that there are.
    pub async fn find(&self, name: &str) -> Result<ConfigMap, ChangeError> {
        if let Some(map) = self.look(name).await? {
            return Ok(map);
        }
        let names: Vec<String> = self.registrations().await?.iter().map(ResourceExt::name_any).collect();
        Err(ChangeError::Missing {
            name: name.to_owned(),
            namespace: self.namespace.clone(),
            there: there(&names),
        })
    }

    /// Returns all registrations, by name.
    ///
    /// # Errors
    /// The API server does not list them.
    pub async fn registrations(&self) -> Result<Vec<ConfigMap>, ChangeError> {
        let labelled = ListParams::default().labels(&format!("{PLUGIN_LABEL}=true"));
        let listed = self.maps().list(&labelled).await;
        let mut maps = listed
            .map_err(|error| self.problem(&error, "list", "listing the registrations of plugins"))?
            .items;
        maps.sort_by_key(ResourceExt::name_any);
        Ok(maps)
    }

    /// Returns the name of another registration that claims this kind, if there is one.
    ///
    /// # Errors
    /// The API server does not list them.
    pub async fn claimant(&self, kind: &str, except: &str) -> Result<Option<String>, ChangeError> {
        let others = self
            .registrations()
            .await?
            .into_iter()
            .filter(|map| map.name_any() != except);
        let mut claiming = others.filter(|map| Registration::claimed_kind(map).as_deref() == Some(kind));
        Ok(claiming.next().map(|map| map.name_any()))
    }

    /// Creates a ConfigMap. One of the same name is not changed.
    ///
    /// # Errors
    /// There is one, or the API server refuses it.
    pub async fn create(&self, map: &ConfigMap) -> Result<ConfigMap, ChangeError> {
        let created = self.maps().create(&params(), map).await;
        created.map_err(|error| match &error {
            kube::Error::Api(status) if status.is_already_exists() => ChangeError::Changed(map.name_any()),
            _ => self.problem(&error, "create", &format!("creating the ConfigMap {}", map.name_any())),
        })
    }

    /// Changes a ConfigMap that was seen in this state. Annotations that the operator has written
    /// meanwhile do not matter.
    ///
    /// # Errors
    /// Somebody else has changed it meanwhile, or the API server refuses it.
    pub async fn change(&self, seen: &ConfigMap, change: impl Fn(&mut ConfigMap)) -> Result<ConfigMap, ChangeError> {
        let (name, mut latest) = (seen.name_any(), seen.clone());
        let is_as_seen = |map: &ConfigMap| {
            (&map.metadata.uid, &map.data, &map.binary_data) == (&seen.metadata.uid, &seen.data, &seen.binary_data)
        };
        for _ in 0..ATTEMPTS {
            change(&mut latest);
            match self.maps().replace(&name, &params(), &latest).await {
                Ok(map) => return Ok(map),
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => return Err(self.problem(&error, "update", &format!("changing the ConfigMap {name}"))),
            }
            match self.look(&name).await?.filter(is_as_seen) {
                Some(map) => latest = map,
                None => break,
            }
        }
        Err(ChangeError::Changed(name))
    }

    /// Deletes a ConfigMap, unless it is another one by now.
    ///
    /// # Errors
    /// Somebody else has changed it meanwhile, or the API server refuses it.
    pub async fn delete(&self, seen: &ConfigMap) -> Result<(), ChangeError> {
        let (name, only) = (
            seen.name_any(),
            Preconditions {
                uid: seen.uid(),
                resource_version: None,
            },
        );
        let deleted = self
            .maps()
            .delete(&name, &DeleteParams::default().preconditions(only))
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 409 => Err(ChangeError::Changed(name)),
            Err(error) => Err(self.problem(&error, "delete", &format!("deleting the ConfigMap {name}"))),
        }
    }

    fn problem(&self, error: &kube::Error, verb: &'static str, what: &str) -> ChangeError {
        Problem::of(error, &self.attempt(verb, what.to_owned())).into()
    }
}

fn params() -> PostParams {
    PostParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PostParams::default()
    }
}
