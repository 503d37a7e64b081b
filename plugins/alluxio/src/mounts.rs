//! The Dataset's mounts as Alluxio has them: its root, the table of what is mounted below it, and
//! the volumes of the pods.

use std::collections::BTreeMap;

use wasser_sdk::{DatasetSpec, Error, Mount, Result, SecretKeySelector};

use crate::text;

/// Where the volumes of `local://` and `pvc://` mounts are in the pods, and Alluxio's root if it is
/// not a data source itself.
pub const LOCAL_ROOT: &str = "/underFSStorage";
/// Where the pods of the master have the Secrets of the mounts, as `<secret>/<key>`.
pub const SECRETS: &str = "/etc/fluid/secrets";

/// All mounts of a Dataset.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mounts {
    /// The data source that is the root itself.
    pub root: Option<Entry>,
    /// What is mounted below the root, by path; parents come before their children.
    pub table: BTreeMap<String, Entry>,
    /// Volumes of the pods.
    pub native: Vec<Native>,
}

/// A data source in Alluxio's namespace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// Its address.
    pub source: String,
    /// Whether nothing may be written to it.
    pub read_only: bool,
    /// Whether every user may access it.
    pub shared: bool,
    /// Options.
    pub options: BTreeMap<String, String>,
    /// Options whose values are in Secrets.
    pub secrets: BTreeMap<String, SecretKeySelector>,
}

/// A volume of the pods.
#[derive(Debug, Clone, PartialEq)]
pub struct Native {
    /// Where the pods mount it.
    pub container_path: String,
    /// What it is.
    pub volume: Volume,
    /// How it is mounted in Alluxio's namespace, if it has to be.
    pub entry: Entry,
}

/// What a native mount is.
#[derive(Debug, Clone, PartialEq)]
pub enum Volume {
    /// A directory of the node.
    Directory(String),
    /// A claim, and a directory in it.
    Claim(String, String),
}

impl Entry {
    fn of(dataset: &DatasetSpec, mount: &Mount) -> Self {
        let secrets = dataset.encrypt_options_of(mount);
        let mut options = dataset.options_of(mount);
        options.retain(|name, _| !secrets.contains_key(name));
        Entry {
            source: mount.mount_point.trim().to_string(),
            read_only: mount.read_only,
            shared: mount.shared,
            options,
            secrets,
        }
    }

    /// Returns the entry of a volume at `path` in the pods. Secrets, and what the Dataset says for all
    /// its mounts, are about stores.
    fn of_volume(path: &str, mount: &Mount) -> Self {
        Entry {
            source: path.to_string(),
            read_only: mount.read_only,
            shared: mount.shared,
            options: mount.options.clone(),
            secrets: BTreeMap::new(),
        }
    }

    /// Returns the line of mount.info: words, quoted as for a shell. A secret option names the file
    /// with its value.
    pub fn line(&self, path: &str) -> String {
        let mut words = vec![text::word(path), text::word(&self.source)];
        words.extend(self.flags().map(str::to_string));
        for (name, value) in &self.options {
            words.extend(["--option".into(), text::word(&format!("{name}={value}"))]);
        }
        for (name, secret) in &self.secrets {
            let file = format!("{SECRETS}/{}/{}", secret.name, secret.key);
            words.extend(["--secret".into(), text::word(&format!("{name}={file}"))]);
        }
        words.join(" ")
    }

    /// Returns the flags of `alluxio fs mount`.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let flags = [(self.read_only, "--readonly"), (self.shared, "--shared")];
        flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag)
    }
}

impl Mounts {
    /// Returns the mounts of a Dataset, or what is wrong with one.
    pub fn of(dataset: &DatasetSpec) -> Result<Self> {
        let mut mounts = Mounts::default();
        let mut seen: Vec<String> = Vec::new();
        for (at, mount) in dataset.mounts.iter().enumerate() {
            let field = format!("Dataset.spec.mounts[{at}]");
            check(&field, dataset, mount)?;
            let path = path(&field, mount)?;
            if seen.contains(&path) {
                let message = format!("another mount is at `{path}` as well; give each its own path or name");
                return Err(Error::invalid(field, message));
            }
            if let Some(volume) = native(&field, mount)? {
                if path.contains(':') {
                    return Err(Error::invalid(
                        field,
                        format!(
                            "is a volume at `{path}`, and containers have none at a path with `:`; give it \
                             another path"
                        ),
                    ));
                }
                let container_path = format!("{LOCAL_ROOT}{}", path.trim_end_matches('/'));
                let entry = Entry::of_volume(&container_path, mount);
                mounts.native.push(Native {
                    container_path,
                    volume,
                    entry,
                });
            } else if path == "/" {
                mounts.root = Some(Entry::of(dataset, mount));
            } else {
                mounts.table.insert(path.clone(), Entry::of(dataset, mount));
            }
            seen.push(path);
        }
        if mounts.root.is_some() {
            mounts.mount_natives();
        }
        Ok(mounts)
    }

