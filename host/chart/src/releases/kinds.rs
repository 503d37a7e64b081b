//! Where the API server has the objects of a manifest.

use std::collections::HashMap;
use std::sync::Arc;

use kube::api::{ApiResource, DynamicObject, GroupVersionKind};
use kube::core::PartialObjectMeta;
use kube::discovery::{Scope, pinned_kind};
use kube::{Api, Client};
use parking_lot::Mutex;

use super::error::ReleaseError;
use super::reference::Reference;
use crate::policy::{Problem, Violation, kinds};
use crate::quote;

/// Plurals of kinds, asked once where they cannot be derived.
#[derive(Clone)]
pub struct Kinds {
    client: Client,
    asked: Arc<Mutex<HashMap<GroupVersionKind, ApiResource>>>,
}

impl Kinds {
    /// Kinds of the cluster of this client.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            asked: Arc::default(),
        }
    }

    /// Where objects of this kind are in this namespace.
    pub async fn api(&self, reference: &Reference, namespace: &str) -> Result<Api<DynamicObject>, ReleaseError> {
        let resource = self.resource(reference).await?;
        Ok(Api::namespaced_with(self.client.clone(), namespace, &resource))
    }

    /// The same, for their metadata only.
    pub async fn metadata_api(
        &self,
        reference: &Reference,
        namespace: &str,
    ) -> Result<Api<PartialObjectMeta<DynamicObject>>, ReleaseError> {
        let resource = self.resource(reference).await?;
        Ok(Api::namespaced_with(self.client.clone(), namespace, &resource))
    }

    async fn resource(&self, reference: &Reference) -> Result<ApiResource, ReleaseError> {
        let gvk = &reference.gvk;
        if kinds::is_known(&gvk.group, &gvk.kind) {
            return Ok(ApiResource::from_gvk(gvk));
        }
        if let Some(known) = self.asked.lock().get(gvk) {
            return Ok(known.clone());
        }
        let object = format!("{} {}", quote::name(&gvk.kind), quote::name(&reference.name));
        let unknown = || ReleaseError::UnknownKind {
            object: object.clone(),
            kind: gvk.kind.clone(),
            api_version: gvk.api_version(),
        };
        let (resource, capabilities) = match pinned_kind(&self.client, gvk).await {
            Ok(found) => found,
            Err(kube::Error::Discovery(_)) => return Err(unknown()),
            Err(error) if crate::api_error::is_not_found(&error) => return Err(unknown()),
            Err(error) => {
                return Err(ReleaseError::kube(format!(
                    "asking for the kinds of {}",
                    gvk.api_version()
                ))(error));
            }
        };
        if capabilities.scope == Scope::Cluster {
            return Err(Violation {
                object,
                problem: Problem::ClusterScoped,
            }
            .into());
        }
        self.asked.lock().insert(gvk.clone(), resource.clone());
        Ok(resource)
    }
}
