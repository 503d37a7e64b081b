//! What plugins rely on: contexts, options of Datasets, and the words of errors.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use wasser_sdk::testing::{FakeHost, context, converse, exit, ok, raw_context, role};
use wasser_sdk::{Captured, Context, DatasetSpec, Ending, Error, Host, HostError, Output, Response, Severity};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Spec {
    size: u32,
}

fn objects(runtime: Value, dataset: Value) -> (Value, Value) {
    let object =
        |kind, spec| json!({"kind": kind, "metadata": {"namespace": "team", "name": "demo", "uid": "u"}, "spec": spec});
    (object("DemoRuntime", runtime), object("Dataset", dataset))
}

#[test]
fn a_context_has_what_the_host_knows() {
    let (runtime, dataset) = objects(json!({"size": 3, "other": true}), json!({"placement": "Shared"}));
    let mut raw = raw_context(&runtime, Some(&dataset), "juicefs-fuse");
    raw.settings = vec![("on".into(), "true".into()), ("off".into(), "yes".into())];
    raw.installed = Some(r#"{"image": "x"}"#.into());
    raw.roles = vec![role("worker", 3, 2)];
    raw.now_ms = 7;
    let ctx = Context::<Spec>::parse(raw).unwrap();
    assert_eq!(
        (ctx.namespace.as_str(), ctx.name.as_str(), ctx.dataset_id.as_str()),
        ("team", "demo", "team-demo")
    );
    assert_eq!(ctx.mount_path, "/runtime-mnt/juicefs/team/demo/juicefs-fuse");
    assert_eq!(ctx.fuse_label, "fluid.io/f-team-demo");
    assert_eq!((ctx.runtime.spec.size, ctx.runtime.metadata.uid.as_str()), (3, "u"));
    assert_eq!(ctx.dataset().unwrap().placement(), "Shared");
    assert_eq!(
        (ctx.is_set("on"), ctx.is_set("off"), ctx.is_set("none")),
        (true, false, false)
    );
    assert_eq!((ctx.ready("worker"), ctx.ready("master")), (2, 0));
    assert_eq!(ctx.now_ms, 7);
    assert_eq!(ctx.installed.unwrap()["image"], "x");
}

#[test]
fn a_runtime_without_a_spec_is_one_with_an_empty_spec() {
    let (mut runtime, dataset) = objects(json!({}), json!({}));
    runtime.as_object_mut().unwrap().remove("spec");
    let ctx = Context::<Spec>::parse(raw_context(&runtime, Some(&dataset), "x")).unwrap();
    assert_eq!((ctx.runtime.spec.size, ctx.runtime.metadata.uid.as_str()), (0, "u"));
    runtime["spec"] = Value::Null;
    Context::<Spec>::parse(raw_context(&runtime, Some(&dataset), "x")).unwrap_err();
}

#[test]
fn what_does_not_parse_is_the_users_or_the_hosts() {
    let (runtime, dataset) = objects(json!({"size": "three"}), json!({}));
    let refused = Context::<Spec>::parse(raw_context(&runtime, Some(&dataset), "x")).unwrap_err();
    let expected = "DemoRuntime.spec.size: invalid type: string \"three\", expected u32; correct the field";
    assert_eq!(refused.to_string(), expected);
    let (runtime, mut dataset) = objects(json!({}), json!({}));
    dataset["spec"]["mounts"] = json!([{"mountPoint": "a://b", "readOnly": "yes"}]);
    let refused = Context::<Spec>::parse(raw_context(&runtime, Some(&dataset), "x"))
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("Dataset.spec.mounts[0].readOnly: invalid type: string \"yes\""),
        "{refused}"
    );

    let (runtime, _) = objects(json!({}), json!({}));
    let mut raw = raw_context(&runtime, None, "x");
    raw.installed = Some("{".into());
    let failed = Context::<Spec>::parse(raw.clone()).unwrap_err();
    assert!(matches!(failed, Error::Failed(_)), "{failed}");
    raw.installed = None;
    let gone = Context::<Spec>::parse(raw).unwrap();
    let expected = "Dataset team/demo does not exist; create it, or delete the runtime";
    assert_eq!(gone.dataset().unwrap_err().to_string(), expected);
}

