//! What of a release is not as its record says: somebody else has changed it.

use std::collections::HashSet;

use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};

use super::apply;
use super::differences::{Additions, changes, differences};
use super::error::ReleaseError;
use super::immutable::{Immutables, Live};
use super::lists::places;
use super::reference::Reference;
use super::release::Release;
use super::{Releases, ownership};
use crate::FIELD_MANAGER;
use crate::policy::Policy;

/// Fields of workloads that the host decides once they are there.
const OF_HOST: [&str; 2] = ["/spec/replicas", apply::AFFINITY];

/// An object that somebody has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The changed fields, as JSON pointers.
    pub fields: Vec<String>,
}

impl Release {
    /// Whether the spec of an object may be another one than that of the manifest. What the API
    /// server writes in its own way, such as quantities, counts as another one, so the answer has to
    /// be confirmed by [`Releases::drift`].
    pub fn may_differ(&self, kind: &str, name: &str, spec: &Value) -> bool {
        let mut objects = self.objects.iter();
        let Some(reference) = objects.find(|object| object.gvk.kind == kind && object.name == name) else {
            return false;
        };
        let Some(recorded) = reference.find_in(&self.manifest) else {
            return false;
        };
        let mut recorded = json!({"spec": recorded["spec"]});
        let spec = json!({"spec": spec});
        read_as_helm(&mut recorded, &spec, "");
        differences(&recorded, &spec, Additions::Stay)
            .iter()
            .any(|field| is_of_release(field))
    }
}

impl Releases {
    /// Returns those of these objects, given by kind and name, that differ from what the newest record
    /// says. The API server itself is asked how it would write them, which changes nothing.
    ///
    /// # Errors
    /// If a request fails, or the record is damaged or somebody else's.
    pub async fn drift(
        &self,
        name: &str,
        policy: &Policy,
        objects: &[(String, String)],
    ) -> Result<Vec<Drift>, ReleaseError> {
        let Some((_, release)) = self.newest(&policy.namespace, name, policy).await? else {
            return Ok(Vec::new());
        };
        let mut drifts = Vec::new();
        let wanted: HashSet<(&str, &str)> = objects.iter().map(|(kind, name)| (&**kind, &**name)).collect();
        for reference in &release.objects {
            if wanted.contains(&(&*reference.gvk.kind, &*reference.name)) {
                let fields = self.drift_of(name, policy, &release, reference).await?;
                drifts.extend((!fields.is_empty()).then(|| Drift {
                    kind: reference.gvk.kind.clone(),
                    name: reference.name.clone(),
                    fields,
                }));
            }
        }
        Ok(drifts)
    }

    async fn drift_of(
        &self,
        name: &str,
        policy: &Policy,
        release: &Release,
        reference: &Reference,
    ) -> Result<Vec<String>, ReleaseError> {
        let namespace = &policy.namespace;
        let recorded = reference.find_in(&release.manifest);
        let Some(recorded) = recorded.and_then(|object| serde_json::from_value::<DynamicObject>(object).ok()) else {
            return Ok(Vec::new());
        };
        let api = self.kinds.api(reference, namespace).await?;
        let attempt = format!("reading {}", reference.describe(namespace));
        let found = api
            .get_opt(&reference.name)
            .await
            .map_err(ReleaseError::kube(attempt))?;
        let ownership = ownership(policy, name, true);
        // What is missing or somebody else's is not a matter of its content.
        let Some(found) = found.filter(|found| ownership.check(&found.metadata).is_ok()) else {
            return Ok(Vec::new());
        };
        let mut recorded = recorded;
        read_as_helm(&mut recorded.data, &found.data, "");
        let live = Live {
            immutables: Immutables::of(reference, &found),
            metadata: found.metadata.clone(),
        };
        let Some(prepared) = apply::prepare(&recorded, &ownership, Some(&live), &release.objects, None) else {
            return Ok(Vec::new());
        };
        let content = prepared.content();
        let mut fields = changes(&content, &found, Additions::Stay);
        fields.retain(|field| is_of_release(field));
        if fields.is_empty() {
            return Ok(fields);
        }
        let params = PatchParams::apply(FIELD_MANAGER).force().dry_run();
        let attempt = format!("asking how {} would be written", reference.describe(namespace));
        let patch = Patch::Apply(prepared.applied());
        let written = api.patch(&reference.name, &params, &patch).await;
        let written = match written {
            Ok(written) => written,
            Err(kube::Error::Api(status)) if !is_passing(&status) => {
                tracing::debug!(object = reference.describe(namespace), %status, "its content cannot be compared");
                return Ok(Vec::new());
            }
            Err(error) => return Err(ReleaseError::kube(attempt)(error)),
        };
        let written = changes(&content, &written, Additions::Stay);
        fields.retain(|field| !written.contains(field));
        Ok(fields)
    }
}

