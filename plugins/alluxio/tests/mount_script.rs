//! The scripts of the masters' pods that mount, run by bash with a program in Alluxio's place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::net::TcpListener;

use serde_json::{Value, json};
use support::KIT;
use support::scripts::{asked, master};
use wasser_testkit::scripts::Sandbox;

const MOUNT: &str = "/etc/fluid/scripts/mount.sh";
const READY: &str = "/etc/fluid/scripts/ready.sh";

fn values(mounts: Value) -> Value {
    support::values(&KIT.pair(json!({"mounts": mounts}), json!({}))).unwrap()
}

#[tokio::test]
async fn a_master_is_ready_once_alluxio_answers_and_refused_mounts_are_no_obstacle() {
    let values = values(json!([{"mountPoint": "s3://a", "name": "a"}, {"mountPoint": "s3://b", "path": "/hang"}]));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sandbox = master(&values).await;
    let rpc = values.pointer("/master/ports/rpc").unwrap();
    let ready = sandbox.read(READY);
    let here = ready.replace(&format!("/127.0.0.1/{rpc} "), &format!("/127.0.0.1/{port} "));
    assert_ne!(here, ready);
    // As it is: its paths lead here already.
    std::fs::write(sandbox.path(READY), here).unwrap();
    let run = |script: &str, alluxio: &str| {
        sandbox.program("alluxio", alluxio);
        let ran = sandbox.run_file(script, &[]);
        (ran.code, asked(&ran))
    };

    // It listens, and does not serve yet.
    assert_eq!(run(MOUNT, "echo 'Failed to connect to master'; exit 1").0, 2);
    assert_eq!(
        run(READY, "echo 'Failed to connect to master'; exit 1"),
        (1, vec!["fs mount".to_owned()])
    );
    // One mount is refused.
    let refuses = "[ $# -eq 2 ] || [ $3 != /a ] || { echo 'no such bucket'; exit 1; }";
    let all = ["fs mount", "fs mount /a s3://a", "fs mount /hang s3://b"]
        .map(str::to_owned)
        .to_vec();
    assert_eq!(run(MOUNT, refuses), (1, all));
    assert_eq!(run(READY, refuses).0, 0);
    // One hangs.
    let (code, calls, _) = limited(&sandbox, READY);
    assert_eq!(code, 0);
    assert_eq!(calls.len(), 3, "{calls:?}");
    // All is well.
    assert_eq!(run(MOUNT, "true").0, 0);
    assert_eq!(run(READY, "true").0, 0);
    drop(listener);
    assert_eq!(run(READY, "true"), (1, vec![]));
}

#[tokio::test]
async fn values_of_secrets_that_changed_reach_mounts_that_are_there() {
    let key = |key: &str| json!({"secretKeyRef": {"name": "keys", "key": key}});
    let options = json!([{"name": "s3a.accessKeyId", "valueFrom": key("id")}, {"name": "s3a.secretKey",
        "valueFrom": key("secret")}]);
    let values = values(
        json!([{"mountPoint": "s3://a", "name": "a"}, {"mountPoint": "s3://b", "name": "b",
            "encryptOptions": options}]),
    );
    let mut sandbox = master(&values).await;
    let lines = sandbox.read("/etc/fluid/scripts/mount.info");
    let mounted = "[ $# -ne 2 ] || printf 's3://a  on  /a  (s3, capacity=-1B)\\ns3://b  on  /b  (s3, capacity=-1B)\\n'";
    let arguments = |secret: &str| format!("--option s3a.accessKeyId=me --option s3a.secretKey={secret} /b");
    let run = |sandbox: &Sandbox, alluxio: &str| {
        sandbox.program("alluxio", alluxio);
        let ran = sandbox.run_file(MOUNT, &[]);
        (ran.code, asked(&ran), ran.stdout)
    };
    let rotated = |sandbox: &Sandbox| {
        let lines = format!("FLUID_MOUNTS={lines}");
        sandbox
            .exec(&["env", &lines, "bash", "/etc/fluid/scripts/rotated.sh"])
            .stdout
    };
    let (code, calls, said) = run(&sandbox, "");
    assert_eq!(
        (code, calls),
        (1, vec!["fs mount".to_owned(), "fs mount /a s3://a".to_owned()]),
        "{said}"
    );
    assert!(said.contains("delete the pod"), "{said}");
    assert_eq!(rotated(&sandbox), "", "nothing can be done about it");

    sandbox.file("/etc/fluid/secrets/keys/id", "me");
    sandbox.file("/etc/fluid/secrets/keys/secret", "one");
    let (code, calls, _) = run(&sandbox, "");
    let first = [
        "fs mount".to_owned(),
        "fs mount /a s3://a".to_owned(),
        format!("fs mount {} s3://b", arguments("one")),
    ];
    assert_eq!((code, calls), (0, first.to_vec()));
    assert_eq!(rotated(&sandbox), "");
    assert_eq!(run(&sandbox, mounted).1, ["fs mount"], "nothing has changed");

    sandbox.file("/etc/fluid/secrets/keys/secret", "two");
    assert_eq!(rotated(&sandbox), "/b\n");
    // One that is refused is tried again.
    let update = vec!["fs mount".to_owned(), format!("fs updateMount {}", arguments("two"))];
    let refused = format!("{mounted}; [ $2 = mount ] || {{ echo 'Access Denied'; exit 1; }}");
    let (code, calls, said) = run(&sandbox, &refused);
    assert_eq!((code, &calls), (1, &update));
    assert!(said.contains("Access Denied"), "{said}");
    assert_eq!(rotated(&sandbox), "/b\n");
    // What the plugin says counts, whatever the file has.
    sandbox.file("/etc/fluid/scripts/mount.info", "");
    sandbox.set("FLUID_MOUNTS", lines.trim_end());
    let (code, calls, _) = run(&sandbox, mounted);
    assert_eq!((code, calls), (0, update));
    assert_eq!(rotated(&sandbox), "");
    let mut records = 0;
    for entry in std::fs::read_dir(sandbox.path("/").parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("fluid-mount-") {
            let record = std::fs::read_to_string(&path).unwrap();
            assert!(!record.contains("two") && record.len() > 64, "{record}");
            records += 1;
        }
    }
    assert_eq!(records, 1);
}

