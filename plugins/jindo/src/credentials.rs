//! The keys of the data sources: files of the pods, and the properties that say where they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use wasser_sdk::{Error, Result, SecretKeySelector};

use crate::input::Texts;

/// Where the containers find secret options.
const TOKEN: &str = "secrets:///token/";
/// What in a client reads them there.
const PROVIDER: &str = "com.aliyun.jindodata.oss.auth.CustomCredentialsProvider";

/// The keys of a bucket, by the names of their files.
type Keys = BTreeMap<&'static str, SecretKeySelector>;

/// The keys of all data sources.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// Whether a Secret of the runtime has a token for all of them.
    pub token: bool,
    schemes: BTreeSet<String>,
    buckets: BTreeMap<(String, String), Keys>,
}

impl Credentials {
    /// Adds a data source that needs no keys by itself.
    pub fn add_scheme(&mut self, scheme: &str) {
        self.schemes.insert(scheme.to_owned());
    }

    /// Adds the keys of a bucket, which are the secret options of the mount at `field`. A runtime
    /// with a token for all data sources needs none.
    pub fn add(
        &mut self,
        scheme: &str,
        bucket: &str,
        secrets: &BTreeMap<String, SecretKeySelector>,
        field: &str,
    ) -> Result<()> {
        if secrets.is_empty() || self.token {
            return Ok(());
        }
        let field = format!("{field}.encryptOptions");
        let prefix = format!("fs.{scheme}.");
        let keys = self.buckets.entry((scheme.to_owned(), bucket.to_owned())).or_default();
        for (name, reference) in secrets {
            let file = match name.strip_prefix(&prefix) {
                Some("accessKeyId") => "AccessKeyId",
                Some("accessKeySecret") => "AccessKeySecret",
                Some("securityToken") => "SecurityToken",
                _ => {
                    let message = format!(
                        "`{name}` is none of {prefix}accessKeyId, {prefix}accessKeySecret, \
                         {prefix}securityToken"
                    );
                    return Err(Error::invalid(field, message));
                }
            };
            if reference.name.is_empty() || reference.key.is_empty() {
                let message = format!("`{name}` needs valueFrom.secretKeyRef with the name and the key of a Secret");
                return Err(Error::invalid(field, message));
            }
            let other = keys.entry(file).or_insert_with(|| reference.clone());
            if other != reference {
                let message = format!(
                    "gives `{name}` from the key {} of the Secret {}, and another mount of the bucket {bucket} \
                     from the key {} of the Secret {}; \
                     the pods have one pair of keys for each bucket: use the same one, or a Dataset for each",
                    reference.key, reference.name, other.key, other.name
                );
                return Err(Error::invalid(field, message));
            }
        }
        if !["accessKeyId", "accessKeySecret"]
            .iter()
            .all(|key| secrets.contains_key(&format!("{prefix}{key}")))
        {
            let message = format!("needs both {prefix}accessKeyId and {prefix}accessKeySecret");
            return Err(Error::invalid(field, message));
        }
        Ok(())
    }

    /// Reports whether each bucket has a directory of keys, because they have different ones.
    fn differ(&self) -> bool {
        let mut keys = self.buckets.values();
        let first = keys.next();
        keys.any(|other| Some(other) != first)
    }

    /// Returns keys of Secrets as files below the directory of the token.
    pub fn projections(&self) -> Vec<Value> {
        let differ = self.differ();
        let buckets = self.buckets.iter().take(if differ { usize::MAX } else { 1 });
        let files = buckets.flat_map(|((scheme, bucket), keys)| {
            let directory = if differ {
                format!("{scheme}-{bucket}/")
            } else {
                String::new()
            };
            keys.iter().map(move |(file, reference)| {
                json!({"secret": reference.name, "key": reference.key, "path": format!("{directory}{file}")})
            })
        });
        files.collect()
    }

    /// Returns the kinds of data sources whose keys all are in one place.
    fn common(&self) -> Vec<&str> {
        if self.token {
            return match self.schemes.is_empty() {
                true => vec!["oss"],
                false => self.schemes.iter().map(String::as_str).collect(),
            };
        }
        if self.differ() {
            return Vec::new();
        }
        let schemes: BTreeSet<&str> = self.buckets.keys().map(|(scheme, _)| scheme.as_str()).collect();
        schemes.into_iter().collect()
    }

    /// Returns the buckets whose keys are in a place of theirs, each with its kind and that place.
    fn own(&self) -> impl Iterator<Item = (&str, &str, String)> {
        let differ = self.differ();
        let buckets = self.buckets.keys().filter(move |_| differ);
        buckets.map(|(scheme, bucket)| (scheme.as_str(), bucket.as_str(), format!("{TOKEN}{scheme}-{bucket}/")))
    }

    /// Returns what masters and workers need to find the keys.
    pub fn of_servers(&self) -> Texts {
        let common = self.common();
        let default = if common.is_empty() { "none" } else { TOKEN };
        let mut properties = Texts::from([("default.credential.provider".into(), default.into())]);
        for scheme in common {
            properties.insert(format!("jindocache.{scheme}.provider.endpoint"), TOKEN.into());
        }
        for (scheme, bucket, place) in self.own() {
            properties.insert(format!("jindocache.{scheme}.bucket.{bucket}.provider.endpoint"), place);
        }
        properties
    }

    /// Returns what clients need to find them.
    pub fn of_clients(&self) -> Texts {
        let mut properties = Texts::new();
        let mut add = |of: &str, place: &str| {
            properties.insert(format!("fs.{of}.credentials.provider"), PROVIDER.into());
            properties.insert(format!("aliyun.{of}.provider.url"), place.into());
            properties.insert(format!("fs.{of}.provider.endpoint"), place.into());
            properties.insert(format!("fs.{of}.provider.format"), "JSON".into());
        };
        self.common().into_iter().for_each(|scheme| add(scheme, TOKEN));
        for (scheme, bucket, place) in self.own() {
            add(&format!("{scheme}.bucket.{bucket}"), &place);
        }
        properties
    }
}
