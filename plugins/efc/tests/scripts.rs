//! The script of the masters' probe, run by real shells.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::json;
use support::KIT;
use wasser_testkit::scripts::{Sandbox, Script};

async fn probe() -> Script {
    let values = support::values(&support::pair(json!({}))).unwrap();
    let rendered = KIT.helm().render(&values).await.unwrap();
    let [probe] = Script::all(&rendered).try_into().unwrap();
    probe
}

#[rstest]
#[case::runs("root 12 1 0 10:00 ? 00:00:01 python3 /usr/bin/master.py --serve", 0)]
#[case::has_ended("root 12 1 0 10:00 ? 00:00:01 python3 /usr/bin/worker.py", 1)]
#[case::finds_not_itself("root 13 1 0 10:00 ? 00:00:00 sh -c ps -ef | grep -q '[m]aster\\.py'", 1)]
#[case::another("root 12 1 0 10:00 ? 00:00:01 python3 /usr/bin/masterApy", 1)]
#[tokio::test]
async fn a_master_lives_while_its_process_does(#[case] processes: &str, #[case] code: i32) {
    let probe = probe().await;
    assert!(probe.place.contains("demo-master") && probe.place.contains("livenessProbe"));
    for shell in probe.shells.iter().filter(|shell| shell[0] != "busybox") {
        let sandbox = Sandbox::new(&[]);
        sandbox.file(
            "/processes",
            &format!("UID PID PPID C STIME TTY TIME CMD\n{processes}\n"),
        );
        let file = sandbox.path("/processes").display().to_string();
        sandbox.program("ps", &format!("[ \"$1\" = -ef ] && cat '{file}'"));
        let ran = sandbox.run(&probe, shell, &[]);
        assert_eq!((ran.code, ran.stderr.as_str()), (code, ""), "{shell:?}: {ran:?}");
    }
}
