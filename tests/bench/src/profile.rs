//! Where the processor time of a process goes.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use inferno::collapse::Collapse as _;
use inferno::collapse::perf::Folder;
use inferno::flamegraph;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Samples in a second: no divisor of the ticks by which timers go.
const FREQUENCY: &str = "499";
/// Bytes of the stack that are kept of each sample. Release builds have no frame pointers.
const STACK: &str = "dwarf,16384";

/// Samples of a running process.
pub struct Sampling {
    perf: Child,
    dir: TempDir,
    flame_graph: PathBuf,
}

impl Sampling {
    /// Begins to take samples of a process, for a flame graph in this file.
    ///
    /// # Errors
    /// If `perf` is missing or may not look at the process.
    pub fn start(pid: u32, flame_graph: &Path) -> Result<Self> {
        let dir = tempfile::tempdir().context("making a directory for samples")?;
        let perf = Command::new("perf")
            .args(["record", "--freq", FREQUENCY, "--call-graph", STACK, "--pid"])
            .arg(pid.to_string())
            .arg("--output")
            .arg(dir.path().join("samples"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(dir.path().join("said"))?)
            .spawn()
            .context("starting perf, which a profile needs; on Debian it is in the package linux-perf")?;
        Ok(Self {
            perf,
            dir,
            flame_graph: flame_graph.to_owned(),
        })
    }

    /// Ends the samples, and writes the flame graph.
    ///
    /// # Errors
    /// If there are no samples, or the file cannot be written.
    pub fn finish(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.perf), Signal::INT).context("ending perf")?;
        // It ends by the signal as well.
        self.perf.wait().context("waiting for perf")?;
        let samples = self.dir.path().join("samples");
        let said = || fs::read_to_string(self.dir.path().join("said")).unwrap_or_default();
        ensure!(samples.exists(), "perf has taken no samples: {}", said().trim());
        let mut script = Command::new("perf")
            .args(["script", "--no-inline", "--input"])
            .arg(&samples)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting perf script")?;
        let lines = script.stdout.take().context("perf script has no output")?;
        let mut stacks = Vec::new();
        let folded = Folder::default().collapse(BufReader::new(lines), &mut stacks);
        let ended = script.wait().context("waiting for perf script")?;
        folded.context("reading what perf script says")?;
        ensure!(
            ended.success() && !stacks.is_empty(),
            "perf script: {ended}; {}",
            said().trim()
        );
        let path = self.flame_graph.display();
        let mut graph = BufWriter::new(File::create(&self.flame_graph).with_context(|| format!("creating {path}"))?);
        let mut options = flamegraph::Options::default();
        "wasser, processor time until all are Bound".clone_into(&mut options.title);
        flamegraph::from_reader(&mut options, stacks.as_slice(), &mut graph)
            .and_then(|()| graph.flush())
            .with_context(|| format!("writing {path}"))?;
        eprintln!("the flame graph is {path}");
        Ok(())
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        // It has ended by itself, unless something failed before.
        if self.perf.kill().is_ok() {
            let _ended = self.perf.wait();
        }
    }
}
