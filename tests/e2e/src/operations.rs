//! Data operations of an installed Wasser.

use kube::api::DynamicObject;
use serde_json::Value;

use crate::Installed;

impl Installed {
    /// Waits until an operation has ended in this phase, and returns its status.
    pub async fn ended(&self, kind: &str, name: &str, phase: &str) -> Value {
        let look = |object: &DynamicObject| {
            let status = &object.data["status"];
            let is_over = ["Complete", "Failed"].iter().any(|over| status["phase"] == *over);
            is_over.then(|| status.clone())
        };
        let status = self
            .object("data.fluid.io/v1alpha1", kind, name, "it has ended", look)
            .await;
        assert_eq!(status["phase"], phase, "{kind} {name}: {status}");
        status
    }
}
