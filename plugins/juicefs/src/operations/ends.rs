//! The two ends of a migration, as `juicefs sync` names them: both are directories, or both are names,
//! of a file or of all that begins so. What a volume has, the script sees.

use std::net::Ipv4Addr;

use serde_json::{Value, json};
use wasser_api::operations::{DatasetPath, ExternalStorage, MigrateEnd};
use wasser_sdk::{Context, Error, Result, literal};

use super::keys;
use crate::edition::Edition;
use crate::input::Spec;
use crate::shell;
use crate::source::Source;

/// The volume of an end that is one, and where it is mounted. The names are Fluid's.
const VOLUME: &str = "fluid-native";
const MOUNTED: &str = "/mnt/fluid-native";

/// One end of a migration.
#[derive(Debug, Default, PartialEq)]
pub struct End {
    /// The address as that of a directory; it ends in `/`, and has no secret in it.
    pub address: String,
    /// Whether the user has written it without the `/`, so that it may be the name of a file.
    pub may_be_name: bool,
    /// Variables with the keys of the storage.
    pub env: Vec<Value>,
    /// The claim of a volume that it is in, and the directory where the pod finds it.
    pub claim: Option<(String, String)>,
}

impl End {
    /// Reads the end at a field. The Dataset of `ctx` is reached by its metadata engine, another one
    /// through its volume, which has its name.
    pub fn of(ctx: &Context<Spec>, source: &Source, field: &str, end: &MigrateEnd) -> Result<Self> {
        match (&end.dataset, &end.external_storage) {
            (Some(dataset), None) if dataset.name == ctx.name => own(source, &format!("{field}.dataset.path"), dataset),
            (Some(DatasetPath { name, path, .. }), None) => {
                let path = path.as_deref().unwrap_or_default();
                claim(&format!("{field}.dataset.path"), name, path)
            }
            (None, Some(storage)) => external(&format!("{field}.externalStorage"), storage),
            _ => Err(Error::invalid(field, "needs one of `dataset` and `externalStorage`")),
        }
    }

    /// Returns the addresses of both ends: as names if both may be, and otherwise as directories.
    pub fn addresses(from: &Self, to: &Self) -> [String; 2] {
        let are_names = from.may_be_name && to.may_be_name;
        [from, to].map(|end| match end.address.strip_suffix('/') {
            Some(name) if are_names => name.to_owned(),
            _ => end.address.clone(),
        })
    }

    /// Whether it may be a file that nobody can look at before.
    pub fn is_uncertain(&self) -> bool {
        self.may_be_name && self.claim.is_none()
    }

    /// Returns the volume of the end, and where a container mounts it.
    pub fn volume(&self, read_only: bool) -> Option<(Value, Value)> {
        let (claim, _) = self.claim.as_ref()?;
        let volume = json!({"name": VOLUME, "persistentVolumeClaim": {"claimName": claim}});
        let mut mount = json!({"name": VOLUME, "mountPath": MOUNTED});
        if read_only {
            mount["readOnly"] = json!(true);
        }
        Some((volume, mount))
    }
}

/// A place in the file system itself. The community edition takes the address of the metadata
/// engine from a variable whose name stands in the place of the host.
fn own(source: &Source, field: &str, dataset: &DatasetPath) -> Result<End> {
    let host = match source.edition {
        Edition::Community => "METAURL",
        Edition::Enterprise => &source.name,
    };
    let given = dataset.path.as_deref().unwrap_or_default();
    let path = format!("{}/{given}", source.directory);
    Ok(End {
        may_be_name: !given.is_empty() && !given.ends_with('/'),
        address: format!("jfs://{host}{}", encoded(&directory(field, &path)?)),
        ..End::default()
    })
}

fn claim(field: &str, claim: &str, path: &str) -> Result<End> {
    let at = format!("{MOUNTED}{}", directory(field, path)?);
    Ok(End {
        address: format!("file://{}", encoded(&at)),
        claim: Some((claim.to_owned(), literal(&at))),
        may_be_name: !path.is_empty() && !path.ends_with('/'),
        ..End::default()
    })
}

fn external(field: &str, storage: &ExternalStorage) -> Result<End> {
    let field_of = |name: &str| format!("{field}.{name}");
    let uri = storage.uri.trim();
    shell::check_text(&field_of("uri"), uri)?;
    let invalid = |message: &str| Err(Error::invalid(field_of("uri"), message));
    let Some((scheme, rest)) = uri.split_once("://") else {
        return invalid("has no scheme; write for instance `s3://<bucket>.<endpoint>/<directory>` or `pvc://<claim>/`");
    };
    let scheme = scheme.to_ascii_lowercase();
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return invalid("has keys in it, which everybody who can read the DataMigrate would see; use encryptOptions");
    }
    match scheme.as_str() {
        "pvc" => {
            let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
            if name.is_empty() {
                return invalid("names no claim; write `pvc://<claim>/<directory>`");
            }
            claim(&field_of("uri"), name, path)
        }
        "file" | "local" => invalid("is a directory of the pod, which is empty; use pvc://<claim>/<directory>"),
        "jfs" | "juicefs" => invalid("is a file system of JuiceFS; make a Dataset of it, and name that as `dataset`"),
        _ if rest.is_empty() || rest.contains(char::is_whitespace) => {
            invalid("is not an address; write for instance `s3://<bucket>.<endpoint>/<directory>`")
        }
        scheme => Ok(End {
            may_be_name: !rest.ends_with('/') && is_in_bucket(scheme, rest),
            address: literal(&format!("{scheme}://{}/", rest.trim_end_matches('/'))),
            env: keys::of(field, scheme, storage)?,
            claim: None,
        }),
    }
}

/// Whether an address without its scheme leads into a bucket, and not to it. Some have the bucket in
/// their host, and others in their path, as JuiceFS tells them apart.
fn is_in_bucket(scheme: &str, rest: &str) -> bool {
    let mut parts = rest.split('/').filter(|part| !part.is_empty());
    let host = parts.next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    let is_service = host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok()
        || host.ends_with(".amazonaws.com") && (host.starts_with("s3.") || host.starts_with("s3-"));
    let has_bucket_in_path = scheme == "minio" || scheme == "s3" && is_service;
    parts.count() > usize::from(has_bucket_in_path)
}

/// Returns an absolute path that ends in `/`.
fn directory(field: &str, path: &str) -> Result<String> {
    shell::check_text(field, path)?;
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if parts.contains(&"..") {
        return Err(Error::invalid(field, "contains `..`; write the path without it"));
    }
    Ok(parts.iter().fold("/".to_owned(), |path, part| path + part + "/"))
}

/// Returns a path as addresses have it.
fn encoded(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().fold(String::new(), |mut text, byte| {
        if plain(byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}
