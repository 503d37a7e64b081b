//! Tests plugins that are wrong, broken or malicious: each ends in a typed error that names the
//! remedy, and the host continues.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::backend::{Fake, scope};
use common::registration::{config_map, context, host, load};
use common::{ANSWER, Guest};
use rstest::rstest;
use wasser_plugin::{CallError, Registration};

const LOOP: &str = "(loop $forever (br $forever)) (unreachable)";
const GROW: &str = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) (unreachable)";
const SMALL: &str = "limits: {memory: 2Mi, cpu: 50ms, deadline: 5s, output: 64Ki}";

fn gzip() -> Vec<u8> {
    vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0]
}

fn wit_with_shell() -> Guest {
    Guest::default()
        .world(
            "shelly",
            "interface shell { run: func(); }\nworld shelly { include runtime; import shell; }",
        )
        .import_from("wasser:runtime/shell@0.1.0", "run", "")
        .method("validate", "(call $run) (i32.const 64)")
}

fn newer_capability() -> Guest {
    Guest::default()
        .world(
            "newer",
            "world newer { include runtime; import wasser:exec/exec@0.2.0; }",
        )
        .import_from("wasser:exec/exec@0.2.0", "run", "")
        .method("validate", "(call $run) (i32.const 64)")
}

fn truncated() -> Vec<u8> {
    let mut component = Guest::default().build();
    component.truncate(component.len() / 2);
    component
}

#[rstest]
#[case::empty(vec![], "this is not a WebAssembly component: it has only 0 bytes")]
#[case::text(b"runtime: Demo".to_vec(), "does not begin with `\\0asm`")]
#[case::compressed(gzip(), "is compressed with gzip; register the component itself")]
#[case::core_module(Guest::default().module(), "this is a core WebAssembly module, not a component")]
#[case::truncated(truncated(), "the component is not valid: unexpected end-of-file")]
#[case::newer_world(
    Guest::default().version("0.2.0").build(),
    "was built for wasser:runtime 0.2.0, and this host serves 0.1.x",
)]
#[case::newer_capability(newer_capability().build(), "was built for wasser:exec 0.2.0, and this host serves 0.1.x")]
#[case::missing_method(
    Guest::default().without("shutdown").build(),
    "exports `wasser:runtime/implement@0.1.0` without `shutdown`",
)]
#[case::unknown_import(
    wit_with_shell().build(),
    "the component imports `wasser:runtime/shell@0.1.0`, which this host does not have",
)]
#[case::other_kind(
    Guest::default().serving("OtherRuntime").build(),
    "the plugin serves OtherRuntime, and plugin.yaml registers it for DemoRuntime",
)]
#[case::loop_in_describe(
    Guest::default().describing(LOOP).build(),
    "in `describe`, ran for more than 50ms without finishing",
)]
#[case::trap_in_describe(
    Guest::default().describing("(unreachable)").build(),
    "in `describe`, trapped: wasm trap: wasm `unreachable`",
)]
#[case::more_memory_than_it_may_have(Guest::default().pages(64).build(), "asked for more than 2097152 bytes of memory")]
#[case::undecodable_description(
    Guest::default().describing("(i32.const 100000000)").build(),
    "in `describe`, trapped: ",
)]
#[tokio::test]
async fn a_component_that_cannot_be_a_plugin_is_refused(#[case] component: Vec<u8>, #[case] message: &str) {
    let (host, _directory) = host();
    let refused = load(&host, &component, SMALL).await.unwrap_err();
    assert!(refused.contains(message), "{refused}");
    assert_eq!(host.instances(), 0);
}

#[tokio::test]
async fn a_component_without_the_interface_is_refused() {
    let component = wat::parse_str("(component)").unwrap();
    let (host, _directory) = host();
    let refused = load(&host, &component, "").await.unwrap_err();
    assert!(
        refused.contains("does not export `wasser:runtime/implement`"),
        "{refused}"
    );
}

#[tokio::test]
async fn another_component_than_the_registered_one_is_refused() {
    let mut map = config_map("demo", 0, &Guest::default().build(), "");
    let other = Guest::default().pages(2).build();
    map.binary_data.as_mut().unwrap().get_mut("demo.wasm").unwrap().0 = other.clone();
    let (host, _directory) = host();
    let refused = host
        .load(&Registration::parse(&map).unwrap())
        .await
        .unwrap_err()
        .to_string();
    let found = wasser_plugin::Digest::of(&other).to_string();
    assert!(
        refused.contains(&format!(
            "the component's digest is {found}, and plugin.yaml says sha256:"
        )),
        "{refused}"
    );
}

