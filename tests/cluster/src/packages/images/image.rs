//! What an image consists of.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// An image of one layer.
///
/// ```
/// # use wasser_test_cluster::packages::images::Image;
/// let image = Image::new("docker.io/example/server:1")
///     .file("/usr/bin/server", "target/debug/server", 0o755)
///     .text("/etc/server.conf", "port = 80\n")
///     .entrypoint(&["/usr/bin/server"]);
/// ```
#[derive(Debug, Clone)]
pub struct Image {
    /// With its registry and tag, as containerd knows it. A tag other than `latest`, or the kubelet
    /// would pull it.
    pub name: String,
    pub(super) entries: Vec<Entry>,
    pub(super) entrypoint: Vec<String>,
    pub(super) command: Vec<String>,
    pub(super) environment: Vec<String>,
    pub(super) directory: String,
    pub(super) user: String,
}

/// A path in an image.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Without the leading slash.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// What is there.
    pub content: Content,
}

/// What is at a path.
#[derive(Debug, Clone)]
pub enum Content {
    /// A copy of this file of the machine.
    File(PathBuf),
    /// A file with this text.
    Text(String),
    /// A symbolic link to this path.
    Link(String),
    /// An empty directory.
    Directory,
}

impl Image {
    /// Returns an image with nothing in it yet.
    pub fn new(name: &str) -> Self {
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned();
        Self {
            name: name.to_owned(),
            entries: Vec::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            environment: vec![path],
            directory: "/".to_owned(),
            user: String::new(),
        }
    }

    /// Returns the same image under another name.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }

    /// Puts a file of this machine at a path.
    #[must_use]
    pub fn file(self, path: &str, source: impl Into<PathBuf>, mode: u32) -> Self {
        self.with(path, mode, Content::File(source.into()))
    }

    /// Puts a text at a path.
    #[must_use]
    pub fn text(self, path: &str, text: &str) -> Self {
        self.with(path, 0o644, Content::Text(text.to_owned()))
    }

    /// Puts a script at a path.
    #[must_use]
    pub fn script(self, path: &str, text: &str) -> Self {
        self.with(path, 0o755, Content::Text(text.to_owned()))
    }

    /// Puts a symbolic link at a path.
    #[must_use]
    pub fn link(self, path: &str, target: &str) -> Self {
        self.with(path, 0o777, Content::Link(target.to_owned()))
    }

    /// Puts an empty directory at a path. The directories above a file are added by themselves.
    #[must_use]
    pub fn directory(self, path: &str, mode: u32) -> Self {
        self.with(path, mode, Content::Directory)
    }

    /// Sets the command of containers that have neither a command nor arguments.
    #[must_use]
    pub fn command(mut self, words: &[&str]) -> Self {
        self.command = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Sets the program of containers that have no command. It gets their arguments, or else the
    /// image's command.
    #[must_use]
    pub fn entrypoint(mut self, words: &[&str]) -> Self {
        self.entrypoint = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Adds a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push(format!("{name}={value}"));
        self
    }

    /// Sets the directory in which a container starts.
    #[must_use]
    pub fn workdir(mut self, path: &str) -> Self {
        path.clone_into(&mut self.directory);
        self
    }

    /// Sets the user of a container, as `UID:GID`; root by default.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        user.clone_into(&mut self.user);
        self
    }

    fn with(mut self, path: &str, mode: u32, content: Content) -> Self {
        self.entries.push(Entry {
            path: path.trim_matches('/').to_owned(),
            mode,
            content,
        });
        self
    }

    /// Returns a digest of everything that the image is made from. Files count by size and time of
    /// change, because reading all of them at each start would take long.
    pub fn key(&self) -> Result<String> {
        let mut text = format!(
            "{}\n{:?}\n{:?}\n{:?}\n{}\n{}\n",
            self.name, self.entrypoint, self.command, self.environment, self.directory, self.user
        );
        for entry in &self.entries {
            writeln!(text, "{} {:o} {:?}", entry.path, entry.mode, entry.content)?;
            if let Content::File(path) = &entry.content {
                let what = || format!("reading {}, which the image {} contains", path.display(), self.name);
                let data = fs::metadata(path).with_context(what)?;
                writeln!(text, "{} {}.{}", data.len(), data.mtime(), data.mtime_nsec())?;
            }
        }
        Ok(hex(&Sha256::digest(text)).get(..16).unwrap_or_default().to_owned())
    }
}

/// Returns the bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_changes_with_what_is_inside() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x");
        fs::write(&file, "one").unwrap();
        let image = Image::new("example.org/x:1").file("/x", &file, 0o755);
        let key = image.key().unwrap();
        assert_eq!(key, image.key().unwrap());
        assert_ne!(key, image.clone().env("A", "b").key().unwrap());
        assert_ne!(key, image.clone().named("example.org/x:2").key().unwrap());
        fs::write(&file, "three").unwrap();
        assert_ne!(key, image.key().unwrap());
        fs::remove_file(&file).unwrap();
        assert!(format!("{:#}", image.key().unwrap_err()).contains("example.org/x:1"));
    }
}
