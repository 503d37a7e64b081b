//! Values of options: labels, keys, how Helm's records are kept, and where things are by default.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use wasser_chart::Driver;
use wasser_oci::PublicKey;
pub use wasser_process::options::{Listen, duration, listen, namespace, period};

/// Labels as `key=value,key=value`.
pub fn labels(text: &str) -> Result<BTreeMap<String, String>, String> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let pair = |pair: &str| {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("`{pair}` is not of the form key=value"))?;
        Ok((key.trim().to_owned(), value.trim().to_owned()))
    };
    pairs.map(pair).collect()
}

/// Where compiled code is kept: the option, else the user's cache directory.
pub fn cache_dir(option: Option<PathBuf>) -> PathBuf {
    let from = |key, below: &str| {
        std::env::var_os(key)
            .filter(|path| !path.is_empty())
            .map(|path| Path::new(&path).join(below))
    };
    option
        .or_else(|| from("XDG_CACHE_HOME", "wasser/compiled"))
        .or_else(|| from("HOME", ".cache/wasser/compiled"))
        .unwrap_or_else(|| PathBuf::from("/var/cache/wasser"))
}

/// Reads the public keys in these files, and in the files of these directories. Each has at least one.
pub fn public_keys(paths: &[PathBuf]) -> Result<Vec<PublicKey>> {
    let mut keys = Vec::new();
    for path in paths {
        for file in key_files(path).with_context(|| format!("reading {}", path.display()))? {
            let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
            keys.extend(PublicKey::parse_all(&text).with_context(|| file.display().to_string())?);
        }
    }
    Ok(keys)
}

/// Returns the files that are meant by a path. The hidden ones of a directory are not: by them,
/// Kubernetes swaps the contents of a volume.
fn key_files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir()? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            files.push(entry.path());
        }
    }
    files.sort();
    ensure!(
        !files.is_empty(),
        "it is a directory without a key in it; put one there"
    );
    Ok(files)
}

/// Where Helm's records are kept, in Helm's own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum HelmDriver {
    Secret,
    Configmap,
}

impl From<HelmDriver> for Driver {
    fn from(driver: HelmDriver) -> Self {
        match driver {
            HelmDriver::Secret => Self::Secret,
            HelmDriver::Configmap => Self::ConfigMap,
        }
    }
}

#[cfg(test)]
mod tests {
    use wasser_oci::PrivateKey;

    use super::*;

    #[test]
    fn keys_are_read_from_files_and_from_directories_as_volumes_have_them() {
        let directory = tempfile::tempdir().unwrap();
        let in_directory = || public_keys(&[directory.path().to_owned()]);
        let refused = format!("{:#}", in_directory().unwrap_err());
        assert!(refused.contains("a directory without a key"), "{refused}");

        let hidden = directory.path().join("..data");
        std::fs::create_dir(&hidden).unwrap();
        let [first, second] = [(); 2].map(|()| PrivateKey::generate().unwrap().public);
        std::fs::write(hidden.join("a.pub"), &first).unwrap();
        std::os::unix::fs::symlink("..data/a.pub", directory.path().join("a.pub")).unwrap();
        std::fs::write(directory.path().join("b.pub"), &second).unwrap();
        let wanted = PublicKey::parse_all(&format!("{first}{second}")).unwrap();
        assert_eq!(in_directory().unwrap(), wanted);
        assert_eq!(public_keys(&[directory.path().join("b.pub")]).unwrap(), wanted[1..]);

        std::fs::write(directory.path().join("c.txt"), "none").unwrap();
        let refused = format!("{:#}", in_directory().unwrap_err());
        assert!(refused.contains("c.txt: it is not a key in PEM"), "{refused}");
    }

    #[test]
    fn labels_are_a_list() {
        let found = labels("a=b, c/d=").unwrap();
        assert_eq!(
            found,
            BTreeMap::from([("a".to_owned(), "b".to_owned()), ("c/d".to_owned(), String::new())])
        );
        assert!(labels("").unwrap().is_empty());
        assert!(labels("a").unwrap_err().contains("key=value"));
    }
}