#[tokio::test]
async fn a_component_over_the_size_limit_is_refused() {
    let component = Guest::default().build();
    let refused = wasser_plugin::World::of(&component, 1000).unwrap_err().to_string();
    assert!(
        refused.ends_with("bytes, and this host accepts at most 1000"),
        "{refused}"
    );
}

/// `Err(not-supported)`.
const NOT_SUPPORTED: &str = "(i32.const 64)";

/// Returns the error of `desired`, and checks that the next call works.
async fn fails(guest: Guest, more: &str) -> CallError {
    let (host, _directory) = host();
    let guest = guest.method("validate", NOT_SUPPORTED);
    let plugin = load(&host, &guest.build(), more).await.unwrap();
    let mut instance = plugin.instance(scope(), Fake::new());
    let error = instance.desired(&context()).await.unwrap_err();

    // The instance is gone, and the same handle makes the next call with a fresh one.
    assert_eq!(host.instances(), 0);
    instance.validate(&context()).await.unwrap().unwrap_err();
    assert_eq!(host.instances(), 1);
    error
}

fn deep() -> Guest {
    Guest::default()
        .function("(func $deep (param i32) (result i32) (i32.add (call $deep (local.get 0)) (i32.const 1)))")
        .method("desired", "(call $deep (i32.const 0))")
}

/// Claims that its answer is `length` bytes long.
fn claims(length: u32) -> Guest {
    let body = format!(
        "(i32.store (i32.const {ANSWER}) (i32.const 0)) (i32.store offset=4 (i32.const {ANSWER}) (i32.const 0)) \
         (i32.store offset=8 (i32.const {ANSWER}) (i32.const {length})) (i32.const {ANSWER})"
    );
    Guest::default().pages(4).method("desired", &body)
}

fn floods() -> Guest {
    Guest::default().import("log", "log", "(param i32 i32 i32)").method(
        "desired",
        "(loop $more (call $log (i32.const 0) (i32.const 0) (i32.const 0)) (br $more)) (unreachable)",
    )
}

#[rstest]
#[case::endless_loop(
    Guest::default().method("desired", LOOP),
    "cpu_limit",
    "in `desired` of default/demo, ran for more than 50ms without finishing; if it needs that long, raise \
     `limits.cpu`",
)]
#[case::trap(
    Guest::default().method("desired", "(unreachable)"),
    "trap",
    "trapped: wasm trap: wasm `unreachable` instruction executed (in desired-body); this is a bug of the plugin",
)]
#[case::wild_pointer(
    Guest::default().method("desired", "(i32.load (i32.const -4))"),
    "trap",
    "trapped: wasm trap: out of bounds memory access",
)]
#[case::unbounded_memory(
    Guest::default().method("desired", GROW),
    "memory_limit",
    "asked for more than 2097152 bytes of memory; if it needs that much, raise `limits.memory`",
)]
#[case::kept_context(
    Guest::default().keeping_the_context().answers("desired", b"{}"),
    "trap",
    "trapped: borrow handles still remain at the end of the call"
)]
#[case::deep_recursion(deep(), "trap", "trapped: wasm trap: call stack exhausted")]
#[case::long_output(
    claims(200_000),
    "output_limit",
    "passed more than 65536 bytes at once; if it needs that, raise `limits.output`"
)]
#[case::output_outside_its_memory(claims(u32::MAX), "trap", "trapped: ")]
#[case::not_json(
    Guest::default().answers("desired", b"{\"a\": "),
    "invalid_output",
    "returned an answer that cannot be used: it is not JSON: EOF while parsing",
)]
#[case::not_an_object(
    Guest::default().answers("desired", b"[]"),
    "invalid_output",
    "it is JSON, but not an object",
)]
#[case::not_utf8(
    Guest::default().answers("desired", b"{\"a\": \"\xff\"}"),
    "invalid_output",
    "a string is not UTF-8",
)]
#[tokio::test]
async fn a_bad_call_ends_with_a_typed_error(#[case] guest: Guest, #[case] label: &str, #[case] message: &str) {
    let error = fails(guest, SMALL).await;
    assert_eq!(error.label(), label, "{error}");
    assert!(error.is_fault());
    let text = error.to_string();
    assert!(
        text.starts_with("the plugin wasser-system/demo for DemoRuntime (sha256:"),
        "{text}"
    );
    assert!(text.contains(message), "{text}");
}

