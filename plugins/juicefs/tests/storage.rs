//! An object storage that does not answer, or slowly: clients that start mount what there is, and
//! clients that end wait for their uploads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use wasser_testkit::scripts::{Ran, Sandbox, Script};

const CLI: &str = "/usr/local/bin/juicefs";
const CLIENT: &str = "/bin/mount.juicefs";
const MOUNT: &str = "/runtime-mnt/juicefs/default/demo/juicefs-fuse";
const ROOTS: &[&str] = &[
    "/usr/local/bin",
    "/bin/mount.juicefs",
    "/runtime-mnt",
    "/cache",
    "/proc",
];
const STORAGE: &str = "Storage minio://b/files/ is not configured correctly: Failed to put";

/// Returns what an object of the clients has besides its metadata.
async fn object(documents: &[Value], kind: &str, name: &str) -> Value {
    let values = support::values(documents).unwrap();
    let rendered = support::KIT.helm().render(&values).await.unwrap();
    let found = rendered.objects.iter().find(|object| {
        let of_kind = object.types.as_ref().is_some_and(|types| types.kind == kind);
        of_kind && object.metadata.name.as_deref() == Some(name)
    });
    found.unwrap().data.clone()
}

/// Returns a script of the clients.
async fn script(documents: &[Value], key: &str) -> Option<Script> {
    let map = object(documents, "ConfigMap", "demo-fuse-script").await;
    Some(Script::of(key, map["data"].get(key)?.as_str()?))
}

fn made() -> Vec<Value> {
    let mount = json!({"options": {"storage": "minio", "bucket": "http://minio:9000/b"}});
    support::pair(mount, json!({}), json!({}))
}

const MISSING: &str = "if [ ! -e made ]; then echo '<FATAL>: no such file or directory'; exit 1; fi";

/// A quota of a directory that is not there yet.
#[rstest]
#[case::there("", &[""], true)]
#[case::made_for_it(&format!("case $* in *--create) touch made ;; esac; {MISSING}"), &["", " --create"], true)]
#[case::refused("echo 'Permission denied'; exit 1", &[""], false)]
#[tokio::test]
async fn a_quota_needs_no_directory_to_be_there(#[case] set: &str, #[case] asked: &[&str], #[case] mounted: bool) {
    let mount = json!({"mountPoint": "juicefs:///team-a",
        "options": {"storage": "minio", "bucket": "http://minio:9000/b", "quota": "2Gi"}});
    let script = script(&support::pair(mount, json!({}), json!({})), "script.sh")
        .await
        .unwrap();
    for shell in &script.shells {
        let mut sandbox = Sandbox::new(ROOTS);
        sandbox.set("METAURL", "redis://r");
        sandbox.program_at(CLI, &format!("if [ \"$1\" = quota ]; then :; {set}\nfi"));
        sandbox.program_at(CLIENT, "");
        sandbox.program("flock", "");
        std::fs::create_dir_all(sandbox.path(MOUNT)).unwrap();
        let ran = sandbox.run(&script, shell, &[]);
        let asks: Vec<String> = ran.of("juicefs").iter().map(|words| words.join(" ")).collect();
        let quotas: Vec<&String> = asks.iter().filter(|words| words.contains("quota set")).collect();
        assert_eq!(quotas.len(), asked.len(), "{ran:?}");
        let mut ends = quotas.iter().zip(asked);
        assert!(
            ends.all(|(words, end)| words.ends_with(&format!("--capacity 2{end}"))),
            "{ran:?}"
        );
        let done = (ran.of("mount.juicefs").len(), ran.code == 0);
        assert_eq!(done, (usize::from(mounted), mounted), "{ran:?}");
    }
}

fn writeback(more: Value) -> Vec<Value> {
    let runtime = wasser_testkit::merge(json!({"fuse": {"options": {"writeback": ""}}}), more);
    support::pair(json!({}), json!({"accessModes": ["ReadWriteMany"]}), runtime)
}

