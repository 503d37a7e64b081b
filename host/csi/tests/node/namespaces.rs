//! Mount namespaces: one for each test, one for each container.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use wasser_csi::mountinfo::Table;

/// The variable with the test's directory, in the process that runs the test inside its namespace.
const INSIDE: &str = "WASSER_CSI_TEST_INSIDE";
/// The longest wait for a condition.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test in a process with a separate mount namespace. `name` is the test's name for the test
/// runner.
pub fn isolated<F: Future<Output = ()>>(name: &str, test: impl FnOnce() -> F) {
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(test());
        // Threads that ask a hung file system end with the process.
        runtime.shutdown_background();
        return;
    }
    // It is created and removed outside, where nothing is mounted in it.
    let directory = tempfile::tempdir().unwrap();
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--"])
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            name,
            "--include-ignored",
            "--nocapture",
            "--test-threads",
            "1",
        ])
        .env(INSIDE, directory.path())
        .status()
        .expect("unshare, of util-linux, runs");
    assert!(status.success(), "{name} failed in its namespace");
}

/// Returns the directory of a test that runs in its namespace.
pub fn directory() -> PathBuf {
    Path::new(&std::env::var_os(INSIDE).expect("inside the namespace"))
        .canonicalize()
        .unwrap()
}

/// Waits until a condition holds.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(
            begin.elapsed() < PATIENCE,
            "never: {what}\n{}",
            std::fs::read_to_string("/proc/self/mountinfo").unwrap()
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A process in a separate mount namespace: a container, or the node around the node plugin's
/// container.
pub struct Namespace {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Namespace {
    /// Starts a container that has bound `source` to `data` with HostToContainer propagation, as a
    /// container runtime does.
    pub fn container(source: &Path, data: &Path) -> Self {
        std::fs::create_dir_all(data).unwrap();
        Self::run("slave", "mount --bind \"$1\" \"$2\"", &[source, data])
    }

    /// Starts the node, which shares mounts in both directions.
    pub fn node() -> Self {
        Self::run("unchanged", "true", &[])
    }

    fn run(propagation: &str, script: &str, arguments: &[&Path]) -> Self {
        let mut child = Command::new("unshare")
            .args(["--mount", "--propagation", propagation, "sh", "-c"])
            .arg(format!("{script} && echo ready && read -r end"))
            .arg("sh")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n", "the namespace could not be set up");
        Self { child, stdin }
    }

    /// Returns a path as the process sees it.
    pub fn path(&self, path: &Path) -> PathBuf {
        Path::new("/proc")
            .join(self.child.id().to_string())
            .join("root")
            .join(path.strip_prefix("/").unwrap())
    }

    /// Returns the mounts that the process sees.
    pub fn mounts(&self) -> Table {
        Table::parse(&std::fs::read(format!("/proc/{}/mountinfo", self.child.id())).unwrap())
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.stdin.take());
        self.child.wait().unwrap();
    }
}