/// Whether the API server may answer otherwise the next time. What it cannot read is an internal
/// error for it.
fn is_passing(status: &kube::core::Status) -> bool {
    matches!(status.code, 409 | 429 | 502..=504) || (status.code == 500 && !status.message.contains("typed patch"))
}

/// Helm reads manifests by YAML 1.1, in which `0755` and `yes` are no texts. Where an object has a
/// number or a truth value, the manifest had one as well. And it ends each document of a record with
/// a line end, which a text in the last field did not have when it was applied. `field` is the name
/// of the field that has the value.
fn read_as_helm(recorded: &mut Value, there: &Value, field: &str) {
    match (recorded, there) {
        (Value::Object(recorded), Value::Object(there)) => {
            for (key, value) in recorded {
                read_as_helm(value, there.get(key).unwrap_or(&Value::Null), key);
            }
        }
        (Value::Array(recorded), Value::Array(there)) => {
            let places = places(field, recorded, there).unwrap_or_else(|| (0..recorded.len()).map(Some).collect());
            for (value, place) in recorded.iter_mut().zip(places) {
                if let Some(there) = place.and_then(|place| there.get(place)) {
                    read_as_helm(value, there, "");
                }
            }
        }
        (Value::String(recorded), Value::String(there)) if recorded.strip_suffix('\n') == Some(there) => {
            recorded.pop();
        }
        (recorded @ Value::String(_), Value::Number(_)) => {
            let octal = recorded.as_str().and_then(|text| text.strip_prefix('0'));
            if let Some(number) = octal.and_then(|digits| i64::from_str_radix(digits, 8).ok()) {
                *recorded = json!(number);
            }
        }
        (recorded @ Value::String(_), Value::Bool(_)) => {
            let truth = match recorded.as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
                "y" | "yes" | "on" => Some(true),
                "n" | "no" | "off" => Some(false),
                _ => None,
            };
            if let Some(truth) = truth {
                *recorded = json!(truth);
            }
        }
        _ => {}
    }
}

/// An object without the fields that the host decides.
pub fn without_host_fields(mut object: Value) -> Value {
    let places = OF_HOST.iter().filter_map(|field| field.rsplit_once('/'));
    for (parent, field) in places {
        if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
            parent.remove(field);
        }
    }
    object
}

fn is_of_release(field: &str) -> bool {
    !OF_HOST.iter().any(|of_host| {
        field
            .strip_prefix(of_host)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn manifests_are_read_as_helm_reads_them() {
        let mut recorded = json!({"mode": "0755", "on": "yes", "list": [{"mode": "0400"}], "env": "0755", "gone": "0755",
            "script": "exec\n"});
        let there = json!({"mode": 420, "on": true, "list": [{"mode": 256}], "env": "0755", "script": "exec"});
        read_as_helm(&mut recorded, &there, "");
        let read = json!({"mode": 493, "on": true, "list": [{"mode": 256}], "env": "0755", "gone": "0755",
            "script": "exec"});
        assert_eq!(recorded, read);
    }

    #[rstest]
    #[case("/spec/replicas", false)]
    #[case("/spec/template/spec/affinity/nodeAffinity", false)]
    #[case("/spec/template/spec/affinity2", true)]
    #[case("/spec/template/spec/containers/0/image", true)]
    fn what_the_host_decides_is_not_of_the_release(#[case] field: &str, #[case] of_release: bool) {
        assert_eq!(is_of_release(field), of_release);
    }
}