#[test]
fn a_mounts_own_options_win() {
    let reference =
        |name: &str, secret: &str| json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": "k"}}});
    let spec: DatasetSpec = serde_json::from_value(json!({
        "sharedOptions": {"a": "shared", "b": "shared"},
        "sharedEncryptOptions": [reference("x", "shared"), reference("y", "shared")],
        "mounts": [{"options": {"b": "own"}, "encryptOptions": [reference("y", "own")]}],
    }))
    .unwrap();
    let mount = &spec.mounts[0];
    let options = BTreeMap::from([("a".to_string(), "shared".to_string()), ("b".into(), "own".into())]);
    assert_eq!(spec.options_of(mount), options);
    let secrets = spec.encrypt_options_of(mount);
    assert_eq!(
        (secrets["x"].name.as_str(), secrets["y"].name.as_str()),
        ("shared", "own")
    );
}

#[test]
fn a_volume_is_read_only_unless_asked_otherwise() {
    let spec = |modes: &[&str]| DatasetSpec {
        access_modes: modes.iter().map(|mode| mode.to_string()).collect(),
        ..DatasetSpec::default()
    };
    assert!(spec(&[]).read_only());
    assert!(spec(&["ReadWriteMany", "ReadOnlyMany"]).read_only());
    assert!(!spec(&["ReadWriteMany"]).read_only());
    assert_eq!(spec(&[]).placement(), "Exclusive");
}

#[test]
fn a_command_that_fails_quotes_the_last_line_of_its_errors() {
    let host = FakeHost::new().on_exec(|_, argv| match argv[0] {
        "good" => ok(" fine \n"),
        "slow" => Err(HostError::Timeout),
        _ => exit(2, "warning\nno such file"),
    });
    assert_eq!(host.run("p", &["good"], SECOND).unwrap(), "fine");
    assert_eq!(
        host.run("p", &["bad", "x"], SECOND).unwrap_err().to_string(),
        "`bad x` in pod p: exit code 2: no such file"
    );
    assert_eq!(
        host.run("p", &["slow"], SECOND).unwrap_err().to_string(),
        "`slow` in pod p: did not finish in time"
    );
    assert_eq!(host.calls(), ["exec p good", "exec p bad x", "exec p slow"]);
}

#[test]
fn what_a_command_wrote_is_only_taken_for_its_answer_if_it_is_all() {
    let output = |ending, truncated| Output {
        ending,
        stdout: Captured {
            bytes: b" part\xff ".to_vec(),
            truncated,
        },
        stderr: Captured::default(),
    };
    assert_eq!(output(Ending::Exited(3), false).said().unwrap().stdout, "part\u{fffd}");
    assert_eq!(output(Ending::TimedOut, false).said().unwrap_err(), HostError::Timeout);
    for ending in [Ending::Exited(0), Ending::CutOff] {
        let refused = output(ending, true).said().unwrap_err().to_string();
        assert_eq!(refused, "the output is longer than the limit of 7 bytes");
    }
}

