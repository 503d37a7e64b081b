//! Where the processor time and the memory of a process go.

use std::collections::BTreeMap;
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
/// Mappings that take less than this of anonymous memory are summed up as others.
const WORTH_A_LINE: u64 = 512 << 10;

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

/// Returns the anonymous memory of a process that is resident, in kB by what it is mapped from.
///
/// # Errors
/// If the process has ended, or `/proc` is not as expected.
pub fn anonymous_kilobytes(pid: u32) -> Result<BTreeMap<String, u64>> {
    let path = format!("/proc/{pid}/smaps");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    by_mapping(&text).with_context(|| format!("{path} is not as expected"))
}

/// Parses the text of `smaps`. `None` if it is not as the kernel writes it.
fn by_mapping(smaps: &str) -> Option<BTreeMap<String, u64>> {
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    let mut name = None;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let first = words.next()?;
        if let Some(field) = first.strip_suffix(':') {
            if field == "Anonymous" {
                let size: u64 = words.next()?.parse().ok()?;
                *bytes.entry(name.clone()?).or_default() += size * 1024;
            }
        } else {
            let path = words
                .nth(4)
                .map_or("(no name)", |path| path.rsplit('/').next().unwrap_or(path));
            name = Some(path.to_owned());
        }
    }
    let mut kilobytes = BTreeMap::new();
    for (name, size) in bytes {
        let name = if size < WORTH_A_LINE {
            "(others)".to_owned()
        } else {
            name
        };
        *kilobytes.entry(name).or_default() += size / 1000;
    }
    Some(kilobytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
5581c000-5591c000 r-xp 00000000 fe:00 12 /usr/bin/wasser
Rss:                1024 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
7f00a000-7f10a000 rw-p 00000000 00:00 0
Anonymous:          1000 kB
7f20a000-7f30a000 rw-p 00000000 00:00 0
Anonymous:          1000 kB
7ffd0000-7ffd1000 rw-p 00000000 00:00 0 [stack]
Anonymous:            16 kB
7ffd2000-7ffd3000 rw-p 00000000 00:00 0 [heap]
Anonymous:          2000 kB
";

    #[test]
    fn memory_is_summed_up_by_what_it_is_mapped_from() {
        let expected = [("(no name)", 2048), ("(others)", 16), ("[heap]", 2048)];
        let expected = expected.map(|(name, kilobytes)| (name.to_owned(), kilobytes)).into();
        assert_eq!(by_mapping(SMAPS), Some(expected));
        assert_eq!(by_mapping("Anonymous: 1 kB\n"), None);
    }
}
