//! Machine code that an image brings along, so that no container compiles what all of them have.
//!
//! It is made for the processors of the last ten years, whichever machine the image is built on.
//! wasmtime looks at each file before it is loaded: code for features that a processor has not, or of
//! another version or configuration of wasmtime, is refused, and then compiled as if it were not
//! there.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use wasmtime::{Config, Engine};

/// Who owns what an image brings.
const ROOT: u32 = 0;

/// How a file of machine code ends.
pub const EXTENSION: &str = "cwasm";
/// How one ends that is being written.
const UNFINISHED: &str = "unfinished";

/// What processors with the level v3 of x86-64 have, in the words of Cranelift.
#[cfg(target_arch = "x86_64")]
const FEATURES: [&str; 12] = [
    "has_cmpxchg16b",
    "has_sse3",
    "has_ssse3",
    "has_sse41",
    "has_sse42",
    "has_popcnt",
    "has_avx",
    "has_avx2",
    "has_fma",
    "has_bmi1",
    "has_bmi2",
    "has_lzcnt",
];

/// Lets a configuration compile for most processors of this architecture, and not for the one that
/// compiles. Of architectures other than x86-64, the one that compiles counts.
///
/// # Errors
/// If this wasmtime does not know the architecture.
pub fn for_most_processors(config: &mut Config) -> wasmtime::Result<&mut Config> {
    #[cfg(target_arch = "x86_64")]
    {
        config.target("x86_64-unknown-linux-gnu")?;
        for feature in FEATURES {
            // SAFETY: what is compiled is only loaded where wasmtime has found these features.
            #[allow(unsafe_code)]
            unsafe {
                config.cranelift_flag_enable(feature);
            }
        }
    }
    Ok(config)
}

/// A directory of machine code that came with the image.
#[derive(Debug, Clone)]
pub struct Shipped {
    directory: PathBuf,
    owner: u32,
}

impl Shipped {
    /// The code in this directory, which must be root's alone, as its files must be.
    pub fn of(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            owner: ROOT,
        }
    }

    /// Returns the path of the code with this name, if it is there and can be trusted: whoever can write
    /// to it, can make this process run anything.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let mut paths = fs::read_dir(&self.directory)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()));
        let path = paths.find(|path| is_of(path, name))?;
        let metadata = fs::symlink_metadata(&path).ok().filter(Metadata::is_file)?;
        let directory = fs::metadata(&self.directory).ok()?;
        if [&metadata, &directory]
            .into_iter()
            .all(|data| self.is_owners_alone(data))
        {
            return Some(path);
        }
        tracing::debug!(path = %path.display(), "no compiled code is taken from there: it is not root's alone");
        None
    }

    fn is_owners_alone(&self, metadata: &Metadata) -> bool {
        metadata.uid() == self.owner && metadata.mode() & 0o022 == 0
    }
}

/// Returns the path in a directory for [`Shipped`] of the code with this name that this engine makes. It
/// changes with the version and the settings of wasmtime, not all of which wasmtime compares when it
/// loads code: what other settings have made is not taken for what these make.
pub fn path(directory: &Path, name: &str, engine: &Engine) -> PathBuf {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    directory.join(format!("{name}-{:016x}.{EXTENSION}", settings.finish()))
}

/// Returns whether this is the path of code with this name, whichever settings have made it.
fn is_of(path: &Path, name: &str) -> bool {
    let stem = path.file_stem().and_then(OsStr::to_str);
    let named = stem.and_then(|stem| stem.rsplit_once('-'));
    path.extension().is_some_and(|end| end == EXTENSION) && named.is_some_and(|(found, _)| found == name)
}

/// Writes code to a path from [`path`]. It appears there when it is complete.
///
/// # Errors
/// If it cannot be written.
pub fn write(path: &Path, code: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension(format!("{}.{UNFINISHED}", std::process::id()));
    let mut out = fs::File::create(&unfinished)?;
    out.write_all(code)?;
    out.sync_all()?;
    fs::rename(&unfinished, path)
}

/// Removes code from a directory, finished or not, but for these files. What is no code stays: it is not
/// ours.
///
/// # Errors
/// If something cannot be removed.
pub fn keep_only(directory: &Path, kept: &[PathBuf]) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_code = path
            .extension()
            .is_some_and(|end| end == EXTENSION || end == UNFINISHED);
        if is_code && !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Tests fail by panicking.

    use std::os::unix::fs::{PermissionsExt, symlink};

    use wasmtime::Module;

    use super::*;

    fn mine(directory: &Path) -> Shipped {
        Shipped {
            owner: rustix::process::geteuid().as_raw(),
            ..Shipped::of(directory)
        }
    }

    #[test]
    fn only_what_is_its_owners_alone_is_found() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("compiled");
        fs::create_dir(&directory).unwrap();
        let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        allow(&directory, 0o755);
        let shipped = mine(&directory);
        assert_eq!(shipped.find("a"), None);
        let path = path(&directory, "a", &Engine::default());
        write(&path, b"code").unwrap();
        allow(&path, 0o644);
        assert_eq!(shipped.find("a"), Some(path.clone()));
        let of_another = Shipped {
            owner: shipped.owner + 1,
            ..shipped.clone()
        };
        assert_eq!(of_another.find("a"), None);

        allow(&path, 0o664);
        assert_eq!(shipped.find("a"), None);
        allow(&path, 0o644);
        allow(&directory, 0o777);
        assert_eq!(shipped.find("a"), None);
        allow(&directory, 0o755);
        symlink(&path, directory.join("b-0.cwasm")).unwrap();
        assert_eq!(shipped.find("b"), None);
        fs::write(directory.join("c-a-0.cwasm"), b"of another name").unwrap();
        assert_eq!(shipped.find("c"), None);
        assert_eq!(shipped.find("a"), Some(path));
    }

    #[test]
    fn what_other_settings_have_made_has_another_path() {
        // wasmtime loads code with either setting.
        let made = |has_addresses| {
            let mut config = Config::new();
            let config = for_most_processors(config.generate_address_map(has_addresses)).unwrap();
            path(Path::new("compiled"), "a", &Engine::new(config).unwrap())
        };
        let (with, without) = (made(true), made(false));
        assert_eq!(made(true), with);
        assert_ne!(without, with);
        assert!(is_of(&with, "a") && is_of(&without, "a"));
    }

    #[test]
    fn only_code_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let of_name = |name| directory.path().join(name);
        let paths = ["a-1.cwasm", "a-0.cwasm", "a-0.7.unfinished", "a.wasm"].map(of_name);
        for path in &paths {
            fs::write(path, b"code").unwrap();
        }
        keep_only(directory.path(), &paths[..1]).unwrap();
        let left = paths.map(|path| path.exists());
        assert_eq!(left, [true, false, false, true]);
    }

    #[test]
    fn code_for_most_processors_runs_on_this_one() {
        let mut config = Config::new();
        let code = Engine::new(for_most_processors(&mut config).unwrap())
            .unwrap()
            .precompile_module(&wat::parse_str("(module (func (export \"f\")))").unwrap())
            .unwrap();
        // SAFETY: this is what wasmtime has just compiled.
        #[allow(unsafe_code)]
        let loaded = unsafe { Module::deserialize(&Engine::default(), &code) };
        loaded.unwrap();
    }
}
