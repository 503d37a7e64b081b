//! The scripts of `docs/profiles`, run by the shells that images have, on text that a shell would
//! interpret: it reaches the clients as it is, or the scripts refuse it. Nothing that a Dataset
//! says is run in a client's pod.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::path::Path;

use rstest::rstest;
use serde_json::json;
use wasser_testkit::scripts::{HOSTILE, Ran, Sandbox, Script};

/// Returns a script of a profile.
fn script(path: &str) -> Script {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/profiles")
        .join(path);
    Script::of(path, std::fs::read_to_string(file).unwrap())
}

/// Returns an option as a client that splits lists at commas reads it.
fn unescaped(text: &str) -> String {
    let mut characters = text.chars();
    let mut read = String::new();
    while let Some(c) = characters.next() {
        assert_ne!(c, ',', "{text} is several options");
        read.push(if c == '\\' { characters.next().unwrap() } else { c });
    }
    read
}

/// Returns the options of a client's only call.
fn options(ran: &Ran, client: &str) -> Vec<String> {
    let calls = ran.of(client);
    let [call] = calls.as_slice() else { panic!("{ran:?}") };
    let values = call.iter().zip(call.iter().skip(1)).filter(|(flag, _)| *flag == "-o");
    values.map(|(_, value)| value.clone()).collect()
}

#[test]
fn sources_and_options_reach_s3fs_as_they_are() {
    let script = script("s3fs/mount-source");
    let sandbox = Sandbox::new(&[]);
    sandbox.program("s3fs", "");
    for (at, text) in HOSTILE.iter().enumerate() {
        let shell = &script.shells[at % script.shells.len()];
        let (source, option) = (format!("s3://bucket/{text}"), format!("name={text}"));
        let ran = sandbox.run(&script, shell, &[&source, "/mnt/a b", &option, text]);
        // A list has no line ends: those at the end are lost.
        let expected = [
            option.trim_end_matches('\n'),
            text.trim_end_matches('\n'),
            "public_bucket=1",
        ];
        assert_eq!(
            options(&ran, "s3fs")
                .iter()
                .map(|text| unescaped(text))
                .collect::<Vec<_>>(),
            expected
        );
        assert_eq!(
            ran.of("s3fs")[0][..3],
            [format!("bucket:/{text}"), "/mnt/a b".into(), "-f".into()]
        );
    }
}

#[rstest]
#[case::bucket("s3fs/mount-source", &["s3://-ouse_cache=/x/y", "/mnt"], "-ouse_cache=")]
#[case::no_bucket("s3fs/mount-source", &["s3:///x", "/mnt"], "not the name of a bucket")]
#[case::library("s3fs/mount-source", &["s3://b", "/mnt", "credlib=/data/evil.so"], "credlib is not supported")]
#[case::server("sshfs/mount-source", &["sftp://-oProxyCommand=owned/x", "/mnt"], "not the name of a server")]
#[case::program("sshfs/mount-source", &["sftp://h/x", "/mnt", "ProxyCommand=owned"], "ProxyCommand is not supported")]
#[case::cases("sshfs/mount-source", &["sftp://h/x", "/mnt", "proxyCOMMAND=owned"], "proxyCOMMAND is not supported")]
#[case::space("sshfs/mount-source", &["sftp://h/x", "/mnt", "ProxyCommand owned"], "not an option")]
#[case::quoted("sshfs/mount-source", &["sftp://h/x", "/mnt", "\"ProxyCommand\"=owned"], "not an option")]
#[case::another_ssh("sshfs/mount-source", &["sftp://h/x", "/mnt", "ssh_command=owned"], "ssh_command is not supported")]
#[case::no_key("sshfs/mount-source", &["sftp://h/x", "/mnt"], "private-key and host-key")]
fn what_would_run_something_is_refused(#[case] path: &str, #[case] arguments: &[&str], #[case] why: &str) {
    let script = script(path);
    for shell in &script.shells {
        let sandbox = Sandbox::new(&[]);
        ["s3fs", "sshfs"].iter().for_each(|client| sandbox.program(client, ""));
        let ran = sandbox.run(&script, shell, arguments);
        assert!(
            ran.code == 2 && ran.calls.is_empty() && ran.stderr.contains(why),
            "{ran:?}"
        );
    }
}

#[test]
fn sources_and_options_reach_sshfs_as_they_are() {
    let script = script("sshfs/mount-source");
    let sandbox = Sandbox::new(&[]);
    sandbox.program("sshfs", "");
    sandbox.file("key", "secret");
    let key = format!("private-key={}", sandbox.path("key").display());
    for (at, text) in HOSTILE.iter().enumerate() {
        let shell = &script.shells[at % script.shells.len()];
        let (source, option) = (format!("sftp://me@host:2222/{text}"), format!("Compression={text}"));
        let host_key = format!("host-key={text}");
        let ran = sandbox.run(&script, shell, &[&source, "/mnt/a b", &key, &option, &host_key]);
        let given = options(&ran, "sshfs");
        assert_eq!(unescaped(given.last().unwrap()), option.trim_end_matches('\n'));
        let call = &ran.of("sshfs")[0];
        assert_eq!(call[..5], [&format!("me@host:/{text}"), "/mnt/a b", "-f", "-p", "2222"]);
        let (_, known) = given[0].split_once("UserKnownHostsFile=").unwrap();
        assert_eq!(std::fs::read_to_string(known).unwrap(), format!("server {text}\n"));
    }
}

