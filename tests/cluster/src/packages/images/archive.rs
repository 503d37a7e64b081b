//! Images as archives in the OCI image layout, which `ctr`, `podman` and `skopeo` read; with the
//! manifest by which `docker load` does too.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::image::{Content, Entry, Image, hex};

const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// The processors that images are built for: those of this machine.
pub const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "amd64"
};

/// A part of the archive that others refer to by its digest.
struct Blob {
    kind: &'static str,
    digest: String,
    size: u64,
}

impl Blob {
    fn of(kind: &'static str, bytes: &[u8]) -> Result<Self> {
        let digest = hex(&Sha256::digest(bytes));
        let size = u64::try_from(bytes.len())?;
        Ok(Self { kind, digest, size })
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }

    fn descriptor(&self) -> Value {
        json!({"mediaType": self.kind, "digest": format!("sha256:{}", self.digest), "size": self.size})
    }
}

/// A writer that passes everything on, and keeps its digest and size.
struct Counted<W> {
    inner: W,
    digest: Sha256,
    size: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.digest.update(bytes.get(..written).unwrap_or_default());
        self.size += u64::try_from(written).unwrap_or_default();
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Image {
    /// Writes the image as an archive in the OCI image layout.
    pub fn write(&self, path: &Path) -> Result<()> {
        write(self, path).with_context(|| format!("writing the image {} to {}", self.name, path.display()))
    }
}

/// Writes an image. Its layer may be larger than the memory: it is a file first, since its digest
/// comes before it in the archive.
fn write(image: &Image, path: &Path) -> Result<()> {
    let directory = path.parent().context("an archive is in a directory")?;
    let file = tempfile::tempfile_in(directory);
    let mut file = file.with_context(|| format!("creating a file in {}", directory.display()))?;
    let layer = layer(&image.entries, &file)?;
    file.rewind().context("reading the layer again")?;
    let config = serde_json::to_vec(&json!({
        "architecture": ARCHITECTURE,
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Entrypoint": image.entrypoint, "Cmd": image.command, "Env": image.environment,
            "WorkingDir": image.directory,
                   "User": image.user},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", layer.digest)]},
    }))?;
    let config_blob = Blob::of(CONFIG_TYPE, &config)?;
    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config_blob.descriptor(),
        "layers": [layer.descriptor()],
    }))?;
    let manifest_blob = Blob::of(MANIFEST_TYPE, &manifest)?;
    let mut entry = manifest_blob.descriptor();
    entry["platform"] = json!({"architecture": ARCHITECTURE, "os": "linux"});
    // The first is what containerd reads, the second what others do.
    entry["annotations"] = json!({
        "io.containerd.image.name": image.name,
        "org.opencontainers.image.ref.name": image.name,
    });
    let index = json!({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": [entry]});
    let docker = json!([{"Config": config_blob.path(), "RepoTags": [image.name], "Layers": [layer.path()]}]);

    let mut archive = Builder::new(File::create(path)?);
    add(&mut archive, "oci-layout", 0o644, br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    add(&mut archive, "index.json", 0o644, &serde_json::to_vec(&index)?)?;
    add(&mut archive, "manifest.json", 0o644, &serde_json::to_vec(&docker)?)?;
    add(&mut archive, &config_blob.path(), 0o644, &config)?;
    add(&mut archive, &manifest_blob.path(), 0o644, &manifest)?;
    copy(&mut archive, &layer.path(), 0o644, layer.size, file)?;
    archive.into_inner()?;
    Ok(())
}

/// The files, in order, each directory before what is in it.
fn layer(entries: &[Entry], into: &File) -> Result<Blob> {
    let mut archive = Builder::new(Counted {
        inner: io::BufWriter::new(into),
        digest: Sha256::new(),
        size: 0,
    });
    let mut made: BTreeSet<String> = BTreeSet::new();
    for entry in entries {
        for (end, _) in entry.path.match_indices('/') {
            let parent = entry.path.get(..end).unwrap_or_default();
            if made.insert(parent.to_owned()) {
                special(&mut archive, parent, EntryType::Directory, 0o755, None)?;
            }
        }
        match &entry.content {
            Content::File(source) => {
                let file = File::open(source).with_context(|| format!("reading {}", source.display()))?;
                let size = file
                    .metadata()
                    .with_context(|| format!("reading {}", source.display()))?
                    .len();
                copy(&mut archive, &entry.path, entry.mode, size, file)?;
            }
            Content::Text(text) => add(&mut archive, &entry.path, entry.mode, text.as_bytes())?,
            Content::Link(target) => special(&mut archive, &entry.path, EntryType::Symlink, entry.mode, Some(target))?,
            Content::Directory => {
                made.insert(entry.path.clone());
                special(&mut archive, &entry.path, EntryType::Directory, entry.mode, None)?;
            }
        }
    }
    let mut counted = archive.into_inner()?;
    counted.flush()?;
    Ok(Blob {
        kind: LAYER_TYPE,
        digest: hex(&counted.digest.finalize()),
        size: counted.size,
    })
}

fn add<W: Write>(archive: &mut Builder<W>, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    copy(archive, path, mode, u64::try_from(bytes.len())?, bytes)
}

fn copy<W: Write>(archive: &mut Builder<W>, path: &str, mode: u32, size: u64, from: impl Read) -> Result<()> {
    let mut header = header(EntryType::Regular, mode);
    header.set_size(size);
    archive.append_data(&mut header, path, from.take(size))?;
    Ok(())
}

fn special<W>(archive: &mut Builder<W>, path: &str, kind: EntryType, mode: u32, target: Option<&str>) -> Result<()>
where
    W: Write,
{
    let mut header = header(kind, mode);
    match target {
        Some(target) => archive.append_link(&mut header, path, target)?,
        None => archive.append_data(&mut header, path, io::empty())?,
    }
    Ok(())
}

/// Returns a header without owner and time, so that the same files make the same image.
fn header(kind: EntryType, mode: u32) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fs;

    fn read(bytes: &[u8]) -> BTreeMap<String, (EntryType, u32, Vec<u8>)> {
        let mut archive = tar::Archive::new(bytes);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            let header = entry.header();
            (
                entry.path().unwrap().display().to_string(),
                (header.entry_type(), header.mode().unwrap(), content),
            )
        });
        entries.collect()
    }

    #[test]
    fn an_archive_holds_what_the_image_says() {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("program");
        fs::write(&program, "binary").unwrap();
        let image = Image::new("example.org/a/b:1")
            .file("/usr/bin/program", &program, 0o755)
            .link("/bin", "usr/bin")
            .directory("/tmp", 0o1777)
            .text("/etc/motd", "hello")
            .entrypoint(&["/usr/bin/program"])
            .env("A", "b")
            .workdir("/tmp")
            .user("65532:65532");
        let file = directory.path().join("image.tar");
        image.write(&file).unwrap();
        let outer = read(&fs::read(&file).unwrap());

        let manifest: serde_json::Value = serde_json::from_slice(&outer["manifest.json"].2).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], "example.org/a/b:1");
        let config = manifest[0]["Config"].as_str().unwrap();
        let config: serde_json::Value = serde_json::from_slice(&outer[config].2).unwrap();
        assert_eq!(config["config"]["Entrypoint"][0], "/usr/bin/program");
        assert_eq!(config["config"]["WorkingDir"], "/tmp");
        assert!(config["config"]["Env"].as_array().unwrap().contains(&"A=b".into()));
        assert_eq!(config["config"]["User"], "65532:65532");
        let layer = &outer[manifest[0]["Layers"][0].as_str().unwrap()].2;
        assert_eq!(
            config["rootfs"]["diff_ids"][0],
            format!("sha256:{}", hex(&Sha256::digest(layer)))
        );

        let inner = read(layer);
        assert_eq!(
            inner["usr/bin/program"],
            (EntryType::Regular, 0o755, b"binary".to_vec())
        );
        assert_eq!(inner["etc/motd"].2, b"hello");
        assert_eq!(inner["bin"].0, EntryType::Symlink);
        assert_eq!((inner["tmp"].0, inner["tmp"].1), (EntryType::Directory, 0o1777));
        assert!(inner.contains_key("usr") && inner.contains_key("usr/bin"));

        // Every digest of the layout is that of its blob.
        assert!(outer.contains_key("oci-layout"));
        let index: Value = serde_json::from_slice(&outer["index.json"].2).unwrap();
        assert_eq!(
            index["manifests"][0]["annotations"]["io.containerd.image.name"],
            "example.org/a/b:1"
        );
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"]
                .as_str()
                .unwrap()
                .strip_prefix("sha256:")
                .unwrap()
                .to_owned();
            let bytes = &outer[&format!("blobs/sha256/{digest}")].2;
            assert_eq!(
                (hex(&Sha256::digest(bytes)), bytes.len() as u64),
                (digest, descriptor["size"].as_u64().unwrap())
            );
            bytes.clone()
        };
        let manifest: Value = serde_json::from_slice(&blob(&index["manifests"][0])).unwrap();
        assert_eq!(&blob(&manifest["layers"][0]), layer);
        assert_eq!(
            serde_json::from_slice::<Value>(&blob(&manifest["config"])).unwrap(),
            config
        );

        let again = directory.path().join("again.tar");
        image.write(&again).unwrap();
        assert_eq!(fs::read(&file).unwrap(), fs::read(&again).unwrap());
    }
}
