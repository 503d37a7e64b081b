//! Keeps on disk what registrations served with last, so that a restart can go on with it.
//!
//! A registration that was changed for the worse may no longer have the component that serves. So
//! whatever is offered is written down, and takes the place of what was there when it serves.

use std::fs::{self, DirBuilder, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize};

use crate::engine::disk;
use crate::package::digest::Digest;
use crate::package::registration::Registration;
use crate::package::source::Source;

/// The directory below that of compiled plugins.
const DIRECTORY: &str = "last-good";
/// The number of registrations that are kept.
const KEPT: usize = 64;

/// A registration with everything that it refers to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    map: ConfigMap,
    component: ByteString,
    chart: ByteString,
    /// What stands for the keys with which it was pulled.
    #[serde(default)]
    keys: Option<String>,
}

impl Kept {
    /// Returns what is kept of a ConfigMap whose plugin was loaded. `None` if a file has changed
    /// meanwhile.
    pub fn of(
        map: &ConfigMap,
        registration: &Registration,
        keys: Option<String>,
        read: impl Fn(&Source) -> Option<Vec<u8>>,
    ) -> Option<Self> {
        let component = read(&registration.component)?;
        (Digest::of(&component) == registration.digest).then_some(())?;
        let metadata = ObjectMeta {
            name: map.metadata.name.clone(),
            namespace: map.metadata.namespace.clone(),
            uid: map.metadata.uid.clone(),
            creation_timestamp: map.metadata.creation_timestamp.clone(),
            ..ObjectMeta::default()
        };
        Some(Self {
            map: ConfigMap {
                metadata,
                data: map.data.clone(),
                ..ConfigMap::default()
            },
            component: ByteString(component),
            chart: ByteString(read(&registration.chart)?),
            keys,
        })
    }

    /// Returns the registration, if it is the same ConfigMap's, and nothing of it was pulled with
    /// other keys than these.
    pub fn registration(&self, uid: Option<&str>, keys: Option<&str>) -> Option<Registration> {
        (self.map.metadata.uid.as_deref() == uid).then_some(())?;
        let is_trusted = keys.is_none() || self.keys.as_deref() == keys || !Registration::names_artifact(&self.map);
        is_trusted.then_some(())?;
        let inline = |bytes: &ByteString| bytes.0.clone().into();
        Registration::parse_with(&self.map, inline(&self.component), inline(&self.chart)).ok()
    }
}

/// The directory of what is kept.
pub struct LastGood {
    directory: PathBuf,
    bytes: u64,
}

impl LastGood {
    /// Keeps at most this many bytes below the directory of compiled plugins, which only this user
    /// can write to.
    pub fn new(cache_dir: &Path, bytes: u64) -> Self {
        Self {
            directory: cache_dir.join(DIRECTORY),
            bytes,
        }
    }

    /// Writes down what a registration offers, unless it is there already.
    pub fn offer(&self, name: &str, fingerprint: &str, kept: impl FnOnce() -> Option<Kept>) {
        let there = [self.good(name), self.offered(name)];
        if there
            .iter()
            .any(|path| fingerprint_of(path).as_deref() == Some(fingerprint))
        {
            return;
        }
        let Some(kept) = kept() else { return };
        if let Err(error) = self.write(name, fingerprint, &kept) {
            tracing::warn!(registration = name, %error, "what it registers is not kept for a restart");
        }
        self.prune();
    }

    /// Notes that a registration serves with what it offered.
    pub fn promote(&self, name: &str, fingerprint: &str) {
        let offered = self.offered(name);
        if fingerprint_of(&offered).as_deref() != Some(fingerprint) {
            return;
        }
        if let Err(error) = fs::rename(&offered, self.good(name)) {
            tracing::warn!(registration = name, %error, "what it serves with is not kept for a restart");
        }
        self.prune();
    }

    /// Returns what a registration served with last, unless that is this.
    pub fn read(&self, name: &str, fingerprint: &str) -> Option<Kept> {
        let mut file = BufReader::new(File::open(self.good(name)).ok()?);
        let mut line = String::new();
        file.read_line(&mut line).ok()?;
        if line.trim_end() == fingerprint {
            return None;
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Forgets a registration that was removed.
    pub fn forget(&self, name: &str) {
        for path in [self.good(name), self.offered(name)] {
            // What is not there need not be removed.
            let _ = fs::remove_file(path);
        }
    }

    fn good(&self, name: &str) -> PathBuf {
        self.directory
            .join(format!("{}.good", Digest::of(name.as_bytes()).hex()))
    }

    fn offered(&self, name: &str) -> PathBuf {
        self.directory
            .join(format!("{}.offered", Digest::of(name.as_bytes()).hex()))
    }

    /// The file gets its name only when it is complete.
    fn write(&self, name: &str, fingerprint: &str, kept: &Kept) -> std::io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let path = self.offered(name);
        let partial = path.with_extension(format!("{}.partial", std::process::id()));
        let mut file = File::create(&partial)?;
        let mut text = BufWriter::new(&mut file);
        writeln!(text, "{fingerprint}")?;
        serde_json::to_writer(&mut text, kept)?;
        text.flush()?;
        drop(text);
        file.sync_all()?;
        fs::rename(&partial, &path)
    }

    /// Removes the oldest files. Those of registrations that were deleted while nobody looked are
    /// among them.
    fn prune(&self) {
        disk::prune(&self.directory, KEPT, self.bytes, |_| true);
    }
}

fn fingerprint_of(path: &Path) -> Option<String> {
    let mut line = String::new();
    BufReader::new(File::open(path).ok()?).read_line(&mut line).ok()?;
    Some(line.trim_end().to_owned())
}