    /// Volumes are below the local root, and so in the namespace by themselves, unless that root is
    /// a data source.
    fn mount_natives(&mut self) {
        for native in &self.native {
            if let Some(path) = native.container_path.strip_prefix(LOCAL_ROOT) {
                self.table.insert(path.to_string(), native.entry.clone());
            }
        }
    }

    /// Returns the lines of mount.info.
    pub fn lines(&self) -> Vec<String> {
        self.table.iter().map(|(path, entry)| entry.line(path)).collect()
    }

    /// Those of them that name files with values of Secrets.
    pub fn secret_lines(&self) -> Vec<String> {
        let secret = self.table.iter().filter(|(_, entry)| !entry.secrets.is_empty());
        secret.map(|(path, entry)| entry.line(path)).collect()
    }

    /// Returns the data sources with Secrets among them.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.root.iter().chain(self.table.values())
    }
}

fn check(field: &str, dataset: &DatasetSpec, mount: &Mount) -> Result<()> {
    text::check(&format!("{field}.mountPoint"), &mount.mount_point)?;
    text::check(&format!("{field}.name"), &mount.name)?;
    let own = |name: &String| mount.options.contains_key(name);
    for (name, value) in &dataset.options_of(mount) {
        let of = if own(name) { field } else { "Dataset.spec" };
        let options = if own(name) { "options" } else { "sharedOptions" };
        text::check_option(&format!("{of}.{options}[{}]", name.escape_debug()), name, value)?;
    }
    for (name, secret) in &dataset.encrypt_options_of(mount) {
        let at = mount.encrypt_options.iter().position(|option| option.name == *name);
        let field = at.map_or_else(
            || format!("Dataset.spec.sharedEncryptOptions[{}]", name.escape_debug()),
            |at| format!("{field}.encryptOptions[{at}]"),
        );
        text::check_option(&field, name, "")?;
        let fits = |name: &str| {
            !name.is_empty()
                && !name.starts_with("..")
                && name != "."
                && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        if !fits(&secret.name) || !fits(&secret.key) {
            return Err(Error::invalid(field, "does not give the name and the key of a Secret"));
        }
    }
    Ok(())
}

/// Returns where a mount is in Alluxio's namespace: its absolute path, else its name, else the
/// root.
/// Returns the path of a mount that was accepted.
pub fn place(mount: &Mount) -> String {
    path("", mount).unwrap_or_default()
}

fn path(field: &str, mount: &Mount) -> Result<String> {
    // As in Fluid, a path that is not absolute is none.
    if !mount.path.starts_with('/') {
        let path = format!("/{}", mount.name.trim_matches('/'));
        text::check_path(&format!("{field}.name"), &path)?;
        return Ok(path);
    }
    text::check_path(&format!("{field}.path"), &mount.path)?;
    let parts: Vec<&str> = mount
        .path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    Ok(format!("/{}", parts.join("/")))
}

/// Returns the volume of a `local://` or `pvc://` mount; `None` for others.
fn native(field: &str, mount: &Mount) -> Result<Option<Volume>> {
    let field = format!("{field}.mountPoint");
    let point = mount.mount_point.trim();
    if let Some(directory) = point.strip_prefix("local://") {
        text::check_path(&field, directory)?;
        return Ok(Some(Volume::Directory(directory.to_string())));
    }
    if let Some(claim) = point.strip_prefix("pvc://") {
        let (claim, directory) = claim.split_once('/').unwrap_or((claim, ""));
        if claim.is_empty() {
            return Err(Error::invalid(
                field,
                "names no claim; write `pvc://<claim>` or `pvc://<claim>/<directory>`",
            ));
        }
        if directory.split('/').any(|part| part == "..") {
            return Err(Error::invalid(field, "contains `..`; write the path without it"));
        }
        return Ok(Some(Volume::Claim(
            claim.to_string(),
            directory.trim_matches('/').to_string(),
        )));
    }
    if point.starts_with("dataset://") {
        return Err(Error::invalid(
            field,
            "another dataset cannot be a data source of Alluxio; name its own data source",
        ));
    }
    if !point.contains("://") && !point.starts_with('/') {
        return Err(Error::invalid(
            field,
            "is not an address; write for instance `s3://bucket/directory` or `pvc://claim`",
        ));
    }
    Ok(None)
}
