//! The chart as the host renders it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use wasser_api::labels::FUSE_HOST_PID;
use wasser_chart::{Chart, Named, Policy, Powers, ReleaseMeta, RenderError, Rendered, Renderer, Secrets};
use wasser_sdk::{Implement, RawContext, Result};

use crate::{Kit, UID, golden, manifest};

/// The Secrets for pulling images that the installation sets.
fn pull_secrets(raw: &RawContext) -> BTreeSet<String> {
    let settings = raw.settings.iter().filter(|(name, _)| name == "image-pull-secrets");
    let names = settings.flat_map(|(_, names)| names.split(','));
    names.map(|name| name.trim().to_string()).collect()
}

/// The chart of a plugin, and Helm's engine.
pub struct Helm {
    chart: Arc<Chart>,
    renderer: Renderer,
}

impl Helm {
    /// Renders the chart with these values, as the first revision of whatever they name.
    pub async fn render(&self, values: &Value) -> std::result::Result<Rendered, RenderError> {
        let text = |pointer: &str| values.pointer(pointer).and_then(Value::as_str).unwrap().to_string();
        let meta = ReleaseMeta {
            name: text("/runtimeIdentity/name"),
            namespace: text("/runtimeIdentity/namespace"),
            revision: 1,
            is_upgrade: false,
        };
        self.renderer.render(&self.chart, &meta, values).await
    }
}

impl<R: Implement> Kit<R> {
    /// Returns the chart of this plugin, packed, and an engine whose compiled form is kept for the
    /// next test.
    pub fn helm(&self) -> Helm {
        let name = R::describe().engine;
        let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(encoder);
        archive
            .append_dir_all(&name, self.path("../../charts").join(&name))
            .unwrap();
        Helm {
            chart: Chart::from_tgz(archive.into_inner().unwrap().finish().unwrap().into()).unwrap(),
            renderer: Renderer::open(&Path::new(self.temporary).join("helm")).unwrap(),
        }
    }

    /// Checks that the values of each case render to the objects of `golden/<name>.objects.yaml`,
    /// with the labels that the host gives them, and that the registration in the repository lets
    /// the chart install them.
    pub async fn expect_objects(&self, values: impl Fn(&[Value]) -> Result<Value>) {
        let helm = self.helm();
        for (name, documents) in self.cases() {
            let values = values(&documents).unwrap();
            let (rendered, policy) = self.admitted(&helm, &name, &values, &documents).await;
            let mut objects = rendered.objects;
            objects.iter_mut().for_each(|object| policy.label(object));
            let objects: Vec<String> = objects.iter().map(golden::yaml).collect();
            self.expect(golden::CASES, &name, "objects", &objects.join("---\n"));
        }
    }

    /// Checks that a file of the repository shows pairs of a Dataset and a runtime of this kind, as
    /// documents or as listings, and that each of them has a release that may be installed.
    pub async fn expect_shown(&self, file: &str, values: impl Fn(&[Value]) -> Result<Value>) {
        let kind = R::describe().kind;
        let shown: Vec<Vec<Value>> = manifest::shown(&self.path("../..").join(file))
            .into_iter()
            .filter(|documents| documents.iter().any(|document| document["kind"] == kind))
            .collect();
        assert!(!shown.is_empty(), "{file} shows no {kind}");
        let helm = self.helm();
        for documents in shown {
            let values = values(&documents).unwrap_or_else(|error| panic!("{file}: {error}"));
            self.admitted(&helm, file, &values, &documents).await;
        }
    }

    /// Returns what these values render to, and the policy, which admits the objects.
    async fn admitted(&self, helm: &Helm, name: &str, values: &Value, documents: &[Value]) -> (Rendered, Policy) {
        let rendered = helm
            .render(values)
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(rendered.hooks.is_empty(), "{name}: {:?}", rendered.hooks);
        let policy = self.policy(values, documents);
        policy
            .admit(&rendered.objects)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        (rendered, policy)
    }

    /// Checks that the schema of the chart refuses each of these values at a pointer into `good`,
    /// and names the field.
    pub async fn expect_refused(&self, good: &Value, wrong: &[(&str, Value)]) {
        let helm = self.helm();
        helm.render(good).await.unwrap();
        for (pointer, wrong) in wrong {
            let mut values = good.clone();
            *values.pointer_mut(pointer).unwrap() = wrong.clone();
            let refused = helm.render(&values).await.unwrap_err().to_string();
            let field = pointer.rsplit('/').next().unwrap();
            assert!(refused.contains(field), "{pointer}: {refused}");
        }
    }

    /// Returns why the chart may not install what it renders for these documents with these values.
    pub async fn not_granted(&self, values: &Value, documents: &[Value]) -> Option<String> {
        let rendered = self.helm().render(values).await.unwrap();
        let refused = self.policy(values, documents).admit(&rendered.objects).err();
        refused.map(|violation| violation.to_string())
    }

    /// What the registration in the repository lets the chart install for a runtime.
    fn policy(&self, values: &Value, documents: &[Value]) -> Policy {
        let raw = self.raw(documents);
        let of_users = |object: &&Value| object["apiVersion"] == "data.fluid.io/v1alpha1";
        let asks = |object: &Value| !object["metadata"]["annotations"][FUSE_HOST_PID].is_null();
        let copy = std::iter::once(format!("{}-{}-publish-secret", raw.name, R::describe().engine));
        let volumes = documents
            .iter()
            .filter_map(|object| object["spec"]["csi"]["nodePublishSecretRef"]["name"].as_str());
        let theirs = || documents.iter().filter(of_users);
        let text = |pointer: &str| values.pointer(pointer).and_then(Value::as_str).unwrap().to_string();
        let grants = &self.registration()["grants"];
        let texts = |list: &Value| {
            let texts = list.as_array().cloned().unwrap_or_default().into_iter();
            texts.map(|text| text.as_str().unwrap().to_string())
        };
        let settings = documents.iter().filter(|document| document["kind"] == "Settings");
        let granted = settings.flat_map(|settings| texts(&settings["kinds"]));
        let owner =
            json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": R::describe().kind, "name": &raw.name, "uid": UID});
        Policy {
            namespace: text("/runtimeIdentity/namespace"),
            kinds: texts(&grants["kinds"]).chain(granted).collect(),
            powers: Powers {
                privileged: grants["privileged"] == true,
                fuse: grants["fuse"] == true,
                host_network: grants["host-network"] == true,
                host_paths: texts(&grants["host-paths"]).collect(),
                system_priority: grants["system-priority"] == true,
                images: self.images.iter().map(|(_, image)| image.to_string()).collect(),
            },
            named: Named::of(theirs()).with_host_pid(theirs().any(asks)),
            secrets: Secrets {
                all: grants["secrets"] == true,
                listed: copy.chain(volumes.map(str::to_string)).collect(),
                for_pulling: pull_secrets(&raw),
            },
            mount: raw.mount_path.rsplit_once('/').unwrap().0.to_string(),
            owner: serde_json::from_value(owner).unwrap(),
            labels: [("fluid.io/dataset-id".to_string(), text("/ownerDatasetId"))].into(),
            ..Policy::default()
        }
    }
}
