//! A chart directory as the tgz that `helm package` would make, but the same bytes every time.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::{Compression, GzBuilder};
use serde::Deserialize;
use tar::{Builder, EntryType, Header};

use crate::editors::is_editors_file;
use crate::helmignore::{self, Rules};

/// A packed chart.
#[derive(Debug, Clone)]
pub struct Chart {
    /// From Chart.yaml.
    pub version: String,
    /// The tgz.
    pub bytes: Vec<u8>,
    /// The files and directories that are not in it, relative to the chart.
    pub left_out: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct ChartYaml {
    name: String,
    version: String,
}

/// Packs a chart with what is below its directory, including subcharts in `charts/`. Left out is what
/// `.helmignore` names, what is hidden, and what editors write: of all that, Helm would take any file
/// below `templates` for a template.
///
/// # Errors
/// A file cannot be read, Helm does not know a rule of `.helmignore`, or Chart.yaml lacks name or version.
pub fn pack(directory: &Path) -> Result<Chart> {
    let path = directory.join("Chart.yaml");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let yaml: ChartYaml = yaml_serde::from_str(&text).with_context(|| format!("parsing {}", path.display()))?;
    let mut found = Found {
        root: directory,
        rules: Rules::of(directory)?,
        files: Vec::new(),
        left_out: Vec::new(),
    };
    found.collect(directory)?;
    let Found {
        mut files,
        mut left_out,
        ..
    } = found;
    files.sort();
    left_out.sort();

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
        left_out,
    })
}

/// What is in the directory of a chart.
struct Found<'a> {
    root: &'a Path,
    rules: Rules,
    files: Vec<PathBuf>,
    left_out: Vec<PathBuf>,
}

impl Found<'_> {
    fn collect(&mut self, directory: &Path) -> Result<()> {
        for entry in fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let relative = path.strip_prefix(self.root)?.to_owned();
            if self.is_left_out(&relative, kind.is_dir()) {
                self.left_out.push(relative);
            } else if kind.is_dir() {
                self.collect(&path)?;
            } else {
                ensure!(kind.is_file(), "{} is neither a file nor a directory", path.display());
                self.files.push(path);
            }
        }
        Ok(())
    }

    fn is_left_out(&self, path: &Path, is_directory: bool) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_hidden = name.starts_with('.') && name != helmignore::FILE;
        is_hidden || is_editors_file(&name) || self.rules.leave_out(&path.to_string_lossy(), is_directory)
    }
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

    #[test]
    fn what_editors_write_is_left_out_and_so_is_what_helm_ignores() {
        let directory = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
        };
        let left_out = [
            ".DS_Store",
            ".git",
            "docs",
            "templates/#worker.yaml#",
            "templates/.worker.yaml.swp",
            "templates/worker.yaml.orig",
            "templates/worker.yaml~",
        ];
        for path in left_out.into_iter().filter(|path| !matches!(*path, ".git" | "docs")) {
            write(path);
        }
        for path in [".git/index", "docs/page.txt", "templates/worker.yaml"] {
            write(path);
        }
        fs::write(directory.path().join("Chart.yaml"), "name: demo\nversion: 0.1.0\n").unwrap();
        fs::write(directory.path().join(".helmignore"), "docs/\n").unwrap();

        let packed = pack(directory.path()).unwrap();
        assert_eq!(packed.left_out, left_out.map(PathBuf::from));
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed.bytes.as_slice()));
        let paths: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().into_owned())
            .collect();
        let kept = ["demo/.helmignore", "demo/Chart.yaml", "demo/templates/worker.yaml"];
        assert_eq!(paths, kept.map(PathBuf::from));
    }
}
