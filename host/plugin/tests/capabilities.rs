//! Tests that every import refuses without its grant, with a helpful message, and reaches only this
//! runtime with it.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use common::backend::{Fake, scope};
use common::registration::{context, host, load};
use common::{Argument, Guest};
use rstest::rstest;
use wasser_plugin::bindings::types::Error;

use Argument::{Number, Text, Texts};

/// Interface, function, arguments, and the offset of the error's text in the result.
struct Call(&'static str, &'static str, &'static [Argument<'static>], u32);

const EXEC: Call = Call(
    "exec",
    "run",
    &[Text("demo-worker-0"), Text(""), Texts(&["df", "-h"]), Number(2000)],
    8,
);
const LIST: Call = Call("pods", "list", &[Text("worker")], 8);
const HTTP: Call = Call(
    "http",
    "get",
    &[Text("demo-worker-0"), Number(9567), Text("/metrics"), Number(0)],
    8,
);
const SECRET: Call = Call("secrets", "get", &[Text("demo-secret"), Text("token")], 4);
const OBJECT: Call = Call("objects", "get", &[Text("ConfigMap"), Text("demo")], 4);
const PROFILE: Call = Call("objects", "get", &[Text("Profile"), Text("gold")], 4);
const PORTS: Call = Call("ports", "allocate", &[Texts(&["rpc", "web"])], 4);
const STATE: Call = Call("state", "set", &[Text("hits"), Number(0), Number(0), Number(0)], 4);
const EVENT: Call = Call(
    "events",
    "publish",
    &[Text("Warning"), Text("CacheCold"), Text("no\nhits")],
    4,
);

/// Returns the answer that the plugin reads, and the calls that reached the cluster.
async fn outcome(call: Call, wants: &[(&str, &[&str])], grants: &str) -> (String, Vec<String>) {
    let component = Guest::wanting(wants).relays(call.0, call.1, call.2, call.3).build();
    let (host, _directory) = host();
    let plugin = load(&host, &component, &format!("grants: {grants}")).await.unwrap();
    let fake = Fake::new();
    let answer = plugin
        .instance(scope(), fake.clone())
        .setup_master(&context())
        .await
        .unwrap();
    match answer {
        Err(Error::Failed(message)) => (message, fake.asked()),
        Err(Error::NotSupported) => ("ok".to_owned(), fake.asked()),
        other => panic!("{other:?}"),
    }
}

const WORKER: &[&str] = &["worker"];

#[rstest]
#[case(EXEC, "exec", WORKER, "exec: [worker]")]
#[case(LIST, "exec", WORKER, "exec: [worker]")]
#[case(HTTP, "http", &["worker:9567"], "http: [\"worker:9567\"]")]
#[case(SECRET, "secrets", &[], "secrets: true")]
#[case(OBJECT, "objects", &["ConfigMap"], "objects: [ConfigMap]")]
#[case(PORTS, "ports", &[], "ports: true")]
#[case(STATE, "state", &[], "state: true")]
#[case(EVENT, "events", &[], "events: true")]
#[tokio::test]
async fn a_capability_must_be_declared_and_given(
    #[case] call: Call,
    #[case] capability: &str,
    #[case] scope: &[&str],
    #[case] yaml: &str,
) {
    let (Call(interface, name, arguments, offset), given) = (call, format!("{{{yaml}}}"));
    let call = || Call(interface, name, arguments, offset);
    let wants: &[(&str, &[&str])] = &[(capability, scope)];

    let (refused, asked) = outcome(call(), wants, "{}").await;
    assert_eq!(
        refused,
        format!("`{yaml}` is not granted: add it to `grants` in plugin.yaml of the ConfigMap wasser-system/demo")
    );
    assert!(asked.is_empty(), "{asked:?}");

    let (refused, asked) = outcome(call(), &[], &given).await;
    assert!(
        refused.starts_with(&format!(
            "`{yaml}` is granted by the ConfigMap wasser-system/demo, but the plugin does not declare it"
        )),
        "{refused}"
    );
    assert!(asked.is_empty(), "{asked:?}");

    let (refused, asked) = outcome(call(), &[], "{}").await;
    assert!(
        refused.starts_with(&format!("`{yaml}` is neither declared nor granted")),
        "{refused}"
    );
    assert!(asked.is_empty(), "{asked:?}");
}

