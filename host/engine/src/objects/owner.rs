//! The owner of what is made for a runtime.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

/// The controlling reference to a runtime, by which everything it owns is collected with it.
pub fn owner_reference(kind: &str, name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: wasser_api::API_VERSION.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        uid: uid.to_owned(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    }
}
