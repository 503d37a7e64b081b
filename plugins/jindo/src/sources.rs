//! The data sources: the Dataset's mounts, read and checked.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_sdk::{Context, DatasetSpec, Error, Mount, Result};

use crate::input::{Spec, Texts};

const KEY_ID: &str = "fs.oss.accessKeyId";
const KEY_SECRET: &str = "fs.oss.accessKeySecret";
/// Where the containers find secret options.
pub const TOKEN: &str = "secrets:///token/";
/// Options of a mount that describe its cache set, and their defaults.
const CACHE_SET: &[(&str, &str)] = &[
    ("cacheStrategy", "DISTRIBUTED"),
    ("metaPolicy", "ALWAYS"),
    ("readPolicy", "CACHE_ASIDE"),
    ("writePolicy", "WRITE_THROUGH"),
    ("readCacheReplica", "1"),
    ("writeCacheReplica", "1"),
];

/// All data sources.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Path in the file system, and what is mounted there.
    pub mounts: Vec<(String, String)>,
    /// Options that go with a bucket.
    pub properties: Texts,
    /// The same as users write them, which is how a client without a master reads them.
    pub plain: Texts,
    /// Cache sets by name.
    pub cache_sets: BTreeMap<String, Value>,
    /// Volumes of `pvc://` and `local://` mounts: name, mount path and volume.
    pub volumes: Vec<Value>,
    /// Keys of Secrets as files.
    pub projections: Vec<Value>,
}

impl Sources {
    /// Reads the Dataset of `ctx`.
    pub fn of(ctx: &Context<Spec>) -> Result<Self> {
        let dataset = ctx.dataset()?;
        if dataset.mounts.is_empty() {
            return Err(Error::invalid(
                "Dataset.spec.mounts",
                "is empty; add a mount such as oss://bucket/path",
            ));
        }
        let mut sources = Sources::default();
        for (at, mount) in dataset.mounts.iter().enumerate() {
            let field = format!("Dataset.spec.mounts[{at}]");
            let path = path(mount);
            check_path(
                &format!("{field}.{}", if mount.path.starts_with('/') { "path" } else { "name" }),
                &path,
            )?;
            check_value(&format!("{field}.mountPoint"), &mount.mount_point)?;
            if sources.mounts.iter().any(|(other, _)| *other == path) {
                return Err(Error::invalid(
                    field,
                    format!("another mount is at {path} as well; give one of them a path"),
                ));
            }
            sources.add(ctx, dataset, mount, &field, path)?;
        }
        Ok(sources)
    }

    fn add(
        &mut self,
        ctx: &Context<Spec>,
        dataset: &DatasetSpec,
        mount: &Mount,
        field: &str,
        path: String,
    ) -> Result<()> {
        let wrong = |message: &str| Error::invalid(format!("{field}.mountPoint"), message);
        let (scheme, rest) = mount
            .mount_point
            .split_once("://")
            .ok_or_else(|| wrong("has no scheme; write oss://bucket/path"))?;
        let options = dataset.options_of(mount);
        let secrets = dataset.encrypt_options_of(mount);
        let bucket = rest.split('/').next().unwrap_or_default();
        let name = name(&path);
        let mut target = mount.mount_point.clone();
        match scheme {
            "oss" | "s3" | "cos" | "obs" | "hdfs" | "http" | "https" if !is_word(bucket) => {
                return Err(wrong("names no bucket or host"));
            }
            "oss" if !options.contains_key("fs.oss.endpoint") => {
                return Err(Error::invalid(
                    format!("{field}.options"),
                    "lacks fs.oss.endpoint, the address of the object storage",
                ));
            }
            "oss" | "s3" | "cos" | "obs" | "hdfs" | "http" | "https" => {}
            "pvc" | "local" => {
                let directory = directory(&name);
                let (volume, below) = native(scheme, rest, &directory)
                    .ok_or_else(|| wrong("is neither pvc://<claim>[/path] nor local:///<directory>"))?;
                target = format!("local://{below}");
                if path.contains(':') {
                    return Err(Error::invalid(
                        field,
                        format!(
                            "is a volume at {path}, and containers have none at a path with `:`; give it another \
                             path"
                        ),
                    ));
                }
                self.volumes.push(
                    json!({"name": format!("ufs-{}", self.volumes.len()), "mountPath": directory, "source": volume}),
                );
            }
            _ => return Err(wrong("is none of oss, s3, cos, obs, hdfs, http, https, pvc, local")),
        }
        self.options(&options, scheme, bucket, field)?;
        self.secrets(ctx, &secrets, scheme, bucket, field)?;
        let mut set = json!({"path": path});
        for (option, default) in CACHE_SET {
            set[*option] = options.get(*option).map_or(*default, String::as_str).into();
        }
        self.cache_sets.insert(name, set);
        self.mounts.push((path, target));
        Ok(())
    }

