//! The throughput that is lost between a client and an application: the same file is read through a
//! pod's volume and through a mount made by hand.

use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::processes;
use crate::real_cluster::{DATA, RealCluster};
use crate::report::{Report, quantile};
use wasser_test_cluster::machine::process::wait;

/// How much is read to learn the throughput.
pub const MEBIBYTES: u32 = 512;
/// Where the client's container has the mount that is made by hand.
const BY_HAND: &str = "/mnt/by-hand";
/// The cache of that mount, which has a node's disk as well.
const CACHE: &str = "/var/cache/bench/by-hand";
/// What the client's container starts.
const SCRIPT: &str = "/root/script/script.sh";
/// How often the file is read through each.
const ROUNDS: usize = 25;
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads a file by turns through both, with the client's cache filled and the kernel's empty.
pub fn throughput(real: &RealCluster, report: &mut Report) -> Result<()> {
    eprintln!("reading {MEBIBYTES} MiB {ROUNDS} times through the volume and by hand");
    real.exec(
        "app",
        "app",
        &format!("dd if=/dev/urandom of={DATA}/big bs=1M count={MEBIBYTES} 2>/dev/null && sync"),
    )?;
    let app = real.app()?;
    let (pod, clients) = real.fuse_pod()?;
    let client = *clients.first().context("the fuse pod has no client")?;
    let through = processes::path(app, &format!("{DATA}/big"));
    let by_hand = processes::path(client, &format!("{BY_HAND}/big"));
    let _mount = Mount::new(real, &pod, &by_hand)?;
    let (mut volume, mut hand) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for (path, speeds) in [(&through, &mut volume), (&by_hand, &mut hand)] {
            let speed = read(path)?;
            // The first round fills the client's own cache.
            if round > 0 {
                speeds.push(speed);
            }
        }
    }
    volume.sort_by(f64::total_cmp);
    hand.sort_by(f64::total_cmp);
    let median = |speeds: &[f64]| quantile(speeds, 0.5).context("nothing was read");
    let (through, by_hand) = (median(&volume)?, median(&hand)?);
    report.figure(
        "throughput",
        json!({
            "mebibytesPerSecondThroughVolume": through,
            "mebibytesPerSecondByHand": by_hand,
            "lostPercent": ((1.0 - through / by_hand) * 1e4).round() / 100.0,
            "eachThroughVolume": volume,
            "eachByHand": hand,
        }),
    )
}

/// Reads a file to its end, and returns the mebibytes per second.
fn read(path: &Path) -> Result<f64> {
    fs::write("/proc/sys/vm/drop_caches", "3").context("emptying the page cache")?;
    let what = || format!("reading {}", path.display());
    let mut file = File::open(path).with_context(what)?;
    let mut buffer = vec![0; 1 << 20];
    let (mut total, began) = (0, Instant::now());
    loop {
        match file.read(&mut buffer).with_context(what)? {
            0 => break,
            length => total += length,
        }
    }
    let took = began.elapsed().as_secs_f64();
    ensure!(
        total == (MEBIBYTES as usize) << 20,
        "{} has {total} bytes",
        path.display()
    );
    Ok((f64::from(MEBIBYTES) / took * 10.0).round() / 10.0)
}

/// A second mount of the client's file system, with the same options and a separate cache.
struct Mount(Child);

impl Mount {
    /// Mounts it. `file` exists once that is done.
    fn new(real: &RealCluster, pod: &str, file: &Path) -> Result<Self> {
        let script = real.exec(pod, "juicefs-fuse", &format!("cat {SCRIPT}"))?;
        let command_line = by_hand(&script).context("the script of the fuse pod mounts nothing")?;
        let mut command = real.kubectl_command();
        command.args(["exec", pod, "-c", "juicefs-fuse", "--", "sh", "-c", &command_line]);
        // The client's log is needed only if this fails.
        let mut log = tempfile::tempfile().context("creating a temporary file")?;
        let stderr = log.try_clone().context("opening the temporary file again")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn();
        let mount = Self(child.context("mounting by hand")?);
        if !wait(PATIENCE, || file.is_file()) {
            let mut said = String::new();
            log.rewind().context("reading what the client logs")?;
            log.read_to_string(&mut said).context("reading what the client logs")?;
            bail!(
                "mounting by hand: {} has not come. The client says: {said}",
                file.display()
            );
        }
        Ok(mount)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // The mount in the container ends with the pod.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the command of a client's script, changed so that it serves [`BY_HAND`] from [`CACHE`]
/// and no metrics.
fn by_hand(script: &str) -> Option<String> {
    let line = script
        .lines()
        .find(|line| line.contains(" /runtime-mnt/") && line.contains(" -o "))?;
    let (command, options) = line.split_once(" -o ")?;
    let point = command.split(' ').find(|word| word.starts_with("/runtime-mnt/"))?;
    let kept = options.split(',').filter(|option| !option.starts_with("metrics="));
    let kept: Vec<String> = kept
        .map(|option| match option.split_once('=') {
            Some(("cache-dir", _)) => format!("cache-dir={CACHE}"),
            _ => option.to_owned(),
        })
        .collect();
    Some(format!("{} -o {}", command.replace(point, BY_HAND), kept.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_by_hand_has_the_clients_options_and_a_cache_of_its_own() {
        let script = "set -e\nexec /bin/mount.juicefs \"${METAURL}\" /runtime-mnt/juicefs/a/demo/juicefs-fuse \
                      -o cache-size=1,cache-dir=/x,metrics=0.0.0.0:1\n";
        let expected = "exec /bin/mount.juicefs \"${METAURL}\" /mnt/by-hand \
                        -o cache-size=1,cache-dir=/var/cache/bench/by-hand";
        assert_eq!(by_hand(script).as_deref(), Some(expected));
        assert_eq!(by_hand("sleep 1"), None);
    }
}