#[rstest]
#[case::it_answers("", "", true)]
#[case::it_refuses(&format!("echo '{STORAGE}'; exit 1"), "files", true)]
#[case::it_does_not_answer("kill -KILL $$", "files", true)]
#[case::there_is_nothing_yet("kill -KILL $$", "", false)]
#[case::it_is_another("kill -KILL $$", "files2", false)]
#[case::the_option_is_wrong("echo 'flag provided but not defined: -x'; exit 1", "files", false)]
#[tokio::test]
async fn a_file_system_that_is_there_is_mounted(#[case] format: &str, #[case] name: &str, #[case] mounted: bool) {
    let mut sandbox = Sandbox::new(ROOTS);
    sandbox.set("METAURL", "redis://r");
    let status = format!("[ -n '{name}' ] || exit 1; printf '{{\\n  \"Setting\": {{\\n    \"Name\": \"{name}\",\\n'");
    sandbox.program_at(
        CLI,
        &format!("if [ \"$1\" = status ]; then {status}; else :; {format}\nfi"),
    );
    sandbox.program_at(CLIENT, "");
    sandbox.program("flock", "");
    std::fs::create_dir_all(sandbox.path(MOUNT)).unwrap();
    let script = script(&made(), "script.sh").await.unwrap();
    for shell in &script.shells {
        let ran = sandbox.run(&script, shell, &[]);
        assert_eq!(ran.of("mount.juicefs").len(), usize::from(mounted), "{ran:?}");
        assert_eq!(ran.code == 0, mounted, "{ran:?}");
        let said = ran.stdout.contains("with the settings that it has");
        assert_eq!(said, mounted && !format.is_empty(), "{ran:?}");
    }
}

/// Runs what a client does before it ends. `stats` prints what it says of itself.
async fn stop(documents: &[Value], stats: &str, seconds: &str) -> (Sandbox, Ran) {
    let sandbox = Sandbox::new(ROOTS);
    for program in ["umount", "sleep"] {
        sandbox.program(program, "");
    }
    sandbox.program("cat", stats);
    std::fs::create_dir_all(sandbox.path("/proc/1/fd")).unwrap();
    sandbox.file("/cache/a/id/rawstaging/chunks/0/1", "block");
    sandbox.file("/cache/b/id/raw/chunks/0/1", "block");
    let script = script(documents, "stop.sh").await.unwrap();
    let directories = ["/cache/a", "/cache/b"].map(|path| sandbox.path(path).display().to_string());
    let ran = sandbox.run(&script, &["sh"], &[MOUNT, seconds, &directories[0], &directories[1]]);
    (sandbox, ran)
}

#[tokio::test]
async fn a_client_unmounts_once_everything_is_uploaded() {
    let counts_down = "left=$(/bin/cat left 2>/dev/null || echo 3); echo $((left - 1)) > left\n\
                       echo \"juicefs_staging_block_bytes 7\"; echo \"juicefs_staging_blocks $left\"";
    let (_, ran) = stop(&writeback(json!({})), counts_down, "540").await;
    assert_eq!((ran.code, ran.of("sleep").len()), (0, 3), "{ran:?}");
    assert_eq!(ran.of("umount"), [[MOUNT]]);
}

#[rstest]
#[case::it_says("echo 'juicefs_staging_blocks 394'", "394 blocks")]
#[case::it_does_not_say("exit 1", "1 blocks")]
#[tokio::test]
async fn a_client_whose_time_is_over_says_how_much_is_left(#[case] stats: &str, #[case] left: &str) {
    let (sandbox, ran) = stop(&writeback(json!({})), stats, "0").await;
    assert_eq!((ran.code, ran.of("umount").len()), (1, 1), "{ran:?}");
    assert!(ran.stderr.contains(left), "{ran:?}");
    assert!(sandbox.read("/proc/1/fd/1").contains(left), "{ran:?}");
}

#[tokio::test]
async fn a_client_has_the_time_that_it_waits() {
    let spec = async |documents: &[Value]| {
        object(documents, "DaemonSet", "demo-fuse").await["spec"]["template"]["spec"].clone()
    };
    let cache =
        json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": "/cache/a:/cache/b", "quota": "1Gi"}]}});
    let pod = spec(&writeback(cache)).await;
    assert_eq!(pod["terminationGracePeriodSeconds"], 600);
    let stop = ["sh", "/root/script/stop.sh", MOUNT, "540", "/cache/a", "/cache/b"];
    assert_eq!(
        pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"],
        json!(stop)
    );
    for documents in [
        writeback(json!({"fuse": {"options": {"writeback": "false"}}})),
        support::pair(json!({}), json!({}), json!({"fuse": {"options": {"writeback": ""}}})),
    ] {
        assert_eq!(spec(&documents).await.get("terminationGracePeriodSeconds"), None);
        assert!(script(&documents, "stop.sh").await.is_none());
    }
}