#[tokio::test]
async fn a_flood_of_calls_ends_with_their_number() {
    // Ten thousand calls can take long on a machine with other work.
    let patient = "limits: {memory: 2Mi, cpu: 10s, deadline: 30s, output: 64Ki}";
    let error = fails(floods(), patient).await;
    assert_eq!(error.label(), "host_call_limit", "{error}");
    assert!(
        error.to_string().contains("called the host more than 10000 times"),
        "{error}"
    );
}

/// Calls a host function with this text again and again.
fn repeats(mut guest: Guest, interface: &str, name: &str, text: &str) -> Guest {
    let (at, length) = guest.bytes(text.as_bytes());
    let body = format!(
        "(loop $more (call ${name} (i32.const {at}) (i32.const {length}) (i32.const {})) (br $more)) (unreachable)",
        common::RETURNED
    );
    guest
        .import(interface, name, "(param i32 i32 i32)")
        .method("desired", &body)
}

/// Each call counts as one, and as twenty where it asks the API server.
#[rstest]
#[case::state("state", "get", "key", false, 500)]
#[case::pods_that_no_watch_shows("pods", "list", "worker", true, 476)]
#[tokio::test]
async fn what_asks_the_api_server_weighs_more(
    #[case] interface: &str,
    #[case] name: &str,
    #[case] text: &str,
    #[case] asks_for_pods: bool,
    #[case] most: usize,
) {
    let wants: &[(&str, &[&str])] = &[("state", &[]), ("exec", &["worker"])];
    let guest = repeats(Guest::wanting(wants).pages(16), interface, name, text);
    let more = "limits: {cpu: 10s, deadline: 30s}\ngrants: {state: true, exec: [worker]}";
    let (host, _directory) = host();
    let plugin = load(&host, &guest.build(), more).await.unwrap();
    let fake = Arc::new(Fake {
        asks_for_pods,
        ..Fake::default()
    });
    let mut instance = plugin.instance(scope(), fake.clone());
    let error = instance.desired(&context()).await.unwrap_err();
    assert_eq!(error.label(), "host_call_limit", "{error}");
    assert_eq!(fake.asked().len(), most);
}

#[tokio::test]
async fn wasi_is_linked_with_nothing_behind_it() {
    let guest = Guest::default()
        .import_wasi()
        .method("desired", "(call $get-arguments (i32.const 1024)) (i32.const 64)");
    let error = fails(guest, SMALL).await.to_string();
    assert!(
        error.contains(
            "trapped: it called `wasi:cli/environment@0.2.0#get-arguments`, but the host does not \
             implement WASI"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_log_flood_costs_the_plugin_only_its_lines() {
    let mut guest = Guest::default().import("log", "log", "(param i32 i32 i32)");
    let (line, length) = guest.bytes(b"again");
    let body = format!(
        "(local $n i32) (loop $more (call $log (i32.const 1) (i32.const {line}) (i32.const {length}))
         (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 5000))))
         (i32.const 64)"
    );
    let (host, _directory) = host();
    let plugin = load(&host, &guest.method("desired", &body).build(), "").await.unwrap();
    let answer = plugin.instance(scope(), Fake::new()).desired(&context()).await;
    answer.unwrap().unwrap_err();
}

