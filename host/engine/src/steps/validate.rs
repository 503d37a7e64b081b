//! What has to hold before anything is done for a runtime.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use wasser_api::conditions;
use wasser_api::dataset::EncryptOption;

use crate::error::EngineError;
use crate::request::Request;

/// How soon a missing Secret is looked for again: Secrets are not watched.
const SECRET_RETRY: Duration = Duration::from_secs(10);

impl Request {
    /// Whether the Dataset has been set up: it then has a condition `Ready`, of whatever status.
    pub fn is_set_up(&self) -> bool {
        conditions::was_set_up(&self.dataset_status.conditions)
    }

    /// Validate: the plugin refuses what cannot work, and, until the runtime is set up, the Secrets
    /// that its pods refer to must exist.
    pub async fn validate(&mut self) -> Result<(), EngineError> {
        self.check_host_paths()?;
        let told = self.told();
        if !self.shared.accepted.is(&self.uid, told) {
            let before = self.questions();
            let outcome = self.implement.validate(&self.context).await;
            self.answer("validate", outcome)?;
            // What a plugin finds in the cluster may be another thing the next time.
            if self.questions() == before {
                self.shared.accepted.remember(&self.uid, told);
            }
        }
        if self.is_set_up() || self.installed().await?.is_some() {
            Ok(())
        } else {
            self.check_secrets().await
        }
    }

    /// A hash of what the plugin is told for `validate`: the specs, what is installed and how the plugin
    /// was registered, and not how pods and statuses are.
    fn told(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let dataset = self.dataset.as_ref().map(|dataset| &dataset.metadata);
        for metadata in [Some(&self.runtime.metadata), dataset] {
            let part = metadata.map(|of| (&of.uid, &of.generation, &of.labels, &of.annotations));
            part.hash(&mut hasher);
        }
        (&self.plugin.build, &self.context.installed).hash(&mut hasher);
        hasher.finish()
    }

    /// Refuses directories of nodes if this installation does not let Datasets name them.
    fn check_host_paths(&self) -> Result<(), EngineError> {
        let spec = self.dataset.as_ref().map(|dataset| &dataset.spec);
        match spec.and_then(|spec| self.shared.settings.tenant_rules.refused_host_path(spec)) {
            Some(field) => Err(EngineError::InvalidSpec {
                field,
                message:
                    "this installation does not let Datasets name directories of nodes; use a claim (pvc://), or ask \
                    whoever installed Wasser to allow it (runtime.datasetHostPaths)"
                        .to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Looks for the Secrets and keys that the Dataset names. Their values are dropped at once;
    /// pods get them by reference.
    async fn check_secrets(&self) -> Result<(), EngineError> {
        let Some(dataset) = self.dataset.as_ref().filter(|_| self.shared.settings.look_up_secrets) else {
            return Ok(());
        };
        let options = dataset
            .spec
            .mounts
            .iter()
            .flat_map(|mount| &mount.encrypt_options)
            .chain(&dataset.spec.shared_encrypt_options);
        let options: Vec<&EncryptOption> = options.collect();
        // Owned, because a future that borrows from its own set is not `Send` for every lifetime.
        let names: BTreeSet<String> = options
            .iter()
            .map(|option| option.value_from.secret_key_ref.name.clone())
            .collect();
        let api = Api::<Secret>::namespaced(self.shared.client.clone(), &self.identity.namespace);
        for name in names {
            let found = api.get_opt(&name).await.map_err(EngineError::kube(format!(
                "reading Secret {}/{name}",
                self.identity.namespace
            )))?;
            let keys: Option<BTreeSet<String>> =
                found.map(|secret| secret.data.unwrap_or_default().into_keys().collect());
            for option in options
                .iter()
                .filter(|option| option.value_from.secret_key_ref.name == name)
            {
                let key = &option.value_from.secret_key_ref.key;
                let problem = match &keys {
                    None => format!(
                        "the Secret {name} does not exist in the namespace {}; create it",
                        self.identity.namespace
                    ),
                    Some(keys) if !keys.contains(key) => {
                        format!("the Secret {name} has no key {key:?}; add it, or correct the name of the key")
                    }
                    Some(_) => continue,
                };
                return Err(EngineError::Missing {
                    field: format!("Dataset.spec.mounts[].encryptOptions[{}]", option.name),
                    message: problem,
                    after: SECRET_RETRY,
                });
            }
        }
        Ok(())
    }
}
