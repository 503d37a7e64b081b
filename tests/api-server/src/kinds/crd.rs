//! Kinds that CRDs define.

use std::sync::Arc;

use serde_json::{Value, json};
use wasser_schema::Schema;

use super::{Kind, Scale, Source};
/// Returns the kind that a CRD defines, in its stored version, which is the only one served here.
/// `None` if the CRD is incomplete.
pub(crate) fn kind(crd: &Value) -> Option<Kind> {
    let (spec, names) = (&crd["spec"], &crd["spec"]["names"]);
    let versions = spec["versions"].as_array()?;
    let version = versions
        .iter()
        .find(|version| version["storage"] == true)
        .or(versions.first())?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let texts = |value: &Value| value.as_array().into_iter().flatten().filter_map(text).collect();
    let kind = text(&names["kind"])?;
    let subresources = &version["subresources"];
    Some(Kind {
        group: text(&spec["group"])?,
        version: text(&version["name"])?,
        plural: text(&names["plural"])?,
        singular: text(&names["singular"]).unwrap_or_else(|| kind.to_lowercase()),
        short_names: texts(&names["shortNames"]),
        categories: texts(&names["categories"]),
        namespaced: spec["scope"] == "Namespaced",
        has_status: subresources.get("status").is_some(),
        scale: subresources.get("scale").map(scale),
        has_generation: true,
        shape: Source::Custom(Arc::new(Schema::new(version["schema"]["openAPIV3Schema"].clone()))),
        view: None,
        kind,
    })
}

fn scale(scale: &Value) -> Scale {
    let pointer = |field: &str| scale[field].as_str().map(|path| path.replace('.', "/"));
    Scale {
        spec: pointer("specReplicasPath").unwrap_or_default(),
        status: pointer("statusReplicasPath").unwrap_or_default(),
        selector: pointer("labelSelectorPath"),
    }
}

/// Sets the status of a CRD that is served, for which a real server needs a moment.
pub(crate) fn establish(crd: &mut Value, now: &str) {
    let condition = |name: &str, reason: &str, message: &str| {
        json!({"type": name, "status": "True",
        "reason": reason, "message": message, "lastTransitionTime": now})
    };
    let stored: Vec<Value> = crd["spec"]["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .collect();
    crd["status"] = json!({
        "acceptedNames": crd["spec"]["names"],
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "storedVersions": stored,
    });
}