#[tokio::test]
async fn what_is_not_wanted_is_unmounted_children_first_and_what_changed_is_mounted_again() {
    let wanted = json!([{"mountPoint": "s3://a", "name": "a"}, {"mountPoint": "s3://c", "path": "/c (copy)"}]);
    let mut sandbox = master(&values(wanted)).await;
    let line = |path: &str| format!("s3://x  on  {path}  (s3, capacity=-1B, used=-1B, not read-only, properties={{}})");
    let table = ["/", "/a", "/c (copy)", "/old", "/old/deep one"].map(line).join("\n");
    sandbox.program("alluxio", &format!("[ $# -ne 2 ] || cat <<'END'\n{table}\nEND"));
    sandbox.set("FLUID_UNMOUNT", "/a");
    let ran = sandbox.run_file(MOUNT, &[]);
    let expected = [
        "fs mount",
        "fs unmount /old/deep one",
        "fs unmount /old",
        "fs unmount /a",
        "fs mount /a s3://a",
    ];
    assert_eq!((ran.code, asked(&ran)), (0, expected.map(str::to_owned).to_vec()));
    // One that cannot be unmounted is not mounted over.
    sandbox.set("FLUID_SINCE", "later");
    sandbox.program(
        "alluxio",
        &format!("[ $2 != unmount ] || exit 1\n[ $# -ne 2 ] || cat <<'END'\n{table}\nEND"),
    );
    let ran = sandbox.run_file(MOUNT, &[]);
    assert_eq!(
        (ran.code, asked(&ran)),
        (1, expected[..4].iter().map(|call| (*call).to_owned()).collect())
    );
}

/// What is cached of a mount goes with it: a retry that is about another mount must not make it
/// again.
#[tokio::test]
async fn a_mount_that_is_right_stays_when_another_one_is_tried_again() {
    let mut sandbox = master(&values(json!([{"mountPoint": "s3://a", "name": "a"}]))).await;
    let table = sandbox.path("/etc/fluid/table").display().to_string();
    sandbox.file("/etc/fluid/table", "s3://a  on  /a  (s3, capacity=-1B)\n");
    let alluxio = format!(
        "[ $# -ne 2 ] || {{ cat '{table}'; exit; }}\n[ $2 != unmount ] || {{ : > '{table}'; exit; }}\nfor path; do :; done\n\
         [ $path != s3://bad ] || {{ echo 'no such bucket'; exit 255; }}\n\
         echo \"$path  on  /a  (s3, capacity=-1B)\" > '{table}'"
    );
    sandbox.program("alluxio", &alluxio);
    let mut run = |since: &str, lines: &str, unmount: &str| {
        sandbox.set("FLUID_SINCE", since);
        sandbox.set("FLUID_MOUNTS", lines);
        sandbox.set("FLUID_UNMOUNT", unmount);
        let ran = sandbox.run_file(MOUNT, &[]);
        (ran.code, asked(&ran).split_off(1))
    };
    let calls = |calls: &[&str]| calls.iter().map(|call| format!("fs {call}")).collect::<Vec<String>>();
    let (before, after) = ("/a s3://a", "/a s3://a --readonly\n/bad s3://bad");
    let (refused, made) = ("mount /bad s3://bad", "mount --readonly /a s3://a");
    assert_eq!(run("1", after, "/a"), (1, calls(&["unmount /a", made, refused])));
    assert_eq!(run("1", after, "/a"), (1, calls(&[refused])));
    // Given up, it is what it was.
    assert_eq!(run("1", before, ""), (0, calls(&["unmount /a", "mount /a s3://a"])));
    assert_eq!(run("1", before, ""), (0, calls(&[])));
    // After a change that has succeeded, the Dataset shows how it is mounted.
    assert_eq!(run("2", "/a s3://a --shared", ""), (0, calls(&[])));
    assert_eq!(
        run("2", "/a s3://a --shared", "/a"),
        (0, calls(&["unmount /a", "mount --shared /a s3://a"]))
    );
}

