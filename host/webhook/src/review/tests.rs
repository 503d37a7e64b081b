#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests fail by panicking.

use async_trait::async_trait;

use super::*;
use crate::sidecar::tests::sidecar;

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
            missing: (namespace == "unread").then(|| "may not read".to_owned()),
            ..DatasetUse::default()
        }))
    }

    async fn fuse_of(&self, namespace: &str, claim: &str) -> Result<Fuse, LookupError> {
        self.of_claim(namespace, claim).await?;
        Ok(match claim {
            "demo" => Fuse::Sidecar(Box::new(sidecar(claim))),
            "early" => Fuse::NotBound("the Dataset default/early is not Bound".to_owned()),
            "bare" => Fuse::Without("no fuse DaemonSet".to_owned()),
            _ => Fuse::Others,
        })
    }
}

/// The response to the recorded review after a change, and the pod that comes of it.
async fn response(known: &Known, change: impl FnOnce(&mut Value)) -> (Value, Value) {
    let mut review: Value = serde_json::from_str(RECORDED).unwrap();
    change(&mut review);
    let answer = answer(serde_json::from_value(review.clone()).unwrap(), known, "").await;
    assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
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
    assert_eq!(
        preferred[0]["preference"]["matchExpressions"][0]["key"],
        "fluid.io/s-default-demo"
    );
    assert_eq!(
        pod["spec"]["containers"][0]["volumeMounts"][0]["mountPropagation"],
        "HostToContainer"
    );
    // The volume that the API server has added is nobody's dataset.
    assert_eq!(
        pod["spec"]["containers"][0]["volumeMounts"][1].get("mountPropagation"),
        None
    );
    assert_eq!(pod["metadata"]["annotations"]["fluid.io/datasets-in-use"], "demo");
}

#[tokio::test]
async fn a_pod_is_warned_of_everything_that_it_goes_without() {
    let (response, pod) = response(&Known(Some("demo")), |review| {
        review["request"]["namespace"] = json!("unread");
        review["request"]["object"]["metadata"]["annotations"] = json!({
            "file-prefetcher.fluid.io/inject": "true", "file-prefetcher.fluid.io/image": "a",
            "file-prefetcher.fluid.io/extra-envs": "1=2",
        });
    })
    .await;
    assert_eq!(pod["metadata"]["annotations"]["fluid.io/datasets-in-use"], "demo");
    let warnings = response["warnings"].as_array().unwrap();
    assert_eq!(warnings[0], "may not read");
    assert!(warnings[1].as_str().unwrap().contains("`1`"), "{warnings:?}");
    assert_eq!(pod["spec"]["containers"].as_array().unwrap().len(), 1);
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
        assert_eq!(response["allowed"], true);
    }
}

#[tokio::test]
async fn a_pod_starts_even_if_nobody_knows_its_datasets() {
    let (response, _) = response(&Known(None), |_| ()).await;
    assert_eq!((response.get("patch"), &response["allowed"]), (None, &json!(true)));
    assert!(
        response["warnings"][0].as_str().unwrap().contains("default/demo"),
        "{response}"
    );
}

/// The recorded pod as one that mounts by itself, with this claim.
fn serverless(claim: &str) -> impl FnOnce(&mut Value) {
    move |review| {
        let pod = &mut review["request"]["object"];
        // Both labels: the sidecar mounts, and no node needs to.
        pod["metadata"]["labels"]["serverless.fluid.io/inject"] = json!("true");
        pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"] = json!(claim);
    }
}

#[tokio::test]
async fn a_pod_that_mounts_by_itself_gets_a_sidecar() {
    let (response, pod) = response(&Known(Some("demo")), serverless("demo")).await;
    assert_eq!(response["allowed"], true);
    assert_eq!(pod["spec"]["initContainers"][0]["name"], "fluid-fuse-0", "{pod}");
    let own = "/runtime-mnt/juicefs/default/demo/0e6c3d5f-3a0f-4a86-9a6b-6a3f5f6f3a11-0/juicefs-fuse";
    assert_eq!(pod["spec"]["volumes"][0]["hostPath"]["path"], own);
    assert_eq!(pod["spec"].get("affinity"), None);
}

#[tokio::test]
async fn it_is_refused_until_the_dataset_is_bound() {
    let (early, _) = response(&Known(Some("demo")), serverless("early")).await;
    assert_eq!((&early["allowed"], early.get("patch")), (&json!(false), None));
    assert!(
        early["status"]["message"]
            .as_str()
            .unwrap()
            .contains("default/early is not Bound"),
        "{early}"
    );
    let skipping = |review: &mut Value| {
        serverless("early")(review);
        review["request"]["object"]["metadata"]["annotations"] = json!({"sidecar.fluid.io/skip-precheck": "true"});
    };
    let (skipped, _) = response(&Known(Some("demo")), skipping).await;
    assert_eq!((&skipped["allowed"], skipped.get("patch")), (&json!(true), None));
}

#[tokio::test]
async fn it_starts_as_it_is_where_no_sidecar_can_be_had() {
    for (known, claim, says) in [
        (Known(Some("demo")), "bare", "no fuse DaemonSet"),
        (Known(None), "demo", "timeout"),
    ] {
        let (response, _) = response(&known, serverless(claim)).await;
        assert_eq!((&response["allowed"], response.get("patch")), (&json!(true), None));
        assert!(response["warnings"][0].as_str().unwrap().contains(says), "{response}");
    }
}

#[test]
fn what_is_not_a_review_is_not_read() {
    for review in [json!({}), json!({"request": {}}), json!({"request": 1}), json!([])] {
        assert!(serde_json::from_value::<Review>(review).is_err());
    }
}

#[test]
fn values_are_counted_before_they_are_read() {
    for (text, count) in [
        ("", 1),
        ("0", 1),
        ("[0,0,0]", 4),
        (r#"{"a":{"b":[1,2]},"c":3}"#, 6),
        (r#"{"a":"x,[{\",[","b":0}"#, 3),
        (r#"["\\",1]"#, 3),
    ] {
        assert_eq!(values(text.as_bytes()), count, "{text}");
    }
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    fn size(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(size).sum::<usize>(),
            Value::Object(items) => 1 + items.values().map(size).sum::<usize>(),
            _ => 1,
        }
    }
    assert!(values(RECORDED.as_bytes()) >= size(&recorded));
}
