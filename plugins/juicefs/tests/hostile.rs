//! Text of users that a shell would interpret, in every script of the chart, its hooks and probes
//! among them, and in every shell that an image may have: it reaches JuiceFS as it is, or is
//! refused by field.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use support::KIT;
use wasser_testkit::Helm;
use wasser_testkit::scripts::{HOSTILE, Sandbox, Script, accepted};

/// What is of the container in the scripts' paths.
const ROOTS: &[&str] = &[
    "/usr/local/bin/",
    "/usr/bin/juicefs",
    "/bin/mount.juicefs",
    "/sbin/mount.juicefs",
    "/root/",
    "/runtime-mnt/",
    "/dev/termination-log",
];
/// JuiceFS' own, and what else is called.
const PROGRAMS: &[&str] = &[
    "/usr/local/bin/juicefs",
    "/usr/bin/juicefs",
    "/bin/mount.juicefs",
    "/sbin/mount.juicefs",
];
/// The variables with values of Secrets.
const VARIABLES: &[&str] = &["METAURL", "ACCESS_KEY", "SECRET_KEY", "TOKEN"];

/// Returns a community and an enterprise file system with this text wherever users write some, one
/// place at a time: what is refused in one place may be accepted in another.
fn manifests(text: &str) -> Vec<Vec<Value>> {
    let secret = |name: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": "s", "key": name}}});
    let enterprise = json!([secret("token"), secret("access-key"), secret("secret-key")]);
    let bucket = json!({"storage": "minio", "bucket": text});
    let pair = |mount: Value, runtime: Value| support::pair(mount, json!({"accessModes": ["ReadWriteMany"]}), runtime);
    vec![
        pair(json!({"options": bucket}), json!({})),
        pair(
            json!({"options": bucket, "mountPoint": format!("juicefs:///{text}")}),
            json!({}),
        ),
        pair(
            json!({"options": {"storage": "minio", "bucket": "b", "quota": "2Gi"},
                "mountPoint": format!("juicefs:///{text}")}),
            json!({}),
        ),
        pair(json!({"name": text, "options": bucket}), json!({})),
        pair(
            json!({"options": bucket}),
            json!({"configs": [format!("trash-days={text}"), format!("inodes {text}")]}),
        ),
        pair(
            json!({"options": bucket}),
            json!({"fuse": {"options": {"log": text}}, "worker": {"options": {"log": text}}}),
        ),
        pair(
            json!({"options": bucket}),
            json!({"tieredstore": {"levels": [{"mediumtype": "SSD", "path": format!("/cache/{text}"),
                "quota": "1Gi"}]}}),
        ),
        pair(
            json!({"options": {"bucket": text}, "encryptOptions": enterprise}),
            json!({}),
        ),
    ]
}

/// Runs all scripts of a release, each with a shell of its turn, with this text in every Secret;
/// the words that JuiceFS was given.
async fn words(helm: &Helm, values: &Value, text: &str, turn: usize) -> BTreeSet<String> {
    let rendered = helm.render(values).await.unwrap();
    let scripts = Script::all(&rendered);
    assert!(scripts.len() >= 4, "two pods, and a hook of each: {scripts:?}");
    let mut words = BTreeSet::new();
    let mut sandbox = Sandbox::new(ROOTS);
    PROGRAMS.iter().for_each(|path| sandbox.program_at(path, ""));
    ["umount", "flock"].iter().for_each(|name| sandbox.program(name, ""));
    VARIABLES.iter().for_each(|name| sandbox.set(name, text));
    sandbox.file("/runtime-mnt/juicefs/default/demo/juicefs-fuse/.keep", "");
    for script in &scripts {
        let shell = &script.shells[turn % script.shells.len()];
        let ran = sandbox.run(script, shell, &[]);
        words.extend(ran.calls.into_iter().flat_map(|call| call.into_iter().skip(1)));
    }
    words
}

#[tokio::test]
async fn what_users_write_reaches_juicefs_as_it_is() {
    let helm = KIT.helm();
    let (mut reached, mut asked) = (0, 0);
    for (at, text) in HOSTILE.iter().enumerate() {
        for documents in manifests(text) {
            asked += 1;
            let Some(values) = accepted(support::values(&documents), "JuiceFSRuntime") else {
                continue;
            };
            let words = words(&helm, &values, text, at + asked).await;
            let secret = |word: &String| word == text || word.ends_with(&format!("={text}"));
            assert!(words.iter().any(secret), "{documents:?}: {words:?}");
            reached += 1;
        }
    }
    assert!(reached * 3 > asked, "{reached} of {asked} were accepted");
}