    /// Adds the options of a mount: those of an object store count for their bucket, and those of
    /// the cache set do not.
    fn options(&mut self, options: &Texts, scheme: &str, bucket: &str, field: &str) -> Result<()> {
        for (name, value) in options
            .iter()
            .filter(|(name, _)| !CACHE_SET.iter().any(|(option, _)| option == name))
        {
            check_word(&format!("{field}.options"), name)?;
            check_value(&format!("{field}.options.{name}"), value)?;
            if [KEY_ID, KEY_SECRET].contains(&name.as_str()) {
                let message = "does not belong into an option that everybody can read; use encryptOptions";
                return Err(Error::invalid(format!("{field}.options.{name}"), message));
            }
            self.plain.insert(name.clone(), value.clone());
            let own = name
                .strip_prefix(&format!("fs.{scheme}."))
                .filter(|rest| !rest.starts_with("bucket."));
            let name = own.map_or_else(
                || name.clone(),
                |rest| format!("jindocache.{scheme}.bucket.{bucket}.{rest}"),
            );
            self.properties.insert(name, value.clone());
        }
        Ok(())
    }

    /// Adds the keys of a bucket, which reach the pods as files; a runtime with `spec.secret` has a
    /// token for all instead.
    fn secrets(
        &mut self,
        ctx: &Context<Spec>,
        secrets: &BTreeMap<String, wasser_sdk::SecretKeySelector>,
        scheme: &str,
        bucket: &str,
        field: &str,
    ) -> Result<()> {
        if secrets.is_empty() || !ctx.runtime.spec.secret.is_empty() {
            return Ok(());
        }
        let prefix = format!("fs.{scheme}.");
        let directory = format!("{scheme}-{bucket}");
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
                    return Err(Error::invalid(format!("{field}.encryptOptions"), message));
                }
            };
            if reference.name.is_empty() || reference.key.is_empty() {
                let message = format!("`{name}` needs valueFrom.secretKeyRef with the name and the key of a Secret");
                return Err(Error::invalid(format!("{field}.encryptOptions"), message));
            }
            let projection =
                json!({"secret": reference.name, "key": reference.key, "path": format!("{directory}/{file}")});
            match self
                .projections
                .iter()
                .find(|other| other["path"] == projection["path"])
            {
                None => self.projections.push(projection),
                Some(other) if *other == projection => {}
                Some(other) => {
                    let message = format!(
                        "gives `{name}` from the key {} of the Secret {}, and another mount of the bucket {bucket} \
                         from the key {} of the Secret {}; \
                         the pods have one pair of keys for each bucket: use the same one, or a Dataset for each",
                        reference.key,
                        reference.name,
                        text(other, "key"),
                        text(other, "secret")
                    );
                    return Err(Error::invalid(format!("{field}.encryptOptions"), message));
                }
            }
        }
        if !["accessKeyId", "accessKeySecret"]
            .iter()
            .all(|key| secrets.contains_key(&format!("{prefix}{key}")))
        {
            let message = format!("needs both {prefix}accessKeyId and {prefix}accessKeySecret");
            return Err(Error::invalid(format!("{field}.encryptOptions"), message));
        }
        let endpoint = format!("jindocache.{scheme}.bucket.{bucket}.provider.endpoint");
        self.properties.insert(endpoint, format!("{TOKEN}{directory}/"));
        self.plain
            .insert(format!("fs.{scheme}.provider.endpoint"), format!("{TOKEN}{directory}/"));
        Ok(())
    }

    /// Returns properties of a client that reaches the data source by itself. `token` says whether
    /// a Secret has a token for all buckets.
    pub fn client_properties(&self, token: bool) -> Texts {
        let mut properties = self.plain.clone();
        if token {
            properties.insert("fs.oss.provider.endpoint".into(), TOKEN.into());
            properties.insert("fs.oss.provider.format".into(), "JSON".into());
        }
        properties
    }
}

