//! A namespace of a real cluster, a runtime in it that owns a release, and the `helm` command.

use std::collections::BTreeSet;
use std::future::Future;
use std::io::{Read, Write};
use std::panic::AssertUnwindSafe;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use k8s_openapi::{ByteString, NamespaceResourceScope};
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams};
use kube::{Api, Client, Resource};
use serde_json::{Value, json};
use wasser_chart::{
    Change, Chart, Driver, KEY_BYTES, Policy, Recording, Release, ReleaseError, ReleaseMeta, Releases, Rendered,
    SigningKey,
};

use crate::support;

/// Workers, a ConfigMap that always is there, and one that can be left out.
pub const FILES: &[(&str, &str)] = &[
    (
        "templates/maps.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: always}\ndata: {text: {{ .Values.text | quote }}}\n{{- if \
            .Values.extra }}\n---\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra}\n{{- end }}\n",
    ),
    (
        "templates/worker.yaml",
        "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: worker}\nspec:\n  replicas: {{ .Values.replicas }}\n\
         \x20 serviceName: {{ .Values.service }}\n  selector: {matchLabels: {app: runtime}}\n  template:\n    metadata: \
         {labels: {app: runtime}}\n    spec:\n\
         \x20     containers:\n        - name: c\n          image: none.invalid/none\n          env: {{ toJson \
         .Values.env }}\n  volumeClaimTemplates: {{ toJson .Values.claims }}\n",
    ),
    (
        "values.yaml",
        "text: one\nextra: true\nreplicas: 0\nservice: w\nenv: []\nclaims: []\n",
    ),
];

/// One test's part of the cluster.
pub struct Scene {
    /// The cluster.
    pub client: Client,
    /// What is tested.
    pub releases: Releases,
    /// What the chart may have.
    pub policy: Policy,
    /// The chart.
    pub chart: std::sync::Arc<Chart>,
}

