//! The keys of external storage. They reach `juicefs sync` as variables of its environment: what is in
//! an address is an argument of the process, which others on the node can read.

use serde_json::Value;
use wasser_api::operations::ExternalStorage;
use wasser_sdk::{Error, Result};

use super::client;

/// The variables by which JuiceFS takes the keys of a storage: its scheme, access key, secret key and
/// token.
const VARIABLES: &[(&str, &str, &str, Option<&str>)] = &[
    (
        "s3",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        Some("AWS_SESSION_TOKEN"),
    ),
    ("minio", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY", None),
    (
        "oss",
        "ALICLOUD_ACCESS_KEY_ID",
        "ALICLOUD_ACCESS_KEY_SECRET",
        Some("SECURITY_TOKEN"),
    ),
    ("cos", "COS_SECRETID", "COS_SECRETKEY", None),
    ("obs", "HWCLOUD_ACCESS_KEY", "HWCLOUD_SECRET_KEY", None),
    ("bos", "BDCLOUD_ACCESS_KEY", "BDCLOUD_SECRET_KEY", None),
    ("eos", "EOS_ACCESS_KEY", "EOS_SECRET_KEY", Some("EOS_TOKEN")),
    ("scw", "SCW_ACCESS_KEY", "SCW_SECRET_KEY", None),
];

/// Returns the variables with the keys of a storage, whose field this is.
pub fn of(field: &str, scheme: &str, storage: &ExternalStorage) -> Result<Vec<Value>> {
    let mut variables = Vec::new();
    for (at, option) in storage.encrypt_options.iter().enumerate() {
        let field = format!("{field}.encryptOptions[{at}]");
        let name = option.name.as_str();
        if !["access-key", "secret-key", "token"].contains(&name) {
            let message = format!("`{}` is none of access-key, secret-key, token", name.escape_debug());
            return Err(Error::invalid(format!("{field}.name"), message));
        }
        let reference = &option.value_from.secret_key_ref;
        if reference.name.is_empty() || reference.key.is_empty() {
            let message = format!("`{name}` needs valueFrom.secretKeyRef with the name and the key of a Secret");
            return Err(Error::invalid(field, message));
        }
        let known = VARIABLES.iter().find(|(of, ..)| *of == scheme);
        let variable = known.and_then(|(_, access, secret, token)| match name {
            "access-key" => Some(*access),
            "secret-key" => Some(*secret),
            _ => *token,
        });
        let Some(variable) = variable else {
            let message = format!(
                "JuiceFS takes the {name} of {scheme}:// only in the address, where others on the node could read it; \
                 reach the storage by s3:// or minio://, or as a PersistentVolumeClaim with pvc://"
            );
            return Err(Error::invalid(field, message));
        };
        variables.push(client::secret(variable, &reference.name, &reference.key));
    }
    Ok(variables)
}
