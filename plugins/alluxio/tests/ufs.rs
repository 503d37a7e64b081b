//! What is said to masters about mounts that come and go.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};
use support::live::{MASTER, live, master, mount, paths};
use wasser_alluxio::Alluxio;
use wasser_sdk::testing::{FakeHost, converse, exit, ok};
use wasser_sdk::{Context, HostError, Implement, UfsChange};

#[test]
fn a_change_is_the_difference_to_what_is_shown() {
    let ctx = live(&[mount("a"), mount("b")], &[mount("b"), mount("c")], false);
    let change = Alluxio::should_update_ufs(&ctx, &master()).unwrap();
    assert_eq!(paths(&change), [vec!["/c"], vec!["/a"], vec![]]);
    assert_eq!(change.removed["/a"].mount_point, "s3://a");
    // While no master is ready, nothing can be done about it.
    let none = FakeHost::new().pod("master", MASTER, false);
    assert_eq!(
        converse(&none, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap(),
        UfsChange::default()
    );
    assert!(
        !Alluxio::should_check_ufs(&ctx, &master()).unwrap(),
        "they were mounted already"
    );
}

#[test]
fn one_bad_mount_does_not_keep_the_others_away() {
    let ctx = live(&[], &[mount("bad"), mount("good")], true);
    let host = master().on_exec(|_, argv| match argv {
        ["alluxio", "fs", "mount"] => ok(include_str!("reports/mounts.txt")),
        [.., "/bad", _] => exit(255, include_str!("reports/mount-refused.txt")),
        _ => ok(""),
    });
    let error = converse(&host, |host| Alluxio::prepare_ufs(&ctx, host))
        .unwrap_err()
        .to_string();
    assert_eq!(error, "mounting /bad: Ufs path /nonexist does not exist");
    let calls = host.calls();
    for command in [
        "fs unmount /b",
        "fs unmount /a",
        "fs mount /bad s3://bad",
        "fs mount /good s3://good",
    ] {
        assert!(
            calls.contains(&format!("exec {MASTER} alluxio {command}")),
            "{command}: {calls:?}"
        );
    }
}

#[test]
fn by_files_the_script_gets_the_lines_and_what_changed() {
    let changed = json!({"mountPoint": "s3://a", "name": "a", "readOnly": true});
    let ctx = live(&[mount("a")], &[changed], false);
    let host = master().on_exec(|_, _| ok(""));
    let change = converse(&host, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap();
    assert_eq!(paths(&change), [vec![], vec![], vec!["/a"]]);
    let (old, new) = &change.changed["/a"];
    assert_eq!((old.read_only, new.read_only), (false, true));
    assert!(converse(&host, |host| Alluxio::update_ufs(&ctx, host, &change)).unwrap());
    assert_eq!(
        host.calls(),
        [format!(
            "exec {MASTER} env FLUID_MOUNTS=/a s3://a --readonly FLUID_UNMOUNT=/a FLUID_SINCE=2026-01-01T00:00:00Z \
             /etc/fluid/scripts/mount.sh"
        )]
    );
}

/// A Dataset that is bound without mounts is not one that is not bound.
#[test]
fn mounts_of_a_dataset_that_had_none_are_mounted() {
    let mut documents = support::KIT.pair(json!({"mounts": [mount("a")]}), json!({}));
    let change = |documents: &[Value]| {
        let ctx = support::KIT.context(documents).unwrap();
        let change = Alluxio::should_update_ufs(&ctx, &master()).unwrap();
        change.added.into_keys().collect::<Vec<String>>()
    };
    assert!(change(&documents).is_empty(), "it is not bound yet");
    documents[0]["status"] = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    assert_eq!(change(&documents), ["/a"]);
}

/// A mount without a name and a path is the root, which a running master keeps.
#[test]
fn another_root_waits_for_another_master() {
    let root = |source: &str| json!({"mountPoint": source});
    let table = |source: &str| {
        format!(
            "{source}               on  /  (s3, capacity=-1B, used=-1B, not read-only, not shared, properties={{}})"
        )
    };
    let ctx = live(&[root("s3://a/")], &[root("s3://b/"), mount("c")], false);
    let old = table("s3://a");
    let host = master().on_exec(move |_, _| ok(&old));
    let refused = converse(&host, |host| Alluxio::should_update_ufs(&ctx, host))
        .unwrap_err()
        .to_string();
    let expected = "Dataset.spec.mounts: the data source at `/` is `s3://b/`, and the running master has `s3://a`, \
        which it keeps: \
                    delete the pod demo-master-0, and a new one begins with yours";
    assert_eq!(refused, expected);
    let new = table("s3://b");
    let host = master().on_exec(move |_, _| ok(&new));
    let change = converse(&host, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap();
    assert_eq!(paths(&change), [vec!["/", "/c"], vec![], vec![]]);
    // One that comes to a Dataset without is the same, and one that stays costs nothing.
    let ctx = live(&[mount("c")], &[mount("c"), root("s3://b")], false);
    let host = master().on_exec(|_, _| ok(include_str!("reports/mounts.txt")));
    let refused = converse(&host, |host| Alluxio::should_update_ufs(&ctx, host))
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("the running master has `/underFSStorage`"),
        "{refused}"
    );
    let ctx = live(&[root("s3://b")], &[root("s3://b")], false);
    let host = master();
    assert_eq!(
        converse(&host, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap(),
        UfsChange::default()
    );
    assert!(host.calls().is_empty(), "{:?}", host.calls());
}

fn secret_mount(name: &str) -> Value {
    let key = json!({"secretKeyRef": {"name": "keys", "key": "secret"}});
    json!({"mountPoint": format!("s3://{name}"), "name": name, "encryptOptions": [{"name": "s3a.secretKey",
        "valueFrom": key}]})
}

#[test]
fn a_mount_whose_secret_changed_is_given_the_new_value() {
    let mounts = [mount("a"), secret_mount("b")];
    let ctx = live(&mounts, &mounts, false);
    let line = "/b s3://b --secret s3a.secretKey=/etc/fluid/secrets/keys/secret";
    let look = format!("exec {MASTER} env FLUID_MOUNTS={line} bash /etc/fluid/scripts/rotated.sh");
    for (printed, changed) in [("/b\n", vec!["/b"]), ("", vec![]), ("a complaint\n", vec![])] {
        let host = master().on_exec(move |_, _| ok(printed));
        let change = converse(&host, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap();
        assert_eq!(paths(&change), [vec![], vec![], changed]);
        assert_eq!(host.calls(), std::slice::from_ref(&look));
    }
    // Pods of an earlier chart do not have the script.
    let host = master().on_exec(|_, _| exit(127, "bash: rotated.sh: No such file or directory"));
    assert_eq!(
        converse(&host, |host| Alluxio::should_update_ufs(&ctx, host)).unwrap(),
        UfsChange::default()
    );
    // Without Secrets, nobody is asked.
    let host = master();
    converse(&host, |host| {
        Alluxio::should_update_ufs(&live(&mounts[..1], &mounts[..1], false), host)
    })
    .unwrap();
    assert!(host.calls().is_empty(), "{:?}", host.calls());
}

#[test]
fn by_commands_mounts_that_are_there_get_the_values_of_their_secrets() {
    let ctx = live(&[], &[mount("a"), secret_mount("b")], true);
    let read = Rc::new(RefCell::new(Vec::new()));
    let inputs = read.clone();
    let host = master()
        .with_secret("keys", "secret", b"new")
        .on_command(move |command| {
            inputs
                .borrow_mut()
                .extend(command.stdin.map(|input| String::from_utf8_lossy(input).into_owned()));
            match command.argv {
                ["alluxio", "fs", "mount"] => ok(include_str!("reports/mounts.txt")),
                _ => ok(""),
            }
        });
    converse(&host, |host| Alluxio::prepare_ufs(&ctx, host)).unwrap();
    assert_eq!(read.take(), ["fs\0updateMount\0--option\0s3a.secretKey=new\0/b\0"]);
    // The API server logs what a command is, and not what it reads.
    assert!(
        !host.calls().iter().any(|call| call.contains("new")),
        "{:?}",
        host.calls()
    );
    // Nothing can be an argument that has a NUL.
    let host = master().with_secret("keys", "secret", b"a\0b").on_exec(|_, _| ok(""));
    let error = converse(&host, |host| Alluxio::prepare_ufs(&ctx, host)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the key `secret` of the Secret keys has a NUL"),
        "{error}"
    );
}

/// What is cached of a mount goes with it: a retry that is about another mount must not make it
/// again.
#[test]
fn by_commands_a_mount_that_is_right_stays_when_another_one_is_tried_again() {
    let right = json!({"mountPoint": "s3://a", "name": "a", "readOnly": true});
    let (shown, wanted) = ([mount("a")], [right, mount("bad")]);
    let there = Rc::new(RefCell::new(vec!["/a".to_owned()]));
    let host = master().on_exec(move |_, argv| match argv {
        ["alluxio", "fs", "mount"] => {
            let line = |path: &String| format!("s3://x  on  {path}  (s3, capacity=-1B)\n");
            ok(&there.borrow().iter().map(line).collect::<String>())
        }
        ["alluxio", "fs", "mount", .., "/bad", _] => exit(255, "no such bucket"),
        ["alluxio", "fs", "mount", .., path, _] => {
            there.borrow_mut().push((*path).to_owned());
            ok("")
        }
        ["alluxio", "fs", "unmount", gone] => {
            there.borrow_mut().retain(|path| path != gone);
            ok("")
        }
        _ => ok(""),
    });
    let changes = |ctx: &Context<support::Spec>| {
        let change = Alluxio::should_update_ufs(ctx, &host).unwrap();
        host.calls.borrow_mut().clear();
        let done = converse(&host, |host| Alluxio::update_ufs(ctx, host, &change));
        let calls = host.calls();
        let calls = calls.iter().filter_map(|call| call.split_once(" alluxio fs "));
        (
            done.is_ok(),
            calls.map(|(_, call)| call.to_owned()).collect::<Vec<String>>(),
        )
    };
    let refused = "mount /bad s3://bad".to_owned();
    let again = "mount --readonly /a s3://a".to_owned();
    let ctx = live(&shown, &wanted, true);
    let all = ["mount".to_owned(), "unmount /a".to_owned(), again, refused.clone()];
    assert_eq!(changes(&ctx), (false, all.to_vec()));
    assert_eq!(changes(&ctx), (false, vec!["mount".to_owned(), refused]));
    // Given up, it is what it was.
    let back = ["mount", "unmount /a", "mount /a s3://a"].map(str::to_owned).to_vec();
    assert_eq!(changes(&live(&shown, &shown, true)), (true, back));
}

#[test]
fn by_commands_data_sources_that_hang_keep_no_other_away_and_come_last_the_next_time() {
    let names = ["a", "hang-1", "hang-2", "x", "y"];
    let ctx = live(&[], &names.map(mount), true);
    let host = master().on_exec(|_, argv| match argv {
        ["alluxio", "fs", "mount"] => ok(""),
        [.., path, _] if path.starts_with("/hang") => Err(HostError::Timeout),
        _ => ok(""),
    });
    let tried = || {
        host.calls.borrow_mut().clear();
        let error = converse(&host, |host| Alluxio::prepare_ufs(&ctx, host)).unwrap_err();
        let calls = host.calls();
        let calls = calls.iter().filter_map(|call| call.split_once(" mount /"));
        let paths: Vec<String> = calls
            .map(|(_, call)| call.split(' ').next().unwrap().to_owned())
            .collect();
        (paths, error.to_string())
    };
    let (paths, why) = tried();
    assert_eq!(paths, names[..3]);
    assert!(why.contains("mounting /hang-1: did not finish in time"), "{why}");
    assert!(why.contains("mounting /x: there was no time left"), "{why}");
    assert_eq!(tried().0, ["a", "x", "y", "hang-1", "hang-2"]);
}
