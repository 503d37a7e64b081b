//! Text of users that a shell would interpret: it reaches Alluxio as it is, or is refused by field.
//! There is nothing in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};
use support::KIT;
use support::scripts::{master_by, read_properties, update};
use wasser_alluxio::Alluxio;
use wasser_sdk::Implement;
use wasser_sdk::testing::{FakeHost, converse, exit};
use wasser_testkit::scripts::{HOSTILE, Sandbox, Script, accepted};

/// Returns a program in Alluxio's place that has these paths mounted.
fn table(paths: &[&str]) -> String {
    let line = |path: &&str| {
        format!("s3://x  on  {path}  (s3, capacity=-1B, used=-1B, not read-only, not shared, properties={{}})\n")
    };
    let lines: String = paths.iter().map(line).collect();
    format!("[ $# -ne 2 ] || cat <<'END'\n{lines}END")
}

#[tokio::test]
async fn paths_sources_and_options_reach_alluxio_as_they_are() {
    let helm = KIT.helm();
    let mut reached = 0;
    for text in HOSTILE {
        let key = json!({"secretKeyRef": {"name": "keys", "key": "key"}});
        let mount = json!({
            "mountPoint": format!("s3://bucket/{text}/x"), "path": format!("/p{text}"), "options": {"own": text},
            "encryptOptions": [{"name": "secret", "valueFrom": key}]
        });
        let documents = KIT.pair(json!({"sharedOptions": {"shared": text}, "mounts": [mount]}), json!({}));
        let Some(values) = accepted(support::values(&documents), "AlluxioRuntime") else {
            continue;
        };
        reached += 1;
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
        let path = format!(
            "/p{}",
            if text.starts_with('/') {
                format!("/{}", parts.join("/"))
            } else {
                parts.join("/")
            }
        );
        let source = format!("s3://bucket/{text}/x");
        let words = |value: &str| {
            ["own", "shared", "secret"]
                .map(|name| (name, if name == "secret" { value } else { text }))
                .iter()
                .flat_map(|(name, value)| ["--option".to_owned(), format!("{name}={value}")])
                .collect::<Vec<String>>()
        };
        let call = |verb: &str, arguments: &[&[String]]| {
            [&["fs".to_owned(), verb.to_owned()][..], &arguments.concat()].concat()
        };

        let sandbox = master_by(&helm, &values).await;
        sandbox.file("/etc/fluid/secrets/keys/key", text);
        let value = text.trim_end_matches('\n');
        let mounted = call("mount", &[&words(value), &[path.clone(), source.clone()]]);
        assert_eq!(
            update(&documents, sandbox, &[]),
            [vec!["fs".to_owned(), "mount".into()], mounted.clone()]
        );

        // One that is there and changed is unmounted first; one that nobody wants goes.
        let sandbox = master_by(&helm, &values).await;
        sandbox.file("/etc/fluid/secrets/keys/key", text);
        sandbox.program("alluxio", &table(&["/", &path, "/old"]));
        let calls = update(&documents, sandbox, std::slice::from_ref(&path));
        let gone = [path.as_str(), "/old"].map(|path| call("unmount", &[&[path.to_owned()]]));
        assert_eq!(calls.len(), 4, "{calls:?}");
        assert!(gone.iter().all(|call| calls.contains(call)), "{calls:?}");
        assert_eq!(calls[3], mounted);

        // From the file, as at the start of a master, whose Secret has changed since.
        let sandbox = master_by(&helm, &values).await;
        sandbox.program("alluxio", &table(&["/", &path]));
        sandbox.file("/etc/fluid/secrets/keys/key", text);
        let ran = sandbox.run_file("/etc/fluid/scripts/mount.sh", &[]);
        assert_eq!(
            ran.of("alluxio")[1..],
            [call("updateMount", &[&words(value), std::slice::from_ref(&path)])]
        );
        sandbox.file("/etc/fluid/secrets/keys/key", "another");
        let lines = format!("FLUID_MOUNTS={}", sandbox.read("/etc/fluid/scripts/mount.info"));
        let ran = sandbox.exec(&["env", &lines, "bash", "/etc/fluid/scripts/rotated.sh"]);
        assert_eq!(ran.stdout, format!("{path}\n"));
    }
    // Those that are refused have control characters, several spaces in a row, or a space at the
    // end of a path's part.
    assert_eq!(reached, HOSTILE.len() - 6);
}

