//! Secret options of the Dataset: they reach the pods by reference, as environment variables, and
//! never pass through here.

use std::collections::BTreeMap;

use serde::Serialize;
use wasser_sdk::{Error, Result, SecretKeySelector};

use crate::shell;

/// References to the Secrets, as the chart wants them.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Secrets {
    /// The Secret of METAURL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metaurl_secret: String,
    /// Its key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub metaurl_secret_key: String,
    /// The Secret of ACCESS_KEY.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub accesskey_secret: String,
    /// Its key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub accesskey_secret_key: String,
    /// The Secret of SECRET_KEY.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub secretkey_secret: String,
    /// Its key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub secretkey_secret_key: String,
    /// The Secret of TOKEN.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_secret: String,
    /// Its key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token_secret_key: String,
    /// All other secret options.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub encrypt_env_options: Vec<EncryptEnvOption>,
}

/// A secret option that no variable is reserved for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EncryptEnvOption {
    /// The option.
    pub name: String,
    /// The variable that it becomes: `-` turned into `_`.
    pub env_name: String,
    /// The Secret.
    pub secret_key_ref_name: String,
    /// Its key.
    pub secret_key_ref_key: String,
}

impl Secrets {
    /// Sorts the options by what they become. `field` is the path of an option in the Dataset.
    pub fn of(options: &BTreeMap<String, SecretKeySelector>, field: &dyn Fn(&str) -> String) -> Result<Self> {
        let mut secrets = Secrets::default();
        for (name, reference) in options {
            check_reference(&field(name), name, reference)?;
            let (secret, key) = (reference.name.clone(), reference.key.clone());
            match name.as_str() {
                "metaurl" => (secrets.metaurl_secret, secrets.metaurl_secret_key) = (secret, key),
                "access-key" => (secrets.accesskey_secret, secrets.accesskey_secret_key) = (secret, key),
                "secret-key" => (secrets.secretkey_secret, secrets.secretkey_secret_key) = (secret, key),
                "token" => (secrets.token_secret, secrets.token_secret_key) = (secret, key),
                _ => secrets.encrypt_env_options.push(EncryptEnvOption {
                    name: name.clone(),
                    env_name: name.replace('-', "_"),
                    secret_key_ref_name: secret,
                    secret_key_ref_key: key,
                }),
            }
        }
        Ok(secrets)
    }

    /// Returns the environment variables that the pods get from Secrets.
    pub fn variables(&self) -> Vec<&str> {
        let own = [
            ("METAURL", &self.metaurl_secret),
            ("ACCESS_KEY", &self.accesskey_secret),
            ("SECRET_KEY", &self.secretkey_secret),
            ("TOKEN", &self.token_secret),
        ];
        let own = own
            .into_iter()
            .filter(|(_, secret)| !secret.is_empty())
            .map(|(name, _)| name);
        own.chain(self.encrypt_env_options.iter().map(|option| option.env_name.as_str()))
            .collect()
    }
}

fn check_reference(field: &str, name: &str, reference: &SecretKeySelector) -> Result<()> {
    shell::check_option_name(field, name)?;
    if name.contains('.') || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Error::invalid(
            field,
            format!("`{name}` cannot become an environment variable; use letters, digits, `-` and `_` only"),
        ));
    }
    if reference.name.is_empty() || reference.key.is_empty() {
        return Err(Error::invalid(
            field,
            format!("`{name}` needs valueFrom.secretKeyRef with the name and the key of a Secret"),
        ));
    }
    Ok(())
}