#[rstest]
#[case(
    EXEC,
    "exec",
    WORKER,
    "{exec: [worker]}",
    "exec was made",
    "exec default/demo demo-worker-0 demo [\"df\", \"-h\"] 2s 1048576"
)]
#[case(
    HTTP,
    "http",
    &["worker:9567"],
    "{http: [\"worker:*\"]}",
    "http was made",
    "http default/demo demo-worker-0:9567/metrics",
)]
#[case(SECRET, "secrets", &[], "{secrets: true}", "secret was read", "secret default/demo demo-secret token")]
#[case(
    OBJECT,
    "objects",
    &["ConfigMap"],
    "{objects: [ConfigMap]}",
    "object was read",
    "object default/demo ConfigMap demo",
)]
#[case(
    PROFILE,
    "objects",
    &["Profile@/spec/profile"],
    "{objects: [\"Profile@/spec/profile\"]}",
    "object was read",
    "object default/demo Profile gold",
)]
#[case(PORTS, "ports", &[], "{ports: true}", "ports were allocated", "ports default/demo [\"rpc\", \"web\"]")]
#[case(STATE, "state", &[], "{state: true}", "state was set", "state default/demo hits")]
#[case(EVENT, "events", &[], "{events: true}", "event was published", "event default/demo Warning CacheCold no hits")]
#[tokio::test]
async fn a_granted_call_reaches_the_cluster(
    #[case] call: Call,
    #[case] capability: &str,
    #[case] scope: &[&str],
    #[case] grants: &str,
    #[case] message: &str,
    #[case] asked: &str,
) {
    assert_eq!(
        outcome(call, &[(capability, scope)], grants).await,
        (message.to_owned(), vec![asked.to_owned()])
    );
}

const ALL: &str = "{exec: [worker], http: [\"worker:80\"], secrets: true, objects: [ConfigMap, \
                   \"Profile@/spec/profile\"], ports: true, state: true, events: true}";
const WANTS: &[(&str, &[&str])] = &[
    ("exec", WORKER),
    ("http", &["worker:80"]),
    ("secrets", &[]),
    ("objects", &["ConfigMap", "Profile@/spec/profile"]),
    ("ports", &[]),
    ("state", &[]),
    ("events", &[]),
];

#[rstest]
#[case::pod_of_another_runtime(
    Call("exec", "run", &[Text("other-worker-0"), Text(""), Texts(&["id"]), Number(0)], 8),
    "default/demo has no pod `other-worker-0`",
)]
#[case::no_command(
    Call("exec", "run", &[Text("demo-worker-0"), Text(""), Texts(&[]), Number(0)], 8),
    "the command is empty",
)]
#[case::nul(
    Call("exec", "run", &[Text("demo-worker-0"), Text(""), Texts(&["a", "b\0c"]), Number(0)], 8),
    "contains a NUL character",
)]
#[case::unknown_role(Call("pods", "list", &[Text("queen")], 8), "`describe` has no role `queen`")]
#[case::other_port(
    Call("http", "get", &[Text("demo-worker-0"), Number(81), Text("/"), Number(0)], 8),
    "`http: [\"worker:81\"]` is neither declared nor granted",
)]
#[case::path_out_of_the_pod(
    Call("http", "get", &[Text("demo-worker-0"), Number(80), Text("/%2e%2e/secrets"), Number(0)], 8),
    "is not a path that may be requested",
)]
#[case::secret_of_another_namespace(
    Call("secrets", "get", &[Text("../../kube-system/secrets/x"), Text("k")], 4),
    "cannot be a Secret",
)]
#[case::secret_as_object(
    Call("objects", "get", &[Text("Secret"), Text("x")], 4),
    "a Secret cannot be read as an object",
)]
#[case::other_kind(
    Call("objects", "get", &[Text("Node"), Text("x")], 4),
    "`objects: [Node]` is neither declared nor granted",
)]
#[case::another_profile(
    Call("objects", "get", &[Text("Profile"), Text("silver")], 4),
    "default/demo does not name the Profile `silver`",
)]
#[case::object_by_a_path(
    Call("objects", "get", &[Text("ConfigMap"), Text("a/b")], 4),
    "`a/b` cannot be the name of an object",
)]
#[case::state_key(Call("state", "set", &[Text("a b"), Number(0), Number(0), Number(0)], 4), "`a b` cannot be a key")]
#[case::event_kind(
    Call("events", "publish", &[Text("Panic"), Text("A"), Text("")], 4),
    "the kind of an event is `Normal` or `Warning`, not `Panic`",
)]
#[case::event_reason(
    Call("events", "publish", &[Text("Normal"), Text("A b"), Text("")], 4),
    "the reason of an event is one word",
)]
#[tokio::test]
async fn even_with_every_grant_a_call_stays_in_its_runtime(#[case] call: Call, #[case] message: &str) {
    let (refused, asked) = outcome(call, WANTS, ALL).await;
    assert!(refused.contains(message), "{refused}");
    assert!(asked.is_empty(), "{asked:?}");
}