/// Runs a test in a namespace of its own, which is deleted whatever happens.
pub async fn scene<F: Future<Output = ()>>(
    name: &str,
    files: &[(&str, &str)],
    test: impl FnOnce(std::sync::Arc<Scene>) -> F,
) {
    let client = Client::try_default().await.expect("KUBECONFIG names no cluster");
    let namespaces = Api::<Namespace>::all(client.clone());
    let namespace = format!("wasser-releases-{name}-{}", std::process::id());
    let metadata = ObjectMeta {
        name: Some(namespace.clone()),
        ..ObjectMeta::default()
    };
    namespaces
        .create(
            &PostParams::default(),
            &Namespace {
                metadata,
                ..Namespace::default()
            },
        )
        .await
        .unwrap();
    let body = async {
        let policy = policy(&client, &namespace).await;
        let releases = Releases::new(client.clone(), recording());
        test(std::sync::Arc::new(Scene {
            client: client.clone(),
            releases,
            policy,
            chart: support::chart(files),
        }))
        .await;
    };
    let outcome = AssertUnwindSafe(body).catch_unwind().await;
    namespaces
        .delete(&namespace, &DeleteParams::background())
        .await
        .unwrap();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

/// A ConfigMap stands in for the runtime: the garbage collector deletes what is owned by nothing.
async fn policy(client: &Client, namespace: &str) -> Policy {
    let metadata = ObjectMeta {
        name: Some("runtime".to_owned()),
        ..ObjectMeta::default()
    };
    let maps = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let runtime = maps
        .create(
            &PostParams::default(),
            &ConfigMap {
                metadata,
                ..ConfigMap::default()
            },
        )
        .await
        .unwrap();
    let owner = OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        name: "runtime".to_owned(),
        uid: runtime.metadata.uid.unwrap(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    };
    let kinds = ["ConfigMap", "Pod", "ServiceAccount", "StatefulSet"].map(str::to_owned);
    Policy {
        namespace: namespace.to_owned(),
        kinds: BTreeSet::from(kinds),
        owner,
        labels: [("fluid.io/dataset-id".to_owned(), format!("{namespace}-demo"))].into(),
        ..Policy::default()
    }
}

impl Scene {
    /// Objects of the namespace.
    pub fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.policy.namespace)
    }

    /// Makes sure that the account which every pod has is there; its controller may be slower than
    /// a test.
    pub async fn allow_pods(&self) {
        let metadata = ObjectMeta {
            name: Some("default".to_owned()),
            ..ObjectMeta::default()
        };
        let account = ServiceAccount {
            metadata,
            ..ServiceAccount::default()
        };
        let created = self
            .api::<ServiceAccount>()
            .create(&PostParams::default(), &account)
            .await;
        assert!(matches!(&created, Ok(_) | Err(kube::Error::Api(_))), "{created:?}");
    }

    /// The workers.
    pub async fn worker(&self) -> StatefulSet {
        self.api::<StatefulSet>().get("worker").await.unwrap()
    }

    /// The number of workers.
    pub async fn replicas(&self) -> Option<i32> {
        self.worker().await.spec.unwrap().replicas
    }

    /// Whether a ConfigMap is there.
    pub async fn has_map(&self, name: &str) -> bool {
        self.api::<ConfigMap>().get_opt(name).await.unwrap().is_some()
    }

    /// Installs with these values.
    pub async fn install(&self, values: Value) -> Result<Release, ReleaseError> {
        let (meta, rendered) = self.render(&values, false).await;
        match self.releases.install(&self.change(&meta, &rendered, &values)).await {
            Err(ReleaseError::Overtaken { next, .. }) => {
                let meta = ReleaseMeta { revision: next, ..meta };
                self.releases.install(&self.change(&meta, &rendered, &values)).await
            }
            outcome => outcome,
        }
    }

    /// Upgrades to these values.
    pub async fn upgrade(&self, values: Value) -> Result<Release, ReleaseError> {
        let (meta, rendered) = self.render(&values, true).await;
        match self.releases.upgrade(&self.change(&meta, &rendered, &values)).await {
            Err(ReleaseError::Overtaken { next, .. }) => {
                let meta = ReleaseMeta { revision: next, ..meta };
                self.releases.upgrade(&self.change(&meta, &rendered, &values)).await
            }
            outcome => outcome,
        }
    }

    /// Puts back what is missing of a revision, with these values.
    pub async fn repair(&self, damaged: u32, values: Value) -> Result<Release, ReleaseError> {
        let (meta, rendered) = self.render(&values, true).await;
        let meta = ReleaseMeta {
            revision: damaged + 1,
            ..meta
        };
        let change = Change {
            damaged: Some(damaged),
            ..self.change(&meta, &rendered, &values)
        };
        self.releases.upgrade(&change).await
    }

    /// A change to what was rendered.
    pub fn change<'a>(&'a self, meta: &'a ReleaseMeta, rendered: &'a Rendered, values: &'a Value) -> Change<'a> {
        Change {
            chart: &self.chart,
            meta,
            rendered,
            values,
            installer: None,
            policy: &self.policy,
            workers: None,
            damaged: None,
        }
    }

    /// The objects of these values.
    pub async fn render(&self, values: &Value, is_upgrade: bool) -> (ReleaseMeta, Rendered) {
        let meta = ReleaseMeta {
            namespace: self.policy.namespace.clone(),
            is_upgrade,
            ..support::meta()
        };
        let rendered = support::renderer().render(&self.chart, &meta, values).await.unwrap();
        (meta, rendered)
    }

    /// The newest revision.
    pub async fn find(&self) -> Option<Release> {
        self.releases.find("demo", &self.policy, None).await.unwrap()
    }

    /// Deletes the release.
    pub async fn uninstall(&self) -> bool {
        self.releases
            .uninstall(&self.policy.namespace, "demo", &self.policy, true)
            .await
            .unwrap()
    }

    /// Names and states of the records in Secrets, or in ConfigMaps.
    pub async fn records<K>(&self) -> Vec<(String, String)>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + serde::de::DeserializeOwned,
    {
        let found = self
            .api::<K>()
            .list(&ListParams::default().labels("owner=helm"))
            .await
            .unwrap();
        let read = |object: &K| {
            let labels = object.meta().labels.clone().unwrap_or_default();
            (
                object.meta().name.clone().unwrap(),
                labels.get("status").cloned().unwrap_or_default(),
            )
        };
        found.iter().map(read).collect()
    }

    /// Changes the newest record's status, as if an installation had been interrupted.
    pub async fn set_status(&self, record: &str, status: &str) {
        let secrets = self.api::<Secret>();
        let mut secret = secrets.get(record).await.unwrap();
        let packed = STANDARD.decode(&secret.data.as_ref().unwrap()["release"].0).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice())
            .read_to_string(&mut text)
            .unwrap();
        let mut release: Value = serde_json::from_str(&text).unwrap();
        release["info"]["status"] = json!(status);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(release.to_string().as_bytes()).unwrap();
        let packed = ByteString(STANDARD.encode(gzip.finish().unwrap()).into_bytes());
        secret.data.as_mut().unwrap().insert("release".to_owned(), packed);
        secret
            .metadata
            .labels
            .as_mut()
            .unwrap()
            .insert("status".to_owned(), status.to_owned());
        secrets.replace(record, &PostParams::default(), &secret).await.unwrap();
    }

    /// Runs the `helm` command in the namespace.
    pub fn helm(&self, driver: &str, arguments: &[&str]) -> String {
        let program = std::env::var_os("HELM").expect("HELM names no helm command");
        let output = Command::new(program)
            .args(arguments)
            .args(["-n", &self.policy.namespace])
            .env("HELM_DRIVER", driver)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "helm {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// A chart as a directory, for `helm install`.
    pub fn directory(name: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let chart = format!("apiVersion: v2\nname: {name}\nversion: 0.1.0\n");
        for (path, text) in files.iter().chain([&("Chart.yaml", chart.as_str())]) {
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        directory
    }
}

/// How records are written, with a key that is always the same.
pub fn recording() -> Recording {
    Recording {
        driver: Driver::Secret,
        key: SigningKey::new(&[7; KEY_BYTES]),
    }
}
