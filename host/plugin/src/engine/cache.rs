//! Keeps compiled components on disk, so that a restart does not compile them again, and finds those
//! that came with the image.

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, DirBuilder, File, Metadata};
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use wasmtime::Engine;
use wasmtime::component::Component;
use wasser_shipped::{EXTENSION, Shipped};

use crate::engine::disk;
use crate::engine::error::HostError;
use crate::package::digest::Digest;

/// The number of files that are kept. The oldest are removed first.
const KEPT: usize = 64;

/// A directory of machine code. Whoever can write to it can make this process run anything, so it
/// must belong to this process's user alone.
pub struct Cache {
    directory: PathBuf,
    /// Identifies wasmtime's version, its configuration and the processor. Code made for a
    /// different combination must not be loaded.
    compatibility: String,
    bytes: u64,
    shipped: Option<Shipped>,
    /// What came with the image and cannot be loaded here. It is said once, and stays so.
    unusable: Mutex<BTreeSet<Digest>>,
}

impl Cache {
    /// Opens the directory, and creates it if it does not exist.
    pub fn open(directory: &Path, engine: &Engine) -> Result<Self, HostError> {
        let refuse = |reason: String| HostError::Cache {
            path: directory.to_owned(),
            reason,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| refuse(error.to_string()))?;
        let metadata = fs::symlink_metadata(directory).map_err(|error| refuse(error.to_string()))?;
        if !metadata.is_dir() {
            return Err(refuse("it is not a directory".to_owned()));
        }
        check_not_writable_by_others(&metadata).map_err(refuse)?;
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Self {
            directory: directory.to_owned(),
            compatibility: format!("{:016x}", hasher.finish()),
            bytes: u64::MAX,
            shipped: None,
            unusable: Mutex::default(),
        })
    }

    /// Takes what is not in the directory from this one, where an image has it.
    pub fn or_shipped(self, directory: Option<PathBuf>) -> Self {
        Self {
            shipped: directory.map(Shipped::of),
            ..self
        }
    }

    /// Keeps at most this many bytes. The newest file stays in any case.
    pub fn limited_to(self, bytes: u64) -> Self {
        Self { bytes, ..self }
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.directory
            .join(format!("{}-{}.{EXTENSION}", digest.hex(), self.compatibility))
    }

    /// Returns whether a component need not be compiled. A file alone does not say so: what came with the
    /// image may be for other processors.
    pub fn has(&self, engine: &Engine, digest: &Digest) -> bool {
        self.get(engine, digest).is_some()
    }

    /// Returns the compiled component, if it is in the cache or came with the image. What was compiled
    /// here comes first: it is for this very processor.
    pub fn get(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        self.own(engine, digest).or_else(|| self.shipped(engine, digest))
    }

    fn unusable(&self) -> MutexGuard<'_, BTreeSet<Digest>> {
        self.unusable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what came with the image. A file that cannot be loaded is passed over from then on.
    fn shipped(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        if self.unusable().contains(digest) {
            return None;
        }
        let path = self.shipped.as_ref()?.find(&shipped_name(digest))?;
        let loaded = load(engine, &path);
        let reason = |error: &wasmtime::Error| {
            let reason = format!("{error:#}");
            tracing::warn!(path = %path.display(), reason, "a plugin that was shipped compiled is not usable here; it \
                is compiled");
            self.unusable().insert(*digest);
        };
        loaded.inspect_err(reason).ok()
    }

    /// Returns what was compiled here. A file that cannot be loaded is removed.
    fn own(&self, engine: &Engine, digest: &Digest) -> Option<Component> {
        let path = self.path(digest);
        let metadata = fs::symlink_metadata(&path).ok()?;
        let trusted = if metadata.is_file() {
            check_not_writable_by_others(&metadata)
        } else {
            Err("it is not a file".to_owned())
        };
        let loaded = trusted.and_then(|()| load(engine, &path).map_err(|error| format!("{error:#}")));
        match loaded {
            Ok(component) => Some(component),
            Err(reason) => {
                tracing::warn!(path = %path.display(), reason, "a cached plugin is not usable; it is compiled again");
                if let Err(error) = fs::remove_file(&path) {
                    tracing::warn!(path = %path.display(), %error, "it could not be removed either");
                }
                None
            }
        }
    }

    /// Writes compiled code to a file and loads it from there, so that its memory is backed by the
    /// file. The file gets its final name only when it is complete, so an interruption cannot leave
    /// a part of it.
    pub fn put(&self, engine: &Engine, digest: &Digest, compiled: &[u8]) -> Result<Component, String> {
        let path = self.path(digest);
        let partial = self.partial(digest);
        let write = || -> std::io::Result<()> {
            let mut file = File::create(&partial)?;
            file.write_all(compiled)?;
            file.sync_all()?;
            fs::rename(&partial, &path)
        };
        write().map_err(|error| format!("writing {}: {error}", path.display()))?;
        self.prune();
        load(engine, &path).map_err(|error| format!("{error:#}"))
    }

    /// Returns the path of the mark of a compilation that is under way.
    pub fn mark(&self, digest: &Digest) -> PathBuf {
        self.directory.join(format!("{}.compiling", digest.hex()))
    }

    /// Returns the path at which a file is written before it gets its final name.
    pub fn partial(&self, digest: &Digest) -> PathBuf {
        self.directory
            .join(format!("{}.{}.partial", digest.hex(), std::process::id()))
    }

    fn prune(&self) {
        let meant = |path: &Path| path.extension().is_some_and(|end| end == EXTENSION);
        disk::prune(&self.directory, KEPT, self.bytes, meant);
    }
}

