//! The changes of a project that its package may change with.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};
use wasser_plugin::Digest;

use super::debounce::Debounce;
use super::paths;

/// The longest file whose content is compared. Each event of a longer one counts.
const LONGEST: u64 = 16 << 20;

/// Follows directories that come.
pub trait Follow: Send {
    /// Follows a directory that has come, with those below it.
    fn follow(&mut self, directory: &Path);
}

/// The changes of a project.
pub struct Changes {
    root: PathBuf,
    /// The paths of files and directories that may have changed.
    paths: UnboundedReceiver<PathBuf>,
    directories: Box<dyn Follow>,
    debounce: Debounce,
    /// The content of files that have changed, by their paths; `None` if there is no file. What writes a
    /// file as it was has changed nothing.
    contents: HashMap<PathBuf, Option<Digest>>,
}

impl Changes {
    /// Returns the changes of a project, of which `paths` tells.
    pub fn new(root: PathBuf, paths: UnboundedReceiver<PathBuf>, directories: Box<dyn Follow>) -> Self {
        Self {
            root,
            paths,
            directories,
            debounce: Debounce::default(),
            contents: HashMap::new(),
        }
    }

    /// A build has ended. What has changed meanwhile needs another one, unless the build has written it.
    pub fn built(&mut self) {
        while let Ok(path) = self.paths.try_recv() {
            self.take(&path, true);
        }
    }

    /// Waits until something has changed and come to rest. Returns whether there will be more.
    pub async fn next(&mut self) -> bool {
        loop {
            let due = self.debounce.due();
            let rest = sleep_until(due.unwrap_or_else(Instant::now));
            tokio::select! {
                biased;
                path = self.paths.recv() => match path {
                    Some(path) => self.take(&path, false),
                    None => return false,
                },
                () = rest, if due.is_some() => {
                    self.debounce.clear();
                    return true;
                }
            }
        }
    }

    fn take(&mut self, path: &Path, is_building: bool) {
        let Ok(relative) = path.strip_prefix(&self.root) else {
            return;
        };
        let is_written = is_building && paths::is_written_by_builds(relative);
        if !paths::counts(relative) {
            return;
        }
        if path.is_dir() {
            self.directories.follow(path);
        }
        let is_new = self.is_new(path);
        if is_new && !is_written {
            self.debounce.changed(Instant::now());
        }
    }

    /// Returns whether a file has another content than when it changed before.
    fn is_new(&mut self, path: &Path) -> bool {
        if fs::metadata(path).is_ok_and(|found| found.len() > LONGEST) {
            return true;
        }
        let content = fs::read(path).ok().map(|bytes| Digest::of(&bytes));
        let before = self.contents.insert(path.to_owned(), content);
        before.is_none_or(|before| before != content)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

    use super::*;

    struct Nobody;

    impl Follow for Nobody {
        fn follow(&mut self, _directory: &Path) {}
    }

    /// A project that tells of its changes as a test does.
    struct Told {
        directory: tempfile::TempDir,
        tell: UnboundedSender<PathBuf>,
        changes: Changes,
    }

    impl Told {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let (tell, paths) = unbounded_channel();
            let changes = Changes::new(directory.path().to_owned(), paths, Box::new(Nobody));
            Self {
                directory,
                tell,
                changes,
            }
        }

        fn write(&self, file: &str, text: &str) {
            let path = self.directory.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            self.tell.send(path).unwrap();
        }

        /// Returns whether a build is due for what was told.
        fn is_due(&mut self, is_building: bool) -> bool {
            while let Ok(path) = self.changes.paths.try_recv() {
                self.changes.take(&path, is_building);
            }
            let is_due = self.changes.debounce.due().is_some();
            self.changes.debounce.clear();
            is_due
        }
    }

    #[test]
    fn a_file_counts_once_for_each_content() {
        let mut told = Told::new();
        for (text, is_due) in [("a", true), ("a", false), ("b", true), ("b", false), ("a", true)] {
            told.write("app.py", text);
            assert_eq!(told.is_due(false), is_due, "{text}");
        }
        let path = told.directory.path().join("app.py");
        fs::remove_file(&path).unwrap();
        told.tell.send(path.clone()).unwrap();
        assert!(told.is_due(false), "it is gone");
        told.tell.send(path).unwrap();
        assert!(!told.is_due(false), "it was gone before");
    }

    #[test]
    fn what_a_build_writes_starts_no_other_one() {
        let mut told = Told::new();
        for file in ["target/plugin/a.wasm", "Cargo.lock", "__pycache__/app.pyc"] {
            told.write(file, "built");
        }
        assert!(!told.is_due(true));
        told.write("Cargo.lock", "by cargo update");
        assert!(told.is_due(false));
        told.write("src/lib.rs", "while it builds");
        assert!(told.is_due(true));
        let elsewhere = tempfile::NamedTempFile::new().unwrap();
        told.tell.send(elsewhere.path().to_owned()).unwrap();
        assert!(!told.is_due(false), "it belongs to nobody here");
    }

    #[tokio::test]
    async fn changes_during_a_build_lead_to_one_more() {
        let mut told = Told::new();
        told.write("app.py", "one");
        told.write("wasser/host.py", "two");
        told.changes.built();
        told.write("plugin.yaml", "three");
        assert!(told.changes.next().await);
        assert_eq!(told.changes.debounce.due(), None);
        drop(told.tell);
        assert!(!told.changes.next().await, "nobody tells any more");
    }
}
