//! Moving records from one of Helm's drivers to the other, for installations that change theirs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, ObjectMeta, Preconditions};
use kube::core::GroupVersionKind;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use super::entry::{Driver, SIGNATURE};
use super::error::ReleaseError;
use super::store::SECRET_TYPE;
use crate::api_error::{OrGone as _, is_conflict};
use crate::params::post_params;

const SELECTOR: &str = "owner=helm";
/// Objects of one list; a record has up to a mebibyte.
const PAGE: u32 = 50;
/// Where both kinds have the record.
const RELEASE: &str = "/data/release";

/// Moves every record that Wasser has written to this driver, of one namespace or of all. Calls
/// `moved` with namespace and name of each. Records that Helm has written stay. Interrupted, it goes
/// on where it was.
///
/// # Errors
/// A request fails, or there is another record of the same name.
pub async fn move_records(
    client: &Client,
    namespace: Option<&str>,
    to: Driver,
    mut moved: impl FnMut(&str, &str),
) -> Result<usize, ReleaseError> {
    let from = to.other();
    let all = api(client, namespace, from);
    let mut count = 0;
    let mut params = ListParams::default().labels(SELECTOR).limit(PAGE);
    loop {
        let list = all.list(&params).await;
        let attempt = format!("listing the {}s of Helm's records", from.kind());
        let list = list.map_err(ReleaseError::kube(attempt))?;
        let is_ours = |object: &DynamicObject| object.annotations().contains_key(SIGNATURE);
        for record in list.items.into_iter().filter(is_ours) {
            let (namespace, name) = (record.namespace().unwrap_or_default(), record.name_any());
            move_record(client, &namespace, to, &record).await?;
            moved(&namespace, &name);
            count += 1;
        }
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(count),
        }
    }
}

async fn move_record(client: &Client, namespace: &str, to: Driver, record: &DynamicObject) -> Result<(), ReleaseError> {
    copy(client, namespace, to, record).await?;
    let (from, name) = (to.other(), record.name_any());
    // Whoever has written it anew since has a later one.
    let params = DeleteParams {
        preconditions: Some(Preconditions {
            uid: record.metadata.uid.clone(),
            resource_version: record.metadata.resource_version.clone(),
        }),
        ..DeleteParams::default()
    };
    let attempt = format!("deleting the {} {namespace}/{name}", from.kind());
    let deleted = api(client, Some(namespace), from).delete(&name, &params).await;
    deleted.or_gone().map(drop).map_err(ReleaseError::kube(attempt))
}

async fn copy(client: &Client, namespace: &str, to: Driver, record: &DynamicObject) -> Result<(), ReleaseError> {
    let name = record.name_any();
    let from = format!("{} {namespace}/{name}", to.other().kind());
    let release = record.data.pointer(RELEASE).and_then(Value::as_str);
    let release = release.ok_or_else(|| ReleaseError::unreadable(from.clone(), "it has no data.release"))?;
    let data = match to {
        Driver::Secret => {
            let data = json!({"release": BASE64.encode(release)});
            json!({"type": SECRET_TYPE, "data": data})
        }
        Driver::ConfigMap => {
            let unreadable = |problem: &str| ReleaseError::unreadable(from.clone(), problem);
            let text = BASE64.decode(release).map_err(|error| unreadable(&error.to_string()))?;
            let text = String::from_utf8(text).map_err(|error| unreadable(&error.to_string()))?;
            json!({"data": {"release": text}})
        }
    };
    let copy = DynamicObject {
        types: None,
        metadata: ObjectMeta {
            name: Some(name.clone()),
            namespace: Some(namespace.to_owned()),
            labels: record.metadata.labels.clone(),
            annotations: record.metadata.annotations.clone(),
            owner_references: record.metadata.owner_references.clone(),
            ..ObjectMeta::default()
        },
        data,
    };
    let attempt = format!("writing the {} {namespace}/{name}", to.kind());
    let api = api(client, Some(namespace), to);
    match api.create(&post_params(), &copy).await {
        Ok(_) => Ok(()),
        Err(error) if is_conflict(&error) => {
            let there = api.get(&name).await.map_err(ReleaseError::kube(attempt))?;
            if there.data.pointer(RELEASE) == copy.data.pointer(RELEASE) {
                return Ok(());
            }
            let message = format!(
                "there is a {} of this name with another record; delete the wrong one",
                to.kind()
            );
            Err(ReleaseError::unreadable(from, &message))
        }
        Err(error) => Err(ReleaseError::kube(attempt)(error)),
    }
}

fn api(client: &Client, namespace: Option<&str>, driver: Driver) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", driver.kind()));
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}