/// Checks that only this user can write to a file or directory, and thus that nobody else wrote it.
fn check_not_writable_by_others(metadata: &Metadata) -> Result<(), String> {
    let me = rustix::process::geteuid().as_raw();
    if metadata.uid() != me {
        return Err(format!(
            "it belongs to user {}, and this process runs as user {me}",
            metadata.uid()
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(format!(
            "others may write to it (mode {:o}); make it `chmod go-w`",
            metadata.mode() & 0o777
        ));
    }
    Ok(())
}

/// The name of a compiled component in an image.
pub fn shipped_name(digest: &Digest) -> String {
    format!("plugin-{}", digest.hex())
}

#[allow(unsafe_code)]
fn load(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the file must be the unchanged output of `precompile_component`, also while it is
    // mapped. It is in a directory that only this user or root can write to, was written by this
    // process, an earlier one or the maker of the image, and is replaced by renaming, never in place.
    unsafe { Component::deserialize_file(engine, path) }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_that_others_can_write_to_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let directory = parent.path().join("deep/cache");
        Cache::open(&directory, &engine).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().mode() & 0o777, 0o700);

        fs::set_permissions(&directory, fs::Permissions::from_mode(0o770)).unwrap();
        let refused = Cache::open(&directory, &engine).err().unwrap().to_string();
        assert!(refused.contains("others may write to it (mode 770)"), "{refused}");

        let link = parent.path().join("link");
        std::os::unix::fs::symlink(&directory, &link).unwrap();
        assert!(Cache::open(&link, &engine).is_err());
    }

    #[test]
    fn a_broken_file_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let cache = Cache::open(&parent.path().join("cache"), &engine).unwrap();
        let digest = Digest::of(b"x");
        assert!(cache.put(&engine, &digest, b"not machine code").is_err());
        assert!(cache.get(&engine, &digest).is_none());
        assert!(!cache.path(&digest).exists());
    }

    /// What an image brings is root's; what another user's tests write is passed over unseen.
    #[test]
    fn what_was_shipped_and_cannot_be_loaded_is_passed_over() {
        let parent = tempfile::tempdir().unwrap();
        let engine = Engine::default();
        let shipped = parent.path().join("shipped");
        fs::create_dir(&shipped).unwrap();
        let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        allow(&shipped, 0o755);
        let digest = Digest::of(b"x");
        let path = wasser_shipped::path(&shipped, &shipped_name(&digest), &engine);
        fs::write(&path, b"not machine code").unwrap();
        let cache = Cache::open(&parent.path().join("cache"), &engine)
            .unwrap()
            .or_shipped(Some(shipped));

        allow(&path, 0o666);
        assert!(!cache.has(&engine, &digest));
        assert!(
            cache.unusable().is_empty(),
            "it was looked at, and others can write to it"
        );
        allow(&path, 0o644);
        assert!(!cache.has(&engine, &digest));
        assert_eq!(cache.unusable().contains(&digest), rustix::process::geteuid().is_root());
        assert_eq!(fs::read(&path).unwrap(), b"not machine code");
    }
}