/// Secrets reach Alluxio by commands as they are, and are not among the arguments of these.
#[tokio::test]
async fn secrets_of_commands_reach_alluxio_as_they_are() {
    let key = json!({"secretKeyRef": {"name": "keys", "key": "key"}});
    let mount = json!({"mountPoint": "s3://bucket", "name": "b", "encryptOptions": [{"name": "secret",
        "valueFrom": key}]});
    let mut documents = KIT.pair(json!({"mounts": [mount]}), json!({}));
    documents.push(json!({"kind": "Settings", "data": {"mount-config-storage": "secret"}}));
    for text in HOSTILE.iter().chain(&["", "plain", "\n\nlast\n\n"]) {
        let (sandbox, calls) = (Sandbox::new(&[]), Rc::new(RefCell::new(Vec::new())));
        sandbox.program("alluxio", "");
        let all = calls.clone();
        let host = FakeHost::new()
            .pod("master", "demo-master-0", true)
            .with_secret("keys", "key", text.as_bytes())
            .on_command(move |command| {
                let ran = sandbox.exec_with(command.argv, command.stdin.unwrap_or_default());
                all.borrow_mut().extend(ran.of("alluxio"));
                exit(ran.code, &ran.stderr)
            });
        let ctx = KIT.context(&documents).unwrap();
        converse(&host, |host| Alluxio::prepare_ufs(&ctx, host)).unwrap();
        let option = format!("secret={text}");
        let mounted = ["fs", "mount", "--option", &option, "/b", "s3://bucket"].map(str::to_owned);
        assert_eq!(
            calls.take(),
            [["fs", "mount"].map(str::to_owned).to_vec(), mounted.to_vec()]
        );
        assert!(!host.calls().iter().any(|call| call.contains(&option)));
    }
}

#[tokio::test]
async fn secrets_of_the_root_are_properties_as_they_are_or_named_without_their_value() {
    let key = |key: &str| json!({"secretKeyRef": {"name": "keys", "key": key}});
    let options = json!([{"name": "a.b:c/d%e", "valueFrom": key("one")}, {"name": "fs.key", "valueFrom": key(".two")}]);
    let mount = json!({"mountPoint": "s3://bucket", "path": "/", "encryptOptions": options});
    let values = support::values(&KIT.pair(json!({"mounts": [mount]}), json!({}))).unwrap();
    let sandbox = master_by(&KIT.helm(), &values).await;
    let mut reached = 0;
    for text in HOSTILE.iter().chain(&["", "plain", "x\\ty", "\n\nlast\n\n"]) {
        let _ = std::fs::remove_file(sandbox.path("/opt/alluxio/conf/alluxio-site.properties"));
        sandbox.file("/dev/termination-log", "");
        sandbox.file("/etc/fluid/secrets/keys/one", text);
        sandbox.file("/etc/fluid/secrets/keys/.two", "second");
        let ran = sandbox.run_file("/etc/fluid/scripts/entrypoint.sh", &["master-only", "--no-format"]);
        if ran.code == 0 {
            reached += 1;
            let properties = read_properties(&sandbox.read("/opt/alluxio/conf/alluxio-site.properties"));
            let expected = [("a.b:c/d%e", text.trim_end_matches('\n')), ("fs.key", "second")];
            assert_eq!(
                properties,
                expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
            );
            assert_eq!(ran.of("entrypoint.sh"), [["master-only", "--no-format"]]);
        } else {
            assert!(ran.of("entrypoint.sh").is_empty(), "{ran:?}");
            let reported = sandbox.read("/dev/termination-log");
            assert!(
                reported.starts_with("the key one of the Secret keys, for the property a.b:c/d%e, has "),
                "{reported}"
            );
            assert!(!reported.contains(text) && ran.stderr.contains(&reported), "{reported}");
        }
    }
    // Refused are line ends, tabs, letters of other scripts, and what Alluxio itself would replace.
    assert_eq!(reached, HOSTILE.len() + 4 - 10);

    // Nothing is shown of a key that is not there either.
    std::fs::remove_file(sandbox.path("/etc/fluid/secrets/keys/.two")).unwrap();
    sandbox.file("/etc/fluid/secrets/keys/one", "plain");
    let ran = sandbox.run_file("/etc/fluid/scripts/entrypoint.sh", &["master-only"]);
    assert!(
        ran.code == 1 && ran.stderr.starts_with("the Secret keys has no key .two, "),
        "{ran:?}"
    );
}

