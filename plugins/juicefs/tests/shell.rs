//! Nothing that a user writes is read by a shell: the scripts of the chart, run by `sh` with
//! stand-ins for JuiceFS' commands, hand over exactly the words that were asked for (CVE-2023-51699
//! was about the opposite).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// What limits how long a command may run.
const LIMIT: &str = "timeout -s KILL 120 ";

/// What a user may write somewhere: whatever shells and templates read, and other text.
fn text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        Just("$(touch owned)".to_string()),
        Just("`touch owned`".to_string()),
        Just("; touch owned;".to_string()),
        Just("' && touch owned && '".to_string()),
        Just("\" | touch owned #".to_string()),
        Just("${HOME}".to_string()),
        Just("{{ .Release.Name }}".to_string()),
        Just("\\".to_string()),
        Just("EOF".to_string()),
        "[ -~&&[^,]]{1,6}",
        "[^\\p{Cc},\u{feff}\u{2028}\u{2029}]{1,3}",
    ];
    prop::collection::vec(pieces, 1..4).prop_map(|pieces| pieces.concat())
}

/// Runs a script whose commands are replaced by one that notes its words in the file `argv`.
/// Returns the words of each command.
fn run(script: &str, directory: &Path, environment: &[(&str, &str)]) -> Vec<Vec<String>> {
    let stub = directory.join("stub");
    let noted = directory.join("argv");
    std::fs::write(
        &stub,
        format!(
            "#!/bin/sh\nprintf '%s\\0' \"$@\" >> {0}\nprintf '\\001\\0' >> {0}\n",
            noted.display()
        ),
    )
    .unwrap();
    std::fs::write(&noted, "").unwrap();
    let mut lines = script.to_string();
    for command in [
        "/usr/local/bin/juicefs",
        "/usr/bin/juicefs",
        "exec /bin/mount.juicefs",
        "exec /sbin/mount.juicefs",
    ] {
        let words = |line: &str| line.trim_start().trim_start_matches(LIMIT).to_owned();
        let stand_in = |line: &str| match words(line).strip_prefix(command) {
            Some(rest) => format!("sh {}{rest}", stub.display()),
            None if line.starts_with("exec 9< ") => "exec 9< .".to_string(),
            None => line.to_string(),
        };
        lines = lines.split('\n').map(stand_in).collect::<Vec<_>>().join("\n");
    }
    let file = directory.join("script.sh");
    std::fs::write(&file, lines).unwrap();
    let status = |arguments: &[&str]| {
        let mut command = Command::new("sh");
        command
            .args(arguments)
            .arg(&file)
            .current_dir(directory)
            .envs(environment.iter().copied());
        command.output().unwrap()
    };
    let checked = status(&["-n"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let output = status(&[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!directory.join("owned").exists(), "the shell ran what a user wrote");
    let noted = String::from_utf8(std::fs::read(&noted).unwrap()).unwrap();
    let words = |command: &str| command.split_terminator('\0').map(str::to_string).collect();
    noted.split_terminator("\u{1}\0").map(words).collect()
}

/// Returns the scripts of workers and fuse pods.
fn scripts(runtime: &tokio::runtime::Runtime, helm: &wasser_testkit::Helm, documents: &[Value]) -> [String; 2] {
    let values = support::values(documents).unwrap();
    let rendered = runtime.block_on(helm.render(&values)).unwrap();
    ["worker", "fuse"].map(|role| {
        let name = format!("demo-{role}-script");
        let map = rendered
            .objects
            .iter()
            .find(|object| object.metadata.name.as_ref() == Some(&name))
            .unwrap();
        map.data["data"]["script.sh"].as_str().unwrap().to_string()
    })
}

#[test]
fn the_words_of_users_arrive_as_they_were_written() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let helm = support::KIT.helm();
    let directory = tempfile::tempdir().unwrap();
    let strategy = (text(), text(), text(), text(), "[a-z]{1,5}");
    let test = |(bucket, folder, log, secret, config): (String, String, String, String, String)| {
        let folder = folder.replace(['/', '.'], "");
        prop_assume!(!folder.is_empty());
        let mount = json!({
            "mountPoint": format!("juicefs:///{folder}"),
            "options": {"bucket": bucket, "storage": "minio", "quota": "2Gi", "compress": log},
        });
        let configs = json!([format!("ranger-service={bucket}"), format!("inodes {config}")]);
        let documents = support::pair(
            mount,
            json!({"accessModes": ["ReadWriteMany"]}),
            json!({
                "configs": configs,
                "worker": {"networkMode": "ContainerNetwork", "options": {"log": log}},
                "fuse": {"networkMode": "ContainerNetwork", "options": {"log": log}},
            }),
        );
        let words = |words: &[&str]| words.iter().map(|word| word.to_string()).collect::<Vec<_>>();
        let ranger = format!("--ranger-service={}", bucket.trim_end());
        let (of_bucket, compress) = (format!("--bucket={bucket}"), format!("--compress={log}"));
        let format = words(&[
            "format",
            &ranger,
            "--inodes",
            &config,
            "--storage=minio",
            &of_bucket,
            &compress,
            &secret,
            "files",
        ]);
        let quota = words(&[
            "quota",
            "set",
            &secret,
            "--path",
            &format!("/{folder}"),
            "--capacity",
            "2",
        ]);
        let options = format!("cache-dir=/var/jfsCache,log={log},metrics=0.0.0.0:9567,subdir=/{folder}");
        let mount = words(&[
            &secret,
            "/runtime-mnt/juicefs/default/demo/juicefs-fuse",
            "-o",
            &options,
        ]);

        let [worker, fuse] = scripts(&runtime, &helm, &documents);
        let environment = [("METAURL", secret.as_str())];
        prop_assert_eq!(
            run(&worker, directory.path(), &environment),
            vec![format.clone(), mount.clone()]
        );
        prop_assert_eq!(run(&fuse, directory.path(), &environment), vec![format, quota, mount]);
        Ok(())
    };
    TestRunner::new(Config::with_cases(48)).run(&strategy, test).unwrap();
}

#[test]
fn the_enterprise_editions_secrets_are_single_words() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let helm = support::KIT.helm();
    let secret = |name: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": name}}});
    let mount = json!({
        "name": "My.Files_2",
        "options": {"bucket": "http://b/$(touch owned)"},
        "encryptOptions": [secret("token"), secret("access-key"), secret("secret-key"), secret("access-key2")],
    });
    let documents = support::pair(mount, json!({"accessModes": ["ReadWriteMany"]}), json!({}));
    let environment = [
        ("TOKEN", "a b"),
        ("ACCESS_KEY", "$(touch owned)"),
        ("SECRET_KEY", "*"),
        ("access_key2", "'\""),
    ];
    let directory = tempfile::tempdir().unwrap();
    let auth = [
        "auth",
        "--token=a b",
        "--accesskey=$(touch owned)",
        "--secretkey=*",
        "--bucket=http://b/$(touch owned)",
        "--access-key2='\"",
        "My.Files_2",
    ];
    for script in scripts(&runtime, &helm, &documents) {
        let commands = run(&script, directory.path(), &environment);
        assert_eq!(commands[0], auth);
        assert_eq!(
            commands[1][..3],
            ["My.Files_2", "/runtime-mnt/juicefs/default/demo/juicefs-fuse", "-o"]
        );
    }
}
