//! Fuse pods that die under an application.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::processes;
use crate::real_cluster::{CLIENT, DATA, RealCluster};
use crate::report::{Report, milliseconds, quantile, seconds};
use wasser_test_cluster::machine::process::wait;

const PATIENCE: Duration = Duration::from_secs(180);
/// Between two looks at a process.
const PAUSE: Duration = Duration::from_millis(10);

/// Kills the fuse pod again and again, and reports how long it takes until the application reads
/// again and how many mounts it then has.
pub fn recovery(real: &RealCluster, kills: u32, report: &mut Report) -> Result<()> {
    eprintln!("killing the fuse pod {kills} times");
    real.exec("app", "app", &format!("echo here > {DATA}/probe && sync"))?;
    let app = real.app()?;
    let probe = processes::path(app, &format!("{DATA}/probe"));
    let (mut after_process, mut after_kill, mut most) = (Vec::new(), Vec::new(), 0);
    for kill in 0..kills {
        // The workers' clients are among these.
        let before: BTreeSet<u32> = processes::running(&CLIENT).into_iter().collect();
        let (pod, old) = real.fuse_pod()?;
        let killed = Instant::now();
        real.kubectl(&["delete", "pod", &pod, "--grace-period=0", "--force"])?;
        let (mut started, mut read) = (None, None);
        wait(PATIENCE, || {
            if started.is_none() && processes::running(&CLIENT).iter().any(|id| !before.contains(id)) {
                started = Some(Instant::now());
            }
            let gone = old.iter().all(|id| !fs::exists(format!("/proc/{id}")).unwrap_or(false));
            if started.is_some() && gone && fs::read_to_string(&probe).is_ok_and(|text| text == "here\n") {
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
    }
    for (name, mut times) in [
        ("recoverySecondsAfterNewProcess", after_process),
        ("recoverySecondsAfterKill", after_kill),
    ] {
        times.sort_by(f64::total_cmp);
        report.figure(
            name,
            json!({"median": quantile(&times, 0.5), "p95": quantile(&times, 0.95), "most": times.last()}),
        )?;
    }
    report.figure("mountsInContainerAfterKills", most)
}