/// Returns the sources of mounts that were accepted before, by their paths.
pub fn table(mounts: &[Mount]) -> BTreeMap<String, String> {
    let entry = |mount: &Mount| {
        let path = path(mount);
        let native = mount
            .mount_point
            .split_once("://")
            .filter(|(scheme, _)| ["pvc", "local"].contains(scheme))
            .and_then(|(scheme, rest)| native(scheme, rest, &directory(&name(&path))));
        let target = native.map_or_else(|| mount.mount_point.clone(), |(_, below)| format!("local://{below}"));
        (path, target)
    };
    mounts.iter().map(entry).collect()
}

/// What belongs to the mount at a path is called.
fn name(path: &str) -> String {
    match path.trim_matches('/').replace('/', "-") {
        name if name.is_empty() => "root".to_string(),
        name => name,
    }
}

/// Returns where the pods mount the volume of a `pvc://` or `local://` mount.
fn directory(name: &str) -> String {
    format!("/underFSStorage/{name}")
}

/// Returns where a mount appears: an absolute path wins over the name.
fn path(mount: &Mount) -> String {
    if mount.path.starts_with('/') {
        mount.path.clone()
    } else {
        format!("/{}", mount.name.trim_start_matches('/'))
    }
}

/// Returns the volume of a mount that is a claim or a directory of the node, and the directory of
/// it that is mounted.
fn native(scheme: &str, rest: &str, directory: &str) -> Option<(Value, String)> {
    if rest.split('/').any(|part| part == "..") {
        return None;
    }
    if scheme == "local" {
        // One that is not there would be made, and the Dataset would be empty.
        let source = json!({"hostPath": {"path": rest, "type": "Directory"}});
        return (rest.starts_with('/') && rest.len() > 1).then(|| (source, directory.to_string()));
    }
    let (claim, below) = rest.split_once('/').unwrap_or((rest, ""));
    let below = below.trim_matches('/');
    let target = if below.is_empty() {
        directory.to_string()
    } else {
        format!("{directory}/{below}")
    };
    (!claim.is_empty()).then(|| (json!({"persistentVolumeClaim": {"claimName": claim}}), target))
}

/// Returns a text of a JSON object, empty if it is missing.
fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

/// Refuses a path that could not be found again in what the master lists, where white space
/// separates paths from sources.
fn check_path(field: &str, path: &str) -> Result<()> {
    if is_word(path) && !path.split('/').any(|part| part == "..") {
        return Ok(());
    }
    let message = format!(
        "`{}` has white space, a control character or `..`; give the mount a path without",
        path.escape_debug()
    );
    Err(Error::invalid(field, message))
}

/// Refuses a name in the configuration that is not a single word, or that would begin another kind
/// of line.
pub fn check_word(field: &str, text: &str) -> Result<()> {
    if is_word(text) && !text.contains('=') && !text.starts_with(['#', '[', ';']) {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        format!(
            "`{}` is not the name of an option; use one word without `=`",
            text.escape_debug()
        ),
    ))
}

/// Refuses a value that would break a line of the configuration.
pub fn check_value(field: &str, text: &str) -> Result<()> {
    wasser_sdk::text::check(field, text)
}
