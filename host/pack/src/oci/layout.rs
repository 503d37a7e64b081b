//! An artifact in a file: the OCI image layout, as a tar or as a directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tar::{Builder, EntryType, Header};

use crate::digest::{hex_of, sha256};
use crate::oci::artifact::Artifact;
use crate::oci::manifest::{ArtifactError, Descriptor, INDEX, MANIFEST, MAX_MANIFEST, MAX_PART, Manifest};

/// The file that says what the directory is.
const MARK: &str = "oci-layout";
const MARK_TEXT: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
/// The file that names the manifest.
const INDEX_FILE: &str = "index.json";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    manifests: Vec<Descriptor>,
}

/// Returns the artifact as a tar, the same bytes every time.
///
/// # Errors
/// It cannot be written, which does not happen in memory.
pub fn to_tar(artifact: &Artifact) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    write_tar(artifact, &mut bytes)?;
    Ok(bytes)
}

/// Writes the tar of [`to_tar`].
///
/// # Errors
/// It cannot be written.
pub fn write_tar(artifact: &Artifact, to: impl Write) -> Result<()> {
    let index = Index {
        schema_version: 2,
        media_type: INDEX.to_owned(),
        manifests: vec![Descriptor::of(MANIFEST, artifact.manifest())],
    };
    let index = serde_json::to_vec(&index)?;
    let digest = artifact.digest();
    let mut files = BTreeMap::from([(blob(&digest)?, artifact.manifest())]);
    for (descriptor, bytes) in artifact.blobs() {
        files.insert(blob(&descriptor.digest)?, bytes);
    }
    let mut archive = Builder::new(to);
    let first = [(PathBuf::from(MARK), MARK_TEXT), (PathBuf::from(INDEX_FILE), &index)];
    for (path, content) in first.into_iter().chain(files) {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, path, content)?;
    }
    archive.into_inner()?.flush()?;
    Ok(())
}

/// Reads an artifact from a tar or a directory.
///
/// # Errors
/// A file cannot be read, or it is not the artifact of a plugin.
pub fn read(path: &Path) -> Result<Artifact> {
    let artifact = if path.is_dir() {
        open(|name, limit| {
            let file = path.join(name);
            let opened = File::open(&file).with_context(|| format!("reading {}", file.display()))?;
            bounded(opened, limit).with_context(|| format!("reading {}", file.display()))
        })
    } else {
        fs::read(path).map_err(Into::into).and_then(|bytes| from_tar(&bytes))
    };
    artifact.with_context(|| format!("{} as the artifact of a plugin", path.display()))
}

/// Reads an artifact from the bytes of a tar.
///
/// # Errors
/// It is not the artifact of a plugin.
pub fn from_tar(bytes: &[u8]) -> Result<Artifact> {
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries()? {
        let entry = entry.context("it is not a tar")?;
        if entry.header().entry_type() != EntryType::Regular {
            continue;
        }
        let path = entry.path()?.into_owned();
        let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
        // Only the files that are wanted are copied.
        let begin = usize::try_from(entry.raw_file_position())?;
        let content = bytes.get(begin..).unwrap_or_default();
        let size = usize::try_from(entry.size())?;
        files.insert(path, content.get(..size).context("it is cut off")?);
    }
    open(|name, limit| {
        let found = files.get(name);
        let found = found.with_context(|| format!("it has no file {}", name.display()))?;
        bounded(*found, limit)
    })
}

/// Whether bytes begin like a tar that has an artifact in it.
pub fn is_tar(bytes: &[u8]) -> bool {
    let magic = bytes.get(257..262);
    magic == Some(b"ustar")
}

/// Opens a layout whose files are read by this function, up to a limit in bytes.
fn open(read: impl Fn(&Path, u64) -> Result<Vec<u8>>) -> Result<Artifact> {
    let index = read(Path::new(INDEX_FILE), MAX_MANIFEST as u64)?;
    let index: Index = serde_json::from_slice(&index).context(INDEX_FILE)?;
    let [named] = index.manifests.as_slice() else {
        bail!(
            "{INDEX_FILE} names {} manifests, and a plugin is one",
            index.manifests.len()
        );
    };
    let raw = read(&blob(&named.digest)?, MAX_MANIFEST as u64)?;
    named.check(&raw).map_err(|_| ArtifactError::Digest {
        found: sha256(&raw),
        expected: named.digest.clone(),
    })?;
    let manifest = Manifest::parse(&raw)?;
    let blobs = manifest
        .blobs()
        .map(|descriptor| read(&blob(&descriptor.digest)?, descriptor.size.min(MAX_PART)));
    let blobs = blobs.collect::<Result<Vec<_>>>()?;
    Ok(Artifact::assemble(raw, blobs)?)
}

/// Returns the path of a blob. A digest that is not one names no file.
fn blob(digest: &str) -> Result<PathBuf> {
    let hex = hex_of(digest).with_context(|| format!("`{digest}` is not a SHA-256 digest"))?;
    Ok(Path::new("blobs/sha256").join(hex))
}

fn bounded(reader: impl Read, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    ensure!(bytes.len() as u64 <= limit, "it has more than {limit} bytes");
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oci::artifact::Parts;

    fn artifact() -> Artifact {
        Artifact::new(Parts {
            name: "demo",
            version: "0.1.0",
            component: b"\0asm\x0d\0\x01\0",
            chart: b"chart",
            crds: b"",
            plugin_yaml: "runtime: DemoRuntime\n",
        })
        .unwrap()
    }

    #[test]
    fn a_tar_is_always_the_same_and_leads_back_to_the_artifact() {
        let tar = to_tar(&artifact()).unwrap();
        assert_eq!(tar, to_tar(&artifact()).unwrap());
        assert!(is_tar(&tar));
        assert_eq!(from_tar(&tar).unwrap(), artifact());

        // The same as a directory, which other tools write.
        let directory = tempfile::tempdir().unwrap();
        tar::Archive::new(tar.as_slice()).unpack(directory.path()).unwrap();
        assert_eq!(read(directory.path()).unwrap(), artifact());
        let manifest = directory.path().join(blob(&artifact().digest()).unwrap());
        fs::write(&manifest, "{}").unwrap();
        let refused = format!("{:#}", read(directory.path()).unwrap_err());
        assert!(refused.contains("whoever answered is not to be trusted"), "{refused}");
    }

    #[test]
    fn a_digest_leads_to_no_other_file() {
        for digest in ["sha256:../../../etc/passwd", "sha256:AB", "md5:00", ""] {
            assert!(blob(digest).unwrap_err().to_string().contains("not a SHA-256"));
        }
        assert!(format!("{:#}", from_tar(b"no").unwrap_err()).contains("not a tar"));
    }
}
