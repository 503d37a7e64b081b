//! The chart as the host renders it.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use wasser_chart::{Chart, Policy, ReleaseMeta, RenderError, Rendered, Renderer};
use wasser_sdk::{Implement, Result};

use crate::{Kit, UID, golden};

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
            let rendered = helm
                .render(&values)
                .await
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(rendered.hooks.is_empty(), "{name}: {:?}", rendered.hooks);
            let policy = self.policy(&values);
            policy
                .admit(&rendered.objects)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut objects = rendered.objects;
            objects.iter_mut().for_each(|object| policy.label(object));
            let objects: Vec<String> = objects.iter().map(golden::yaml).collect();
            self.expect(&name, "objects", &objects.join("---\n"));
        }
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

    /// What the registration in the repository lets the chart install for a runtime.
    fn policy(&self, values: &Value) -> Policy {
        let text = |pointer: &str| values.pointer(pointer).and_then(Value::as_str).unwrap().to_string();
        let grants = &self.registration()["grants"];
        let kinds = grants["kinds"].as_array().unwrap();
        let owner =
            json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": R::describe().kind, "name": "demo", "uid": UID});
        Policy {
            namespace: text("/runtimeIdentity/namespace"),
            kinds: kinds.iter().map(|kind| kind.as_str().unwrap().to_string()).collect(),
            privileged: grants["privileged"].as_bool().unwrap(),
            owner: serde_json::from_value(owner).unwrap(),
            labels: [("fluid.io/dataset-id".to_string(), text("/ownerDatasetId"))].into(),
            ..Policy::default()
        }
    }
}
