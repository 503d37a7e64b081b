//! Nothing that a user writes is read by a shell: the scripts of the masters' pods, run by bash with
//! a program in Alluxio's place, hand over exactly the words that were asked for. `hostile.rs` has
//! the texts that are known to be harmful, and these put them together with others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use support::KIT;
use support::scripts::{master_by, read_properties, update};
use wasser_testkit::scripts::{HOSTILE, accepted};

/// How many texts each test makes.
const CASES: u32 = 48;
const PROPERTIES: &str = "/opt/alluxio/conf/alluxio-site.properties";
const KEY: &str = "/etc/fluid/secrets/keys/key";

/// What a user may write somewhere: whatever shells and templates read, and other text, on one line.
fn text() -> impl Strategy<Value = String> {
    let on_a_line = |text: &&str| !text.contains(char::is_control);
    let all = HOSTILE.iter().chain(&["{{ .Release.Name }}"]).copied();
    let hostile: Vec<&'static str> = all.filter(on_a_line).collect();
    let pieces = prop_oneof![
        3 => prop::sample::select(hostile).prop_map(str::to_owned),
        1 => "[ -~]{1,6}",
        1 => "[^\\p{Cc}]{1,3}",
    ];
    prop::collection::vec(pieces, 1..4).prop_map(|pieces| pieces.concat())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn mounts_reach_alluxio_as_they_were_written() {
    let (runtime, helm, reached) = (runtime(), KIT.helm(), Cell::new(0));
    let test = |(folder, source, option, secret): (String, String, String, String)| {
        let path = format!("/p{}", folder.replace(['/', '.'], ""));
        let source = format!("s3://bucket/{source}/x");
        let key = json!({"secretKeyRef": {"name": "keys", "key": "key"}});
        let mount = json!({
            "mountPoint": source, "path": path, "options": {"own": option},
            "encryptOptions": [{"name": "secret", "valueFrom": key}],
        });
        let documents = KIT.pair(json!({"mounts": [mount]}), json!({}));
        let Some(values) = accepted(support::values(&documents), "AlluxioRuntime") else {
            return Ok(());
        };
        reached.set(reached.get() + 1);
        let table = ["fs", "mount"].map(str::to_owned).to_vec();
        let options = [format!("own={option}"), format!("secret={secret}")];
        let options = options.into_iter().flat_map(|option| ["--option".to_owned(), option]);
        let mounted: Vec<String> = table
            .iter()
            .cloned()
            .chain(options)
            .chain([path.clone(), source])
            .collect();
        let expected = vec![table, mounted];

        // By a command of the plugin, and from the file, as at the start of a master.
        let sandbox = runtime.block_on(master_by(&helm, &values));
        sandbox.file(KEY, &secret);
        prop_assert_eq!(update(&documents, sandbox, &[]), expected.clone());
        let sandbox = runtime.block_on(master_by(&helm, &values));
        sandbox.file(KEY, &secret);
        let ran = sandbox.run_file("/etc/fluid/scripts/mount.sh", &[]);
        prop_assert_eq!(ran.of("alluxio"), expected);

        sandbox.file(KEY, &format!("{secret} and more"));
        let lines = format!("FLUID_MOUNTS={}", sandbox.read("/etc/fluid/scripts/mount.info"));
        let ran = sandbox.exec(&["env", &lines, "bash", "/etc/fluid/scripts/rotated.sh"]);
        prop_assert_eq!(ran.stdout, format!("{path}\n"));
        Ok(())
    };
    TestRunner::new(Config::with_cases(CASES))
        .run(&(text(), text(), text(), text()), test)
        .unwrap();
    // Few are refused: several spaces in a row, and one at the end of a path's part.
    assert!(reached.get() >= CASES / 2, "{} of {CASES}", reached.get());
}

#[test]
fn secrets_of_the_root_are_properties_as_they_are_or_refused() {
    let key = json!({"secretKeyRef": {"name": "keys", "key": "key"}});
    let mount = json!({"mountPoint": "s3://bucket", "path": "/", "encryptOptions": [{"name": "fs.key",
        "valueFrom": key}]});
    let values = support::values(&KIT.pair(json!({"mounts": [mount]}), json!({}))).unwrap();
    let sandbox = runtime().block_on(master_by(&KIT.helm(), &values));
    let test = |secret: String| {
        let _ = std::fs::remove_file(sandbox.path(PROPERTIES));
        sandbox.file(KEY, &secret);
        let ran = sandbox.run_file("/etc/fluid/scripts/entrypoint.sh", &["master-only"]);
        let fits = secret.chars().all(|c| (' '..='~').contains(&c)) && !secret.contains("${");
        prop_assert_eq!(ran.code, i32::from(!fits), "{:?}", ran);
        let started = ran.of("entrypoint.sh");
        if fits {
            let properties = read_properties(&sandbox.read(PROPERTIES));
            prop_assert_eq!(properties.get("fs.key"), Some(&secret));
            prop_assert_eq!(started, [["master-only"]]);
        } else {
            prop_assert!(started.is_empty());
        }
        Ok(())
    };
    TestRunner::new(Config::with_cases(4 * CASES))
        .run(&text(), test)
        .unwrap();
}
