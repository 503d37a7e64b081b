//! Reads a component or a chart from the ConfigMap itself or from a file below the plugin
//! directory. What is in a registry is pulled before, by whoever loads the plugin.

use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use cap_std::fs::Dir;

/// The directory below which `path:` sources are found.
#[derive(Debug)]
pub struct PluginDir {
    /// The directory, opened.
    pub dir: Dir,
    /// Its path, for messages.
    pub path: PathBuf,
}

/// The bytes of a component or chart, or their place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A value in the `binaryData` of the ConfigMap.
    Inline {
        /// The key.
        key: String,
        /// The value.
        bytes: Bytes,
    },
    /// A file below the plugin directory.
    Path(String),
    /// An artifact in a registry, as it is named there.
    Oci(String),
}

/// Why a file of the plugin directory cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The host runs without a plugin directory.
    #[error(
        "`path: {0}` cannot be read: this host has no plugin directory; start it with one (`--plugin-dir`), or put the \
         file into `binaryData` and use `inline`"
    )]
    NoDirectory(String),
    /// The file does not exist, is not a regular file, or is outside the directory.
    #[error(
        "`path: {path}` cannot be read below the plugin directory {}: {reason}; put the file there (if the \
         operator runs in a pod: into an image that is built from the operator's), or correct `path`",
        directory.display()
    )]
    Io {
        /// The path in the registration.
        path: String,
        /// The plugin directory of this host.
        directory: PathBuf,
        /// The system's error.
        reason: std::io::Error,
    },
    /// The artifact was not pulled.
    #[error(
        "`oci: {0}` is in a registry, and only the operator pulls it; pull it with `wasser plugin pull`, and give \
         that file"
    )]
    NotPulled(String),
    /// The file is larger than a component or chart may be.
    #[error("`path: {path}` has more than {limit} bytes, the limit for files of plugins here")]
    TooLarge {
        /// The path in the registration.
        path: String,
        /// The limit in bytes.
        limit: u64,
    },
}

impl Source {
    /// Returns the bytes. cap-std refuses every path that leaves the directory, whether by `..`, an
    /// absolute path or a symbolic link.
    pub(crate) fn read(&self, directory: Option<&PluginDir>, limit: u64) -> Result<Bytes, SourceError> {
        let path = match self {
            Self::Inline { bytes, .. } => return Ok(bytes.clone()),
            Self::Path(path) => path,
            Self::Oci(reference) => return Err(SourceError::NotPulled(reference.clone())),
        };
        let directory = directory.ok_or_else(|| SourceError::NoDirectory(path.clone()))?;
        let failed = |reason| SourceError::Io {
            path: path.clone(),
            directory: directory.path.clone(),
            reason,
        };
        let mut bytes = Vec::new();
        directory
            .dir
            .open(path)
            .map_err(failed)?
            .take(limit.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() as u64 > limit {
            return Err(SourceError::TooLarge {
                path: path.clone(),
                limit,
            });
        }
        Ok(bytes.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_does_not_leave_the_plugin_directory() {
        let outside = tempfile::tempdir().unwrap();
        let inside = outside.path().join("plugins");
        std::fs::create_dir(&inside).unwrap();
        std::fs::write(outside.path().join("secret"), "no").unwrap();
        std::fs::write(inside.join("good"), "yes").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
        let directory = PluginDir {
            dir: Dir::open_ambient_dir(&inside, cap_std::ambient_authority()).unwrap(),
            path: inside.clone(),
        };

        let read = |path: &str, limit| {
            Source::Path(path.to_owned())
                .read(Some(&directory), limit)
                .map_err(|error| error.to_string())
        };
        assert_eq!(read("good", 10).unwrap(), "yes");
        assert!(read("good", 2).unwrap_err().contains("more than 2 bytes"));
        for path in [
            "../secret",
            "link",
            outside.path().join("secret").to_str().unwrap(),
            "missing",
        ] {
            let refused = read(path, 10).unwrap_err();
            let directory = format!("cannot be read below the plugin directory {}: ", inside.display());
            assert!(
                refused.contains(&directory) && refused.contains("; put the file there"),
                "{refused}"
            );
        }
        let refused = Source::Path("good".to_owned()).read(None, 10).unwrap_err().to_string();
        assert!(refused.contains("no plugin directory"), "{refused}");
    }
}
