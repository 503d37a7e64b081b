//! The bare client.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use futures::{TryStreamExt, stream};
use kube::api::{DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::Value;

use super::template::{Patches, Template, Uids};
use crate::objects::NAMESPACE;

/// How many Datasets are written at a time.
const AT_ONCE: usize = 16;

/// A client of the benchmark's API server.
pub struct Writer {
    threads: tokio::runtime::Runtime,
    client: Client,
    runtime_kind: &'static str,
}

impl Writer {
    /// Connects to a cluster.
    pub fn new(kubeconfig: &Path, runtime_kind: &'static str) -> Result<Self> {
        let threads = tokio::runtime::Runtime::new().context("starting the client's threads")?;
        let client = threads.block_on(async {
            let file = Kubeconfig::read_from(kubeconfig)?;
            let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
            anyhow::Ok(Client::try_from(config)?)
        })?;
        Ok(Self {
            threads,
            client,
            runtime_kind,
        })
    }

    /// Writes what makes all Datasets those of a cluster where the operator has done its work.
    pub fn write(&self, template: &Template, count: u32) -> Result<()> {
        self.threads.block_on(async {
            let datasets = self.uids("Dataset").await?;
            let runtimes = self.uids(self.runtime_kind).await?;
            stream::iter((0..count).map(Ok))
                .try_for_each_concurrent(AT_ONCE, |number| {
                    let name = format!("data-{number:04}");
                    let uid = |of: &BTreeMap<String, String>| of.get(&name).cloned().unwrap_or_default();
                    let uids = Uids {
                        dataset: uid(&datasets),
                        runtime: uid(&runtimes),
                    };
                    async move {
                        let written = self.write_one(template, &name, &uids).await;
                        written.with_context(|| format!("writing what belongs to the Dataset {name}"))
                    }
                })
                .await
        })
    }

    async fn uids(&self, kind: &str) -> Result<BTreeMap<String, String>> {
        let list = self.fluid(kind).list(&ListParams::default()).await?;
        let uids = list
            .items
            .into_iter()
            .map(|object| (object.name_any(), object.uid().unwrap_or_default()));
        Ok(uids.collect())
    }

    async fn write_one(&self, template: &Template, name: &str, uids: &Uids) -> Result<()> {
        let writes = template.writes(name, uids)?;
        for object in writes.created {
            let object: DynamicObject = serde_json::from_value(object)?;
            let (kind, api) = (object.types.clone().unwrap_or_default().kind, self.api_of(&object)?);
            let created = api.create(&PostParams::default(), &object).await;
            created.with_context(|| format!("creating the {kind} {}", object.name_any()))?;
        }
        for (kind, Patches { object, status }) in [("Dataset", writes.dataset), (self.runtime_kind, writes.runtime)] {
            let (api, merge) = (self.fluid(kind), PatchParams::default());
            api.patch_metadata(name, &merge, &Patch::Merge(object)).await?;
            api.patch_status(name, &merge, &Patch::<Value>::Merge(status)).await?;
        }
        Ok(())
    }

    fn fluid(&self, kind: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("data.fluid.io", "v1alpha1", kind);
        Api::namespaced_with(self.client.clone(), NAMESPACE, &ApiResource::from_gvk(&kind))
    }

    fn api_of(&self, object: &DynamicObject) -> Result<Api<DynamicObject>> {
        let types = object.types.as_ref().context("an object has no kind")?;
        let resource = ApiResource::from_gvk(&GroupVersionKind::try_from(types)?);
        Ok(match &object.metadata.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &resource),
            None => Api::all_with(self.client.clone(), &resource),
        })
    }
}
