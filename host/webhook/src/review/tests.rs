#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests fail by panicking.

use async_trait::async_trait;

use super::*;

/// In the form in which an API server of version 1.33 sends it.
pub const RECORDED: &str = include_str!("recorded.json");

/// One dataset, or nobody who knows.
pub struct Known(pub Option<&'static str>);

#[async_trait]
impl Datasets for Known {
    async fn of_claim(&self, namespace: &str, claim: &str) -> Result<Option<DatasetUse>, LookupError> {
        let known = self.0.ok_or_else(|| LookupError {
            action: format!("reading the claim {namespace}/{claim}"),
            reason: "timeout".to_owned(),
        })?;
        Ok((claim == known).then(|| DatasetUse {
            name: claim.to_owned(),
            common_label: format!("fluid.io/s-{namespace}-{claim}"),
            ..DatasetUse::default()
        }))
    }
}

/// The response to the recorded review after a change, and the pod that comes of it.
async fn response(known: &Known, change: impl FnOnce(&mut Value)) -> (Value, Value) {
    let mut review: Value = serde_json::from_str(RECORDED).unwrap();
    change(&mut review);
    let answer = answer(&review, known).await.unwrap();
    assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
    assert_eq!(answer["response"]["allowed"], true);
    let mut pod = review["request"]["object"].take();
    if let Some(patch) = answer["response"]["patch"].as_str() {
        assert_eq!(answer["response"]["patchType"], "JSONPatch");
        let patch: json_patch::Patch = serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap();
        json_patch::patch(&mut pod, &patch).unwrap();
    }
    (answer["response"].clone(), pod)
}

#[tokio::test]
async fn a_labelled_pod_is_steered_to_its_cache() {
    let (_, pod) = response(&Known(Some("demo")), |_| ()).await;
    let preferred = &pod["spec"]["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"];
    assert_eq!(preferred[0]["preference"]["matchExpressions"][0]["key"], "fluid.io/s-default-demo");
    assert_eq!(
        pod["spec"]["containers"][0]["volumeMounts"][0]["mountPropagation"],
        "HostToContainer"
    );
    // The volume that the API server has added is nobody's dataset.
    assert_eq!(pod["spec"]["containers"][0]["volumeMounts"][1].get("mountPropagation"), None);
    assert_eq!(pod["metadata"]["annotations"]["fluid.io/datasets-in-use"], "demo");
}

#[tokio::test]
async fn others_get_no_patch() {
    type Change = fn(&mut Value);
    let changes: [Change; 4] = [
        |review| review["request"]["operation"] = json!("UPDATE"),
        |review| review["request"]["kind"]["kind"] = json!("Binding"),
        |review| review["request"]["object"]["metadata"]["labels"] = json!({}),
        |review| review["request"]["object"]["metadata"]["labels"]["fluid.io/enable-injection"] = json!("false"),
    ];
    for change in changes {
        let (response, _) = response(&Known(Some("demo")), change).await;
        assert_eq!((response.get("patch"), response.get("warnings")), (None, None));
    }
}

#[tokio::test]
async fn a_pod_starts_even_if_nobody_knows_its_datasets() {
    let (response, _) = response(&Known(None), |_| ()).await;
    assert_eq!(response.get("patch"), None);
    assert!(response["warnings"][0].as_str().unwrap().contains("default/demo"), "{response}");
}

#[tokio::test]
async fn what_is_no_review_has_no_answer() {
    for review in [json!({}), json!({"request": {}}), json!({"request": 1}), json!([])] {
        assert_eq!(answer(&review, &Known(None)).await, None);
    }
}