/// Returns the arguments that keep-mounted passes to the program that mounts, in one round for each
/// of these configurations.
fn kept(configurations: &[serde_json::Value], shell: &[&str]) -> Vec<Vec<String>> {
    let mut script = script("keep-mounted");
    // Some shells have a built-in `sleep`, which no program in PATH replaces.
    let waiting = r#"sleep "$pause""#;
    assert!(script.text.contains(waiting), "the script pauses in another way");
    script.text = script.text.replace(waiting, r#"end-of-round "$pause""#);
    // Nor is the time of the test for waiting.
    script.text = script.text.replace("sleep 1\n", "sleep 0.02\n");
    let mut sandbox = Sandbox::new(&["/etc/fluid/"]);
    let (target, rounds) = (sandbox.path("target"), sandbox.path("rounds"));
    std::fs::create_dir_all(&rounds).unwrap();
    let mut started = 0;
    for (at, configuration) in configurations.iter().enumerate() {
        let mut configuration = configuration.clone();
        configuration["targetPath"] = target.display().to_string().into();
        started += configuration["mounts"].as_array().unwrap().len();
        sandbox.file(&format!("rounds/{at}.json"), &configuration.to_string());
        sandbox.file(&format!("rounds/{at}.count"), &started.to_string());
    }
    sandbox.file("config.json", &sandbox.read("rounds/0.json"));
    sandbox.set("CONFIG", sandbox.path("config.json").display().to_string());
    sandbox.set("PAUSE", "7");
    sandbox.set("ROUNDS", rounds.display().to_string());
    sandbox.program("umount", "");
    // Stays, as a mount does.
    sandbox.program("mount-source", "echo >> \"$ROUNDS/started\"; exec /bin/sleep 1000");
    // A pause is a round that ends: once all have started that this round has, the next
    // configuration comes, or the end.
    let pause = r#"[ "$1" = 7 ] || exit 0
at=$(cat "$ROUNDS/at" 2>/dev/null || echo 0)
while [ "$(cat "$ROUNDS/started" 2>/dev/null | wc -l)" -lt "$(cat "$ROUNDS/$at.count")" ]; do /bin/sleep 0.01; done
at=$((at + 1))
echo "$at" > "$ROUNDS/at"
if [ -e "$ROUNDS/$at.json" ]; then cp "$ROUNDS/$at.json" "$CONFIG"; else kill -TERM "$PPID"; fi"#;
    sandbox.program("end-of-round", pause);
    let ran = sandbox.run(&script, shell, &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.of("mount-source")
}

#[test]
fn keep_mounted_hands_over_what_the_configuration_says() {
    if !std::process::Command::new("jq")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
    {
        // The end-to-end tests install it, and `cargo xtask test` before it runs this.
        return;
    }
    let shells = script("keep-mounted").shells;
    for (at, text) in HOSTILE.iter().enumerate() {
        let words = |tail: &str| {
            let plain = text.replace('\n', " ");
            let place = format!("/p{plain}{tail}");
            (place, format!("s3://b/{plain}"), format!("o={plain}"), plain)
        };
        let mount = |tail: &str| {
            json!({"mountPoint": format!("s3://b/{text}"), "path": format!("/p{text}{tail}"),
            "options": {"o": text, *text: ""}})
        };
        let first = json!({"accessModes": ["ReadWriteMany"], "mounts": [mount(""), mount("/x")]});
        let mut changed = mount("");
        changed["readOnly"] = true.into();
        let second = json!({"accessModes": ["ReadWriteMany"], "mounts": [changed]});
        let calls = kept(&[first, second], &shells[at % shells.len()]);
        let options = |tail: &str, more: &[&str]| {
            let (place, source, option, flag) = words(tail);
            let mut options = vec![option, flag];
            options.sort();
            let mut all = vec![source, place];
            all.extend(options);
            all.extend(more.iter().map(|text| (*text).to_owned()));
            all
        };
        let mut seen: Vec<Vec<String>> = Vec::new();
        for mut call in calls {
            let (_, place) = call[1].split_once("/container/target").unwrap();
            call[1] = place.to_owned();
            let flags = call.iter().rposition(|word| word == "ro").map_or(call.len(), |at| at);
            call[2..flags].sort();
            seen.push(call);
        }
        let mut expected = vec![options("", &[]), options("/x", &[]), options("", &["ro"])];
        seen.sort();
        expected.sort();
        assert_eq!(seen, expected);
    }
}