#[test]
fn a_host_grants_what_the_test_gives_it() {
    let poor = FakeHost::new();
    assert!(poor.run("p", &["x"], SECOND).is_err());
    assert!(poor.http_get("p", 80, "/", SECOND).is_err());
    assert!(poor.secret("s", "k").is_err());
    assert!(poor.allocate_ports(&["a"]).is_err());

    let host = FakeHost::new()
        .pod("worker", "a", true)
        .pod("worker", "b", false)
        .on_http(|_, port, path| {
            Ok(Response {
                status: 200,
                body: format!("{port}{path}").into_bytes(),
                ..Response::default()
            })
        })
        .with_secret("s", "k", b"v")
        .with_object("ConfigMap", "c", json!({"data": {}}))
        .ports_from(14_000);
    assert_eq!(host.ready_pods("worker").unwrap().len(), 1);
    assert_eq!(host.http_get("a", 80, "/m", SECOND).unwrap().body, b"80/m");
    assert_eq!(host.secret("s", "k").unwrap().as_deref(), Some(b"v".as_slice()));
    assert_eq!(host.secret("s", "other").unwrap(), None);
    assert!(host.object("ConfigMap", "c").unwrap().is_some());
    assert_eq!(host.allocate_ports(&["a", "b"]).unwrap(), [14_000, 14_001]);
    let first = host.set_state("key", b"1", None).unwrap();
    assert_eq!(host.state("key").unwrap().unwrap().value, b"1");
    assert_eq!(host.state_keys().unwrap(), ["key"]);
    let second = host.set_state("key", b"2", Some(&first)).unwrap();
    for late in [None, Some(first.as_str())] {
        let refused = host.set_state("key", b"3", late).unwrap_err();
        assert!(matches!(refused, HostError::Conflict(_)), "{refused}");
        assert!(matches!(Error::from(refused), Error::RetryAfter { seconds: 1, .. }));
    }
    host.remove_state("key", &second).unwrap();
    assert_eq!(host.state("key").unwrap(), None);
    host.event(Severity::Warning, "Odd", "something").unwrap();
    assert_eq!(
        host.calls().last().map(String::as_str),
        Some("event Warning Odd something")
    );
}

#[test]
fn a_context_of_a_spec_alone_is_enough_for_most_tests() {
    let ctx: Context<Spec> = context(json!({"size": 1})).unwrap();
    assert_eq!((ctx.name.as_str(), ctx.runtime.spec.size), ("demo", 1));
}

#[test]
fn a_method_that_takes_a_missing_result_for_a_failure_does_nothing_by_that() {
    let host = FakeHost::new().on_exec(|_, argv| ok(argv[0]));
    let said = converse(&host, |host| {
        host.event(Severity::Normal, "Began", "once")?;
        // The first call knows no result, and goes on as if the command had failed.
        let first = host.run("demo-0", &["first"], SECOND);
        if first.is_err() {
            host.run("demo-0", &["undo"], SECOND).ok();
            host.set_state("failed", b"yes", None).ok();
            return Ok(String::new());
        }
        Ok(first? + &host.run("demo-0", &["second"], SECOND)?)
    });
    assert_eq!(said.unwrap(), "firstsecond");
    let expected = ["event Normal Began once", "exec demo-0 first", "exec demo-0 second"];
    assert_eq!(host.calls(), expected);
    assert_eq!(host.state_keys().unwrap(), Vec::<String>::new());
}

#[test]
fn commands_that_are_asked_for_together_are_answered_in_their_order() {
    let host = FakeHost::new().on_exec(|pod, _| if pod == "demo-1" { exit(1, "no") } else { ok(pod) });
    let argv = ["who"];
    let said = converse(&host, |host| {
        let commands = ["demo-0", "demo-1", "demo-2"].map(|pod| wasser_sdk::Command::new(pod, &argv, SECOND));
        let outputs = host.exec_all(&commands).into_iter();
        outputs
            .map(|output| Ok(output?.said()?.stdout))
            .collect::<wasser_sdk::Result<Vec<_>>>()
    });
    assert_eq!(said.unwrap(), ["demo-0", "", "demo-2"]);
    assert_eq!(host.calls().len(), 3, "each is run once");
}

#[test]
fn a_method_that_asks_for_something_else_each_time_has_no_answer() {
    let host = FakeHost::new().on_exec(|_, _| ok(""));
    let number = std::cell::Cell::new(0);
    let endless = converse(&host, |host| {
        number.set(number.get() + 1);
        host.run("demo-0", &[&number.get().to_string()], SECOND)
    });
    assert_eq!(
        endless.unwrap_err().to_string(),
        "the method has no answer after 500 calls"
    );
}
