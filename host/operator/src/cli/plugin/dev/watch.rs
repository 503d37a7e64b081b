//! Watches the directory of a project.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use notify::event::ModifyKind;
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::unbounded_channel;

use super::changes::{Changes, Follow};
use super::paths;

/// The directories that are watched, one by one: those of compilers and package managers have
/// thousands of others in them.
struct Directories {
    root: PathBuf,
    watcher: RecommendedWatcher,
}

/// Watches a project.
///
/// # Errors
/// The directory cannot be watched.
pub fn watch(directory: &Path) -> Result<Changes> {
    let watching = || format!("watching {}", directory.display());
    let root = fs::canonicalize(directory).with_context(watching)?;
    let (tell, paths) = unbounded_channel();
    let whole = root.clone();
    let told = move |event: notify::Result<Event>| {
        let paths = match event {
            Ok(event) if event.need_rescan() => vec![whole.clone()],
            Ok(event) if is_change(event.kind) => event.paths,
            Ok(_) => return,
            Err(error) => error.paths,
        };
        // Nobody listens once the command ends.
        paths.into_iter().for_each(|path| drop(tell.send(path)));
    };
    let watcher = RecommendedWatcher::new(told, Config::default()).with_context(watching)?;
    let mut directories = Directories {
        root: root.clone(),
        watcher,
    };
    directories.watch(&root).with_context(watching)?;
    Ok(Changes::new(root, paths, Box::new(directories)))
}

impl Directories {
    /// Watches a directory, and those below it that count.
    fn watch(&mut self, directory: &Path) -> Result<()> {
        self.watcher.watch(directory, RecursiveMode::NonRecursive)?;
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let path = entry.path();
            let counts = path.strip_prefix(&self.root).is_ok_and(paths::counts);
            // A link may lead back.
            if counts && entry.file_type()?.is_dir() {
                self.watch(&path)?;
            }
        }
        Ok(())
    }
}

impl Follow for Directories {
    fn follow(&mut self, directory: &Path) {
        if let Err(error) = self.watch(directory) {
            // It may be gone again.
            tracing::debug!(directory = %directory.display(), %error, "not watched");
        }
    }
}

/// Returns whether an event tells of another content. Compilers open and read all files.
fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(_) | EventKind::Other | EventKind::Modify(ModifyKind::Metadata(_)) => false,
        EventKind::Any | EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn changed(changes: &mut Changes) {
        let next = tokio::time::timeout(Duration::from_secs(60), changes.next());
        assert_eq!(next.await, Ok(true));
    }

    #[tokio::test]
    async fn files_and_new_directories_are_watched_and_those_of_builds_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let file = |path: &str| directory.path().join(path);
        for made in ["src", "target/plugin"] {
            fs::create_dir_all(file(made)).unwrap();
        }
        let mut changes = watch(directory.path()).unwrap();
        fs::write(file("target/plugin/a.wasm"), "built").unwrap();
        fs::write(file("src/lib.rs"), "one").unwrap();
        changed(&mut changes).await;
        fs::create_dir_all(file("chart/templates")).unwrap();
        changed(&mut changes).await;
        fs::write(file("chart/templates/worker.yaml"), "two").unwrap();
        changed(&mut changes).await;
        // As editors do.
        fs::write(file("src/lib.rs.tmp"), "three").unwrap();
        fs::rename(file("src/lib.rs.tmp"), file("src/lib.rs")).unwrap();
        changed(&mut changes).await;
        fs::remove_file(file("src/lib.rs")).unwrap();
        changed(&mut changes).await;
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let refused = watch(Path::new("/nowhere/at/all")).err().unwrap().to_string();
        assert!(refused.contains("watching /nowhere/at/all"), "{refused}");
    }
}
