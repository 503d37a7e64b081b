//! A chart directory as the tgz that `helm package` would make, but the same bytes every time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, GzBuilder};
use serde::Deserialize;
use tar::{Builder, EntryType, Header};

/// A packed chart.
#[derive(Debug, Clone)]
pub struct Chart {
    /// From Chart.yaml.
    pub version: String,
    /// The tgz.
    pub bytes: Vec<u8>,
}

#[derive(Deserialize)]
struct ChartYaml {
    name: String,
    version: String,
}

/// Packs a chart with everything below its directory, including subcharts in `charts/`.
///
/// # Errors
/// A file cannot be read, or Chart.yaml lacks name or version.
pub fn pack(directory: &Path) -> Result<Chart> {
    let path = directory.join("Chart.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let yaml: ChartYaml = yaml_serde::from_str(&text).with_context(|| format!("parsing {}", path.display()))?;
    let mut files = Vec::new();
    collect(directory, &mut files)?;
    files.sort();

    let mut archive = Builder::new(GzBuilder::new().mtime(0).write(Vec::new(), Compression::best()));
    for file in &files {
        let content = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_size(content.len() as u64);
        archive.append_data(
            &mut header,
            Path::new(&yaml.name).join(file.strip_prefix(directory)?),
            content.as_slice(),
        )?;
    }
    Ok(Chart {
        version: yaml.version,
        bytes: archive.into_inner()?.finish()?,
    })
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(&entry.path(), files)?;
        } else {
            ensure!(
                kind.is_file(),
                "{} is neither a file nor a directory",
                entry.path().display()
            );
            files.push(entry.path());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_chart_is_packed_with_its_subcharts_and_always_to_the_same_bytes() {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("templates/b.yaml", "b");
        write("charts/lib/Chart.yaml", "name: lib\nversion: 1.0.0\n");
        write("Chart.yaml", "name: demo\nversion: 0.1.0\n");

        let first = pack(directory.path()).unwrap();
        write("templates/b.yaml", "b");
        assert_eq!(first.bytes, pack(directory.path()).unwrap().bytes);
        assert_eq!(first.version, "0.1.0");

        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(first.bytes.as_slice()));
        let paths: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(
            paths,
            ["demo/Chart.yaml", "demo/charts/lib/Chart.yaml", "demo/templates/b.yaml"]
        );
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(first.bytes.as_slice()));
        let mut text = String::new();
        archive
            .entries()
            .unwrap()
            .nth(2)
            .unwrap()
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "b");
    }
}
