//! Images as archives, as `docker save` makes them: a manifest, a configuration, and a tar of the files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::{Content, Entry, Image, hex};

/// Writes an image.
pub fn write(image: &Image, path: &Path) -> Result<()> {
    let layer = layer(&image.entries)?;
    let digest = hex(&Sha256::digest(&layer));
    let config = serde_json::to_vec(&json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {"Entrypoint": image.entrypoint, "Cmd": image.command, "Env": image.environment, "WorkingDir": image.directory},
        "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{digest}")]},
    }))?;
    let (config_name, layer_name) = (format!("{}.json", hex(&Sha256::digest(&config))), format!("{digest}/layer.tar"));
    let manifest = serde_json::to_vec(&json!([{"Config": config_name, "RepoTags": [image.name], "Layers": [layer_name]}]))?;
    let mut archive = Builder::new(File::create(path)?);
    for (name, bytes) in [(config_name.as_str(), &config), (&layer_name, &layer), ("manifest.json", &manifest)] {
        add(&mut archive, name, 0o644, bytes)?;
    }
    archive.into_inner()?;
    Ok(())
}

/// The files, in order, each directory before what is in it.
fn layer(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
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
                let bytes = fs::read(source).with_context(|| format!("reading {}", source.display()))?;
                add(&mut archive, &entry.path, entry.mode, &bytes)?;
            }
            Content::Text(text) => add(&mut archive, &entry.path, entry.mode, text.as_bytes())?,
            Content::Link(target) => special(&mut archive, &entry.path, EntryType::Symlink, entry.mode, Some(target))?,
            Content::Directory => {
                made.insert(entry.path.clone());
                special(&mut archive, &entry.path, EntryType::Directory, entry.mode, None)?;
            }
        }
    }
    Ok(archive.into_inner()?)
}

fn add<W: std::io::Write>(archive: &mut Builder<W>, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let mut header = header(EntryType::Regular, mode);
    header.set_size(u64::try_from(bytes.len())?);
    archive.append_data(&mut header, path, bytes)?;
    Ok(())
}

fn special(archive: &mut Builder<Vec<u8>>, path: &str, kind: EntryType, mode: u32, target: Option<&str>) -> Result<()> {
    let mut header = header(kind, mode);
    match target {
        Some(target) => archive.append_link(&mut header, path, target)?,
        None => archive.append_data(&mut header, path, std::io::empty())?,
    }
    Ok(())
}

/// Owned by root, and of no time: the same files make the same image.
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
    use std::collections::BTreeMap;
    use std::io::Read;

    use super::*;

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
            .workdir("/tmp");
        let file = directory.path().join("image.tar");
        image.write(&file).unwrap();
        let outer = read(&fs::read(&file).unwrap());

        let manifest: serde_json::Value = serde_json::from_slice(&outer["manifest.json"].2).unwrap();
        assert_eq!(manifest[0]["RepoTags"][0], "example.org/a/b:1");
        let config: serde_json::Value = serde_json::from_slice(&outer[manifest[0]["Config"].as_str().unwrap()].2).unwrap();
        assert_eq!(config["config"]["Entrypoint"][0], "/usr/bin/program");
        assert_eq!(config["config"]["WorkingDir"], "/tmp");
        assert!(config["config"]["Env"].as_array().unwrap().contains(&"A=b".into()));
        let layer = &outer[manifest[0]["Layers"][0].as_str().unwrap()].2;
        assert_eq!(config["rootfs"]["diff_ids"][0], format!("sha256:{}", hex(&Sha256::digest(layer))));

        let inner = read(layer);
        assert_eq!(inner["usr/bin/program"], (EntryType::Regular, 0o755, b"binary".to_vec()));
        assert_eq!(inner["etc/motd"].2, b"hello");
        assert_eq!(inner["bin"].0, EntryType::Symlink);
        assert_eq!((inner["tmp"].0, inner["tmp"].1), (EntryType::Directory, 0o1777));
        assert!(inner.contains_key("usr") && inner.contains_key("usr/bin"));

        let again = directory.path().join("again.tar");
        image.write(&again).unwrap();
        assert_eq!(fs::read(&file).unwrap(), fs::read(&again).unwrap());
    }
}
