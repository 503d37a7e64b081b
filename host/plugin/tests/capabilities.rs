//! Tests that every import refuses without its grant, with a helpful message, and reaches only this
//! runtime with it.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use common::backend::{Fake, scope};
use common::registration::{context, host, load};
use common::{Argument, Guest};
use rstest::rstest;
use wasser_plugin::bindings::types::Error;

use Argument::{Number, Pairs, Text, Texts};

/// Interface, function, and arguments as the canonical ABI flattens them: an absent text is three
/// zeros, an absent number two.
#[derive(Clone, Copy)]
struct Call(&'static str, &'static str, &'static [Argument<'static>]);

const NO: Argument<'static> = Number(0);

const EXEC: Call = Call(
    "exec",
    "run",
    &[
        Text("demo-worker-0"),
        NO,
        NO,
        NO,
        Texts(&["df", "-h"]),
        NO,
        NO,
        NO,
        Number(1),
        Number(2000),
    ],
);
const LIST: Call = Call("pods", "list", &[Text("worker")]);
const HTTP: Call = Call(
    "http",
    "send",
    &[
        Text("demo-worker-0"),
        Number(9567),
        Text("GET"),
        Text("/metrics"),
        Texts(&[]),
        NO,
        NO,
        NO,
        NO,
        NO,
    ],
);
const SECRET: Call = Call("secrets", "get", &[Text("demo-secret"), Text("token")]);
const OBJECT: Call = Call("objects", "get", &[Text("ConfigMap"), Text("demo")]);
const PROFILE: Call = Call("objects", "get", &[Text("Profile"), Text("gold")]);
const PORTS: Call = Call("ports", "allocate", &[Texts(&["rpc", "web"])]);
const STATE: Call = Call("state", "set", &[Text("hits"), Text("1"), Number(1), Text("v1")]);
const KEYS: Call = Call("state", "keys", &[]);
const REMOVE: Call = Call("state", "remove", &[Text("hits"), Text("v1")]);
const EVENT: Call = Call("events", "publish", &[Number(1), Text("CacheCold"), Text("no\nhits")]);

/// Returns the answer that the plugin reads, and the calls that reached the cluster.
async fn outcome(call: Call, wants: &[(&str, &[&str])], grants: &str) -> (String, Vec<String>) {
    let component = Guest::wanting(wants).relays(call.0, call.1, call.2).build();
    let (host, _directory) = host();
    let plugin = load(&host, &component, &format!("grants: {grants}")).await.unwrap();
    let fake = Fake::new();
    let answer = plugin
        .instance(scope(), fake.clone())
        .desired(&context())
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
#[case(KEYS, "state", &[], "state: true")]
#[case(REMOVE, "state", &[], "state: true")]
#[case(EVENT, "events", &[], "events: true")]
#[tokio::test]
async fn a_capability_must_be_declared_and_given(
    #[case] call: Call,
    #[case] capability: &str,
    #[case] scope: &[&str],
    #[case] yaml: &str,
) {
    let given = format!("{{{yaml}}}");
    let wants: &[(&str, &[&str])] = &[(capability, scope)];

    let (refused, asked) = outcome(call, wants, "{}").await;
    assert_eq!(
        refused,
        format!("`{yaml}` is not granted: add it to `grants` in plugin.yaml of the ConfigMap wasser-system/demo")
    );
    assert!(asked.is_empty(), "{asked:?}");

    let (refused, asked) = outcome(call, &[], &given).await;
    assert!(
        refused.starts_with(&format!(
            "`{yaml}` is granted by the ConfigMap wasser-system/demo, but the plugin does not declare it"
        )),
        "{refused}"
    );
    assert!(asked.is_empty(), "{asked:?}");

    let (refused, asked) = outcome(call, &[], "{}").await;
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
#[case(
    STATE,
    "state",
    &[],
    "{state: true}",
    "state was set",
    "state default/demo hits Some([49]) Some(\"v1\")"
)]
#[case(KEYS, "state", &[], "{state: true}", "keys were read", "state default/demo")]
#[case(
    REMOVE,
    "state",
    &[],
    "{state: true}",
    "state was set",
    "state default/demo hits None Some(\"v1\")"
)]
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
    Call("exec", "run", &[Text("other-worker-0"), NO, NO, NO, Texts(&["id"]), NO, NO, NO, NO, NO]),
    "default/demo has no pod `other-worker-0`",
)]
#[case::no_command(
    Call("exec", "run", &[Text("demo-worker-0"), NO, NO, NO, Texts(&[]), NO, NO, NO, NO, NO]),
    "the command is empty",
)]
#[case::nul(
    Call("exec", "run", &[Text("demo-worker-0"), NO, NO, NO, Texts(&["a", "b\0c"]), NO, NO, NO, NO, NO]),
    "contains a NUL character",
)]
#[case::unknown_role(Call("pods", "list", &[Text("queen")]), "`describe` has no role `queen`")]
#[case::other_port(
    Call("http", "send", &[Text("demo-worker-0"), Number(81), Text("GET"), Text("/"), Texts(&[]), NO, NO, NO, NO, NO]),
    "`http: [\"worker:81\"]` is neither declared nor granted",
)]
#[case::path_out_of_the_pod(
    Call("http", "send", &[Text("demo-worker-0"), Number(80), Text("GET"), Text("/%2e%2e/secrets"), Texts(&[]), NO, NO, NO, NO, NO]),
    "is not a path that may be requested",
)]
#[case::other_method(Call("http", "send", &[Text("demo-worker-0"), Number(80), Text("POST"), Text("/"), Texts(&[]), NO, NO, NO, NO, NO]), "this host sends only GET requests")]
#[case::a_body(Call("http", "send", &[Text("demo-worker-0"), Number(80), Text("GET"), Text("/"), Texts(&[]), Number(1), NO, NO, NO, NO]), "this host sends only GET requests")]
// A header is two texts.
#[case::a_header(Call("http", "send", &[Text("demo-worker-0"), Number(80), Text("GET"), Text("/"), Pairs(&[["impersonate-user", "admin"]]), NO, NO, NO, NO, NO]), "this host sends only GET requests")]
#[case::secret_of_another_namespace(
    Call("secrets", "get", &[Text("../../kube-system/secrets/x"), Text("k")]),
    "cannot be a Secret",
)]
#[case::secret_as_object(
    Call("objects", "get", &[Text("Secret"), Text("x")]),
    "a Secret cannot be read as an object",
)]
#[case::other_kind(
    Call("objects", "get", &[Text("Node"), Text("x")]),
    "`objects: [Node]` is neither declared nor granted",
)]
#[case::another_profile(
    Call("objects", "get", &[Text("Profile"), Text("silver")]),
    "default/demo does not name the Profile `silver`",
)]
#[case::object_by_a_path(
    Call("objects", "get", &[Text("ConfigMap"), Text("a/b")]),
    "`a/b` cannot be the name of an object",
)]
#[case::state_key(Call("state", "set", &[Text("a b"), NO, NO, NO, NO, NO]), "`a b` cannot be a key")]
#[case::event_reason(
    Call("events", "publish", &[NO, Text("A b"), Text("")]),
    "the reason of an event is one word",
)]
#[tokio::test]
async fn even_with_every_grant_a_call_stays_in_its_runtime(#[case] call: Call, #[case] message: &str) {
    let (refused, asked) = outcome(call, WANTS, ALL).await;
    assert!(refused.contains(message), "{refused}");
    assert!(asked.is_empty(), "{asked:?}");
}