#[tokio::test]
async fn waiting_ends_at_the_deadline_and_costs_no_time_of_the_guest() {
    let mut guest = Guest::default().import(
        "exec",
        "run",
        "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)",
    );
    let ((pod, pod_length), (word, length)) = (guest.bytes(b"demo-worker-0"), guest.bytes(b"true"));
    let (argv, _) = guest.bytes(&[word.to_le_bytes(), length.to_le_bytes()].concat());
    let none = "(i32.const 0)";
    let call = format!(
        "(call $run (i32.const {pod}) (i32.const {pod_length}) {none} {none} {none} (i32.const {argv}) \
         (i32.const 1) {none} {none} {none} {none} {none} (i32.const {})) (unreachable)",
        common::RETURNED
    );
    let component = guest.method("desired", &call).build();

    let (host, _directory) = host();
    let more = "limits: {cpu: 50ms, deadline: 300ms}\ngrants: {exec: [worker]}";
    let plugin = load(&host, &component, more).await.unwrap();
    let fake = Fake::hanging();
    let begun = Instant::now();
    let error = plugin
        .instance(scope(), fake.clone())
        .desired(&context())
        .await
        .unwrap_err();
    assert_eq!(error.label(), "deadline");
    assert!(!error.is_fault(), "a slow cluster is not the plugin's fault");
    assert!(
        error
            .to_string()
            .contains("took longer than 300ms; if what it waits for takes that long, raise `limits.deadline`"),
        "{error}"
    );
    assert!(begun.elapsed() >= Duration::from_millis(300));
    // The backend was asked to give up a little earlier, so that a guest could still have reported
    // what it waited for.
    let asked = fake.asked().concat();
    let timeout = asked
        .strip_prefix("exec default/demo demo-worker-0 demo [\"true\"] ")
        .unwrap();
    let milliseconds: f64 = timeout.strip_suffix("ms 1048576").unwrap().parse().unwrap();
    assert!((1.0..=225.0).contains(&milliseconds), "{asked}");
}

#[tokio::test]
async fn a_guest_that_loops_lets_others_run() {
    let (host, _directory) = host();
    let plugin = load(
        &host,
        &Guest::default()
            .method("desired", LOOP)
            .method("validate", NOT_SUPPORTED)
            .build(),
        "limits: {cpu: 300ms}",
    )
    .await
    .unwrap();
    // All calls share one thread, so the loop must yield it repeatedly for the others to progress.
    let looping = async {
        plugin
            .instance(scope(), Fake::new())
            .desired(&context())
            .await
            .unwrap_err()
    };
    let mut answered = 0;
    let others = async {
        loop {
            plugin
                .instance(scope(), Fake::new())
                .validate(&context())
                .await
                .unwrap()
                .unwrap_err();
            answered += 1;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        error = looping => assert_eq!(error.label(), "cpu_limit"),
        () = others => {}
    }
    assert!(answered >= 5, "only {answered} other calls were answered");
}

#[tokio::test]
async fn a_plugin_that_only_fails_is_not_called_for_a_while() {
    let (host, _directory) = host();
    let plugin = load(
        &host,
        &Guest::default()
            .method("desired", "(unreachable)")
            .method("validate", NOT_SUPPORTED)
            .build(),
        "",
    )
    .await
    .unwrap();
    let mut instance = plugin.instance(scope(), Fake::new());
    let ctx = context();
    for _ in 0..10 {
        assert_eq!(instance.desired(&ctx).await.unwrap_err().label(), "trap");
    }
    let refused = instance.validate(&ctx).await.unwrap_err();
    assert_eq!(refused.label(), "quarantined");
    assert!(
        refused
            .to_string()
            .contains("it failed 10 times in a row. Register a corrected plugin"),
        "{refused}"
    );

    let again = load(&host, &Guest::default().build(), "").await.unwrap();
    again
        .instance(scope(), Fake::new())
        .validate(&ctx)
        .await
        .unwrap()
        .unwrap_err();
}

#[tokio::test]
async fn a_method_that_is_not_listed_is_not_called() {
    let (host, _directory) = host();
    let plugin = load(&host, &Guest::default().build(), "").await.unwrap();
    assert!(plugin.has("desired") && !plugin.has("validate"));
    let mut instance = plugin.instance(scope(), Fake::new());
    instance.validate(&context()).await.unwrap().unwrap_err();
    assert_eq!(host.instances(), 0);
}

#[tokio::test]
async fn each_call_is_observed_with_how_it_failed() {
    let (host, _directory) = host();
    let guest = Guest::default()
        .method("desired", "(unreachable)")
        .method("validate", NOT_SUPPORTED);
    let plugin = load(&host, &guest.build(), "").await.unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let observer = {
        let seen = seen.clone();
        Arc::new(move |method, _, error: Option<&CallError>| {
            seen.lock().unwrap().push((method, error.map(CallError::label)))
        })
    };
    let mut instance = plugin.instance(scope(), Fake::new()).observed(observer);
    instance.validate(&context()).await.unwrap().unwrap_err();
    instance.desired(&context()).await.unwrap_err();
    assert_eq!(*seen.lock().unwrap(), [("validate", None), ("desired", Some("trap"))]);
}
