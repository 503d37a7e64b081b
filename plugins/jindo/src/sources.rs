//! The data sources: the Dataset's mounts, read and checked.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_sdk::spec::free_name;
use wasser_sdk::{Context, DatasetSpec, Error, Mount, Result};

use crate::cache_sets;
use crate::credentials::Credentials;
use crate::input::{Spec, Texts};

/// All data sources.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Path in the file system, and what is mounted there.
    pub mounts: Vec<(String, String)>,
    /// Options that go with a bucket, or with all of its kind.
    pub properties: Texts,
    /// Cache sets by name.
    pub cache_sets: BTreeMap<String, Value>,
    /// Volumes of `pvc://` and `local://` mounts: name, mount path and volume.
    pub volumes: Vec<Value>,
    /// Keys of Secrets, and where the pods have them.
    pub credentials: Credentials,
    /// What mounts say of their buckets, by store and option.
    said: BTreeMap<(String, String), Vec<(String, String)>>,
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
        sources.credentials.token = !ctx.runtime.spec.secret.is_empty();
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
            sources.add(ctx, mount, &field, path)?;
        }
        sources.check_shared(dataset)?;
        sources.part();
        Ok(sources)
    }

    /// Refuses a shared secret that no mount would use. A runtime with a token uses none of them.
    fn check_shared(&self, dataset: &DatasetSpec) -> Result<()> {
        let is_used = |option: &str| {
            let mut mounts = dataset.mounts.iter();
            mounts.any(|mount| is_for(option, scheme(&mount.mount_point)))
        };
        let mut shared = dataset.shared_encrypt_options.iter();
        match shared.find(|option| !self.credentials.token && !is_used(&option.name)) {
            None => Ok(()),
            Some(option) => {
                let message = format!("`{}` is for no store that the Dataset mounts; take it out", option.name);
                Err(Error::invalid("Dataset.spec.sharedEncryptOptions", message))
            }
        }
    }

    fn add(&mut self, ctx: &Context<Spec>, mount: &Mount, field: &str, path: String) -> Result<()> {
        let dataset = ctx.dataset()?;
        let wrong = |message: &str| Error::invalid(format!("{field}.mountPoint"), message);
        let (scheme, rest) = mount
            .mount_point
            .split_once("://")
            .ok_or_else(|| wrong("has no scheme; write oss://bucket/path"))?;
        let options = dataset.options_of(mount);
        let mut secrets = dataset.encrypt_options_of(mount);
        // A pair that all mounts share is for those of its store, and others need none.
        secrets.retain(|name, _| {
            let mut own = mount.encrypt_options.iter();
            own.any(|option| option.name == *name) || is_for(name, scheme)
        });
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
            "oss" | "s3" | "cos" | "obs" | "hdfs" => self.credentials.add_scheme(scheme),
            "http" | "https" => {}
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
                let taken = |name: &str| ctx.runtime.spec.volumes.iter().any(|volume| volume["name"] == name);
                self.volumes.push(json!({
                    "name": free_name(&format!("ufs-{}", self.volumes.len()), taken), "mountPath": directory, "source": volume,
                    "readOnly": mount.read_only || scheme == "pvc" && dataset.read_only(),
                }));
            }
            _ => return Err(wrong("is none of oss, s3, cos, obs, hdfs, http, https, pvc, local")),
        }
        self.credentials.add(scheme, bucket, &secrets, field)?;
        // What is given as a secret as well is not given in plain.
        let plain: Texts = options
            .iter()
            .filter(|(name, _)| !secrets.contains_key(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        self.options(&plain, scheme, bucket, field)?;
        let set_name = if mount.name.is_empty() { &name } else { &mount.name };
        let set = cache_sets::of(set_name, &target, &options, field)?;
        self.cache_sets.insert(name, set);
        self.mounts.push((path, target));
        Ok(())
    }

    /// Adds the options of a mount, but for those of its cache set. Those of OSS count for their
    /// bucket, those of other stores for all of their buckets.
    fn options(&mut self, options: &Texts, scheme: &str, bucket: &str, field: &str) -> Result<()> {
        for (option, value) in options.iter().filter(|(name, _)| !cache_sets::is_option(name)) {
            check_word(&format!("{field}.options"), option)?;
            check_value(&format!("{field}.options.{option}"), value)?;
            let own = option.strip_prefix(&format!("fs.{scheme}."));
            let name = match own {
                Some(own) if scheme == "oss" && !own.starts_with("bucket.") => {
                    format!("jindocache.oss.bucket.{bucket}.{own}")
                }
                Some(own) => format!("jindocache.{scheme}.{own}"),
                None => match option.strip_prefix("fs.").filter(|_| scheme == "hdfs") {
                    Some(rest) => format!("jindocache.{rest}"),
                    None => option.clone(),
                },
            };
            self.properties.insert(name, value.clone());
            if let Some(own) = own.filter(|own| scheme != "hdfs" && !own.starts_with("bucket.")) {
                let said = (scheme.to_owned(), own.to_owned());
                self.said
                    .entry(said)
                    .or_default()
                    .push((bucket.to_owned(), value.clone()));
            }
        }
        let endpoint = options.get("fs.oss.endpoint").filter(|_| scheme == "oss");
        if endpoint.is_some_and(|address| address.contains("dls")) {
            let lake = format!("jindocache.oss.bucket.{bucket}.data.lake.storage.enable");
            self.properties.insert(lake, "true".into());
        }
        Ok(())
    }

    /// Tells each bucket what its mount says where the mounts of a store say different things:
    /// what is said of the store is the last of them.
    fn part(&mut self) {
        for ((scheme, option), said) in &self.said {
            if said
                .windows(2)
                .any(|pair| matches!(pair, [(_, one), (_, other)] if one != other))
            {
                for (bucket, value) in said {
                    let name = format!("jindocache.{scheme}.bucket.{bucket}.{option}");
                    self.properties.insert(name, value.clone());
                }
            }
        }
    }

    /// Reports whether a data source is a directory of nodes.
    pub fn on_nodes(&self) -> bool {
        self.volumes
            .iter()
            .any(|volume| volume["source"].get("hostPath").is_some())
    }

    /// Returns the properties of a client that reaches the data sources by itself.
    pub fn client_properties(&self) -> Texts {
        let of_client = |(name, value): (&String, &String)| match name.strip_prefix("jindocache.") {
            Some(rest) => (format!("fs.{rest}"), value.clone()),
            None => (name.clone(), value.clone()),
        };
        self.properties.iter().map(of_client).collect()
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

fn scheme(point: &str) -> &str {
    point.split_once("://").map_or("", |(scheme, _)| scheme)
}

/// Reports whether an option is one of the stores of a scheme.
fn is_for(option: &str, scheme: &str) -> bool {
    let rest = option.strip_prefix("fs.").and_then(|rest| rest.strip_prefix(scheme));
    rest.is_some_and(|rest| rest.starts_with('.'))
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
