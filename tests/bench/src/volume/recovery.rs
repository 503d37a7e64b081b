//! Fuse pods that die under an application.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::processes;
use crate::real_cluster::{CONTENT, DATA, RealCluster};
use crate::report::{Report, milliseconds, seconds, spread};
use wasser_test_cluster::machine::process::wait;

const PATIENCE: Duration = Duration::from_secs(180);
/// After this time without a change, the mounts of the node are as they stay.
const QUIET: Duration = Duration::from_secs(10);
/// Between two looks at the mounts of the node.
const LOOK: Duration = Duration::from_millis(500);
/// Between two looks at a process.
const PAUSE: Duration = Duration::from_millis(10);

/// Kills the fuse pod again and again, and reports how long it takes until the application reads
/// again, how many mounts it then has, and how many more the node has in the end than after the second.
pub fn recovery(real: &RealCluster, kills: u32, report: &mut Report) -> Result<()> {
    eprintln!("killing the fuse pod {kills} times");
    let probe = real.probe()?;
    let app = real.app()?;
    let probe = processes::path(app, &probe);
    let before_kills = settled(real)?;
    let mut after_second = before_kills;
    let (mut after_process, mut after_kill, mut most) = (Vec::new(), Vec::new(), 0);
    for kill in 0..kills {
        let before: BTreeSet<u32> = real.clients().into_iter().collect();
        let (pod, old) = real.fuse_pod()?;
        let killed = Instant::now();
        real.kubectl(&["delete", "pod", &pod, "--grace-period=0", "--force"])?;
        let (mut started, mut read) = (None, None);
        wait(PATIENCE, || {
            if started.is_none() && real.clients().iter().any(|id| !before.contains(id)) {
                started = Some(Instant::now());
            }
            let gone = old.iter().all(|id| !fs::exists(format!("/proc/{id}")).unwrap_or(false));
            if started.is_some() && gone && fs::read_to_string(&probe).is_ok_and(|text| text == CONTENT) {
                read = Some(Instant::now());
            }
            std::thread::sleep(PAUSE);
            read.is_some()
        });
        let (started, read) = started.zip(read).with_context(|| {
            format!(
                "after kill {kill}, the application does not read again within {} s",
                PATIENCE.as_secs()
            )
        })?;
        after_process.push(seconds(read - started));
        after_kill.push(milliseconds(read - killed) / 1e3);
        most = most.max(
            processes::mount_points(app)
                .iter()
                .filter(|point| *point == DATA)
                .count(),
        );
        // From the second kill on, the node plugin keeps two anchors of two mounts each: that of the
        // containers that were there at the first one, and the newest.
        if kill < 2 {
            after_second = settled(real)?;
        }
    }
    for (name, times) in [
        ("recoverySecondsAfterNewProcess", after_process),
        ("recoverySecondsAfterKill", after_kill),
    ] {
        report.figure(name, spread(times))?;
    }
    report.figure("mountsInContainerAfterKills", most)?;
    let after = left(real, after_second)?;
    let added = after as f64 - after_second as f64;
    report.figure(
        "mountsOfNode",
        json!({"before": before_kills, "afterSecond": after_second, "after": after, "added": added}),
    )
}

/// Returns how many mounts the node has once they stay so many: pods that have ended may still be put
/// away.
fn settled(real: &RealCluster) -> Result<usize> {
    let (mut last, mut since) = (real.mounts()?, Instant::now());
    let deadline = since + PATIENCE;
    while since.elapsed() < QUIET && Instant::now() < deadline {
        std::thread::sleep(LOOK);
        let now = real.mounts()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    Ok(last)
}

/// Returns how many mounts the node has when what has ended is put away: as many as earlier, or
/// those that stay.
fn left(real: &RealCluster, earlier: usize) -> Result<usize> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = real.mounts()?;
        if now <= earlier || Instant::now() >= deadline {
            return Ok(now);
        }
        std::thread::sleep(LOOK);
    }
}