/// What the script asks of Alluxio, where a data source at `/hang` never answers.
fn limited(sandbox: &Sandbox, script: &str) -> (i32, Vec<String>, String) {
    sandbox.program(
        "timeout",
        "shift\ncase \" $* \" in *' /hang '*) exit 124 ;; esac\nexec \"$@\"",
    );
    let ran = sandbox.run_file(script, &[]);
    sandbox.program("timeout", "shift\nexec \"$@\"");
    let calls = ran.of("timeout").into_iter().filter(|call| call[1] == "alluxio");
    // The list of mounts has all the time that there is.
    let calls = calls.map(|mut call| {
        if call.len() == 4 {
            call[0] = "all".to_owned();
        }
        call
    });
    (ran.code, calls.map(|call| call.join(" ")).collect(), ran.stdout)
}

#[tokio::test]
async fn a_data_source_that_hangs_keeps_no_other_away_and_comes_last_the_next_time() {
    let source = |name: &str| json!({"mountPoint": format!("s3://{name}"), "name": name});
    let below = json!({"mountPoint": "s3://below", "path": "/hang/below"});
    let mut sandbox = master(&values(json!([source("hang"), below, source("b"), source("z")]))).await;
    let call = |call: &str| format!("20 alluxio fs mount{call}");
    let [hang, below] = [call(" /hang s3://hang"), call(" /hang/below s3://below")];
    let [table, b, z] = [
        "all alluxio fs mount".to_owned(),
        call(" /b s3://b"),
        call(" /z s3://z"),
    ];
    let (code, calls, said) = limited(&sandbox, MOUNT);
    assert_eq!(code, 1);
    assert_eq!(calls, [&table, &b, &hang, &below, &z].map(String::clone));
    assert!(
        said.contains("mounting /hang\nalluxio fs mount had no answer after 20 s"),
        "{said}"
    );
    let (_, calls, _) = limited(&sandbox, MOUNT);
    assert_eq!(calls, [&table, &b, &z, &hang, &below].map(String::clone));
    // Alluxio has gone on with it by itself.
    sandbox.program(
        "alluxio",
        "[ $# -ne 2 ] || echo 's3://hang  on  /hang  (s3, capacity=-1B)'",
    );
    sandbox.set("FLUID_UNMOUNT", "/hang");
    let (code, calls, _) = limited(&sandbox, MOUNT);
    assert_eq!((code, calls), (0, [&table, &b, &z, &below].map(String::clone).to_vec()));
}

#[tokio::test]
async fn what_there_is_no_time_for_is_tried_first_the_next_time() {
    let source = |name: &str| json!({"mountPoint": format!("s3://{name}"), "name": name});
    let mut sandbox = master(&values(json!([source("a"), source("hang")]))).await;
    assert_eq!(limited(&sandbox, MOUNT).0, 1);
    sandbox.program(
        "alluxio",
        "[ $# -ne 2 ] || echo 's3://old  on  /old  (s3, capacity=-1B)'",
    );
    sandbox.set("FLUID_SECONDS", "4");
    let (code, calls, said) = limited(&sandbox, MOUNT);
    assert_eq!((code, calls), (1, vec!["all alluxio fs mount".to_owned()]));
    for path in ["/old", "/a", "/hang"] {
        assert!(said.contains(&format!("there was no time left for {path},")), "{said}");
    }
    sandbox.set("FLUID_SECONDS", "40");
    let order: Vec<String> = limited(&sandbox, MOUNT).1.split_off(2);
    assert_eq!(
        order,
        ["20 alluxio fs mount /a s3://a", "20 alluxio fs mount /hang s3://hang"]
    );
}

#[tokio::test]
async fn nothing_is_unmounted_by_lines_that_cannot_be_read() {
    let mut sandbox = master(&values(json!([{"mountPoint": "s3://a", "name": "a"}]))).await;
    sandbox.program("alluxio", "[ $# -ne 2 ] || echo 's3://x  on  /x  (s3, capacity=-1B)'");
    for lines in ["/a s3://a 'open", "/a $(x)", "/x\\ s3://x"] {
        sandbox.set("FLUID_MOUNTS", lines);
        let ran = sandbox.run_file(MOUNT, &[]);
        assert_eq!((ran.code, asked(&ran)), (1, vec!["fs mount".to_owned()]));
        assert!(ran.stdout.starts_with("cannot read the line "), "{ran:?}");
    }
}