/// Returns where users write what becomes a property or an option of a Java machine.
fn with_settings(text: &str) -> Vec<(&'static str, Vec<Value>)> {
    let mount = json!({"mountPoint": "s3://bucket", "name": "bucket"});
    let dataset = json!({"mounts": [mount]});
    let root = |mount: Value| {
        json!({"mounts": [wasser_testkit::merge(json!({"mountPoint": "s3://bucket",
        "path": "/"}), mount)]})
    };
    let level =
        |path: String| json!({"tieredstore": {"levels": [{"mediumtype": "MEM", "path": path, "quota": "1Gi"}]}});
    let user = json!({"uid": 1, "gid": 1, "user": text, "group": text});
    let restore = |path: String| json!({"mounts": [mount], "dataRestoreLocation": {"path": path, "nodeName": "n"}});
    vec![
        (
            "property",
            KIT.pair(dataset.clone(), json!({"properties": {"a.b": text}})),
        ),
        (
            "property's name",
            KIT.pair(dataset.clone(), json!({"properties": {text: "x"}})),
        ),
        (
            "master's property",
            KIT.pair(dataset.clone(), json!({"master": {"properties": {"a.b": text}}})),
        ),
        (
            "client's option",
            KIT.pair(dataset.clone(), json!({"fuse": {"jvmOptions": [text]}})),
        ),
        (
            "option of all",
            KIT.pair(dataset.clone(), json!({"jvmOptions": [text]})),
        ),
        (
            "root",
            KIT.pair(root(json!({"mountPoint": format!("s3://bucket/{text}")})), json!({})),
        ),
        (
            "root's option",
            KIT.pair(root(json!({"options": {"a.b": text}})), json!({})),
        ),
        (
            "name of the root's option",
            KIT.pair(root(json!({"options": {text: "x"}})), json!({})),
        ),
        ("cache", KIT.pair(dataset.clone(), level(format!("/dev/shm/{text}")))),
        ("user", KIT.pair(dataset.clone(), json!({"runAs": user}))),
        ("backup", KIT.pair(restore(format!("pvc://claim/{text}")), json!({}))),
        (
            "backup of a node",
            KIT.pair(restore(format!("local:///dir/{text}")), json!({})),
        ),
    ]
}

#[tokio::test]
async fn settings_are_words_for_the_start_script_of_the_image() {
    let helm = KIT.helm();
    let mut reached: BTreeMap<&str, usize> = BTreeMap::new();
    for text in HOSTILE.iter().chain(&["plain", "/plain/path", "a+b@c"]) {
        for (place, documents) in with_settings(text) {
            let Some(values) = accepted(support::values(&documents), "AlluxioRuntime") else {
                continue;
            };
            *reached.entry(place).or_default() += 1;
            let rendered = helm.render(&values).await.unwrap();
            let config = rendered
                .objects
                .iter()
                .find(|object| object.metadata.name.as_deref() == Some("demo-config"))
                .unwrap();
            // As the image writes it: a line of a file for each, in double quotes, which names of
            // hosts need.
            let mut start =
                "#!/bin/bash\nexport ALLUXIO_CLIENT_HOSTNAME=h ALLUXIO_WORKER_HOSTNAME=h ALLUXIO_MASTER_HOSTNAME=h\n"
                    .to_owned();
            let mut words = Vec::new();
            for (name, value) in config.data["data"].as_object().unwrap() {
                let value = value.as_str().unwrap();
                start += &format!("export {name}=\"{value}\"\njava ${name}\n");
                let hosts = value
                    .replace("${ALLUXIO_CLIENT_HOSTNAME}", "h")
                    .replace("${ALLUXIO_WORKER_HOSTNAME}", "h");
                let hosts = hosts.replace("${ALLUXIO_MASTER_HOSTNAME}", "h");
                words.push(hosts.split_whitespace().map(str::to_owned).collect::<Vec<String>>());
            }
            let sandbox = Sandbox::new(&[]);
            sandbox.program("java", "");
            let ran = sandbox.run(&Script::of(format!("{place} {text}"), start), &["bash"], &[]);
            assert_eq!(ran.of("java"), words, "{place} {text}");
            // And the image that makes users takes names and paths apart.
            for value in ["/initUsers/envUsers", "/initUsers/envTieredPaths"] {
                let value = values.pointer(value).and_then(Value::as_str).unwrap_or_default();
                let plain = |c: char| c.is_ascii_alphanumeric() || "_.-/:,@+".contains(c);
                assert!(value.chars().all(plain), "{place}: {value}");
            }
        }
    }
    let places = with_settings("x").len();
    assert_eq!(reached.len(), places, "{reached:?}");
    assert!(reached["property"] >= 20 && reached["root"] >= 20, "{reached:?}");
}

#[tokio::test]
async fn every_script_of_the_chart_is_run_by_these_tests() {
    let (helm, mut found) = (KIT.helm(), BTreeMap::new());
    for (_, documents) in KIT.cases() {
        let rendered = helm.render(&support::values(&documents).unwrap()).await.unwrap();
        for script in Script::all(&rendered) {
            let mut parts = script.place.rsplit(['.', ' ']);
            let place = parts.find(|part| *part != "script").unwrap().to_owned();
            found.entry(place).or_insert(script.shells);
        }
    }
    let expected = ["command", "entrypoint", "mount", "ready", "rotated"];
    assert_eq!(found.into_keys().collect::<Vec<String>>(), expected);
}
