//! Tests adding, changing and removing registrations, as the operator does it.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use std::sync::Arc;

use common::Guest;
use common::backend::{Fake, scope};
use common::registration::{CHART, config_map, config_map_for, context, crd, host};
use futures::FutureExt;
use k8s_openapi::api::core::v1::ConfigMap;
use rstest::rstest;
use wasser_plugin::{Artifact, Definitions, HostConfig, PluginHost, Pulled, Registrar, Registration, Registry, State};

const KIND: &str = "DemoRuntime";

/// Returns a registrar that knows the CRDs of DemoRuntime and GoodRuntime.
async fn registrar(host: &PluginHost) -> (Registrar, Arc<Registry>) {
    let registry = Arc::new(Registry::new());
    let registrar = Registrar::new(host.clone(), registry.clone());
    registrar
        .define(defined(&[(KIND, "demoruntimes"), ("GoodRuntime", "goodruntimes")]))
        .await;
    (registrar, registry)
}

fn defined(kinds: &[(&str, &str)]) -> Definitions {
    kinds.iter().map(|(kind, plural)| crd(kind, plural)).collect()
}

fn demo(name: &str, created: i64, answer: &str) -> ConfigMap {
    config_map(
        name,
        created,
        &Guest::default().answers("desired", answer.as_bytes()).build(),
        "",
    )
}

/// Returns the answer of the plugin that serves now.
async fn answer(registry: &Registry) -> Option<String> {
    let plugin = registry.get(KIND)?;
    Some(
        plugin
            .instance(scope(), Fake::new())
            .desired(&context())
            .await
            .unwrap()
            .unwrap(),
    )
}

fn states(outcome: &wasser_plugin::Outcome) -> Vec<(&str, State)> {
    outcome
        .verdicts
        .iter()
        .map(|(name, verdict)| (name.as_str(), verdict.state))
        .collect()
}

#[tokio::test]
async fn a_plugin_is_added_changed_and_removed_without_a_restart() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;

    let outcome = registrar.apply(&demo("demo", 0, "{\"v\": 1}")).await;
    assert_eq!(
        (states(&outcome), outcome.changed.as_slice()),
        (vec![("demo", State::Loaded)], [KIND.to_owned()].as_slice())
    );
    let annotations = outcome.verdicts[0].1.annotations();
    assert_eq!(annotations["wasser.fluid.io/verdict"], "loaded");
    assert_eq!(annotations["wasser.fluid.io/wit"], "0.1.0");
    assert_eq!(annotations["wasser.fluid.io/kind"], KIND);
    assert_eq!(annotations["wasser.fluid.io/grants"], "none");
    assert_eq!(
        annotations["wasser.fluid.io/grants-not-given"],
        "exec [worker], kinds [StatefulSet]"
    );
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 1}");

    // The host's own annotations do not count as a change.
    let mut annotated = demo("demo", 0, "{\"v\": 1}");
    annotated.metadata.annotations = Some(annotations);
    assert!(registrar.apply(&annotated).await.verdicts.is_empty());

    // A call in progress keeps the plugin that it began with.
    let mut under_way = registry.get(KIND).unwrap().instance(scope(), Fake::new());
    registrar.apply(&demo("demo", 0, "{\"v\": 2}")).await;
    assert_eq!(under_way.desired(&context()).await.unwrap().unwrap(), "{\"v\": 1}");
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 2}");

    let outcome = registrar.remove("demo").await;
    assert_eq!(outcome.removed, [KIND]);
    assert!(answer(&registry).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swapping_under_load_fails_no_call() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    let maps = [demo("demo", 0, "{\"v\": 0}"), demo("demo", 0, "{\"v\": 1}")];
    registrar.apply(&maps[0]).await;
    let calling = registry.clone();
    let calls = tokio::spawn(async move {
        let mut seen = std::collections::BTreeSet::new();
        while seen.len() < 2 {
            // A reconcile takes one plugin, and sees one version from beginning to end.
            let mut instance = calling.get(KIND).unwrap().instance(scope(), Fake::new());
            let first = instance.desired(&context()).await.unwrap().unwrap();
            tokio::task::yield_now().await;
            assert_eq!(instance.desired(&context()).await.unwrap().unwrap(), first);
            seen.insert(first);
        }
    });
    let mut swaps = 0;
    while swaps < 50 || !calls.is_finished() {
        swaps += 1;
        assert_eq!(
            states(&registrar.apply(&maps[swaps % 2]).await),
            [("demo", State::Loaded)]
        );
    }
    calls.await.unwrap();
    assert_eq!(host.instances(), 0);
}

#[tokio::test]
async fn the_last_good_plugin_keeps_serving_when_a_change_is_bad() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    registrar.apply(&demo("demo", 0, "{\"v\": 1}")).await;

    let mut bad = demo("demo", 0, "{\"v\": 2}");
    bad.data
        .as_mut()
        .unwrap()
        .get_mut("plugin.yaml")
        .unwrap()
        .push_str("grant: {}\n");
    let outcome = registrar.apply(&bad).await;
    assert_eq!(states(&outcome), [("demo", State::LastGood)]);
    assert!(outcome.changed.is_empty() && outcome.removed.is_empty());
    let message = &outcome.verdicts[0].1.message;
    assert!(
        message.contains("unknown field `grant`") && message.contains("keeps serving"),
        "{message}"
    );
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 1}");

    let trapping = config_map("demo", 0, &Guest::default().describing("(unreachable)").build(), "");
    assert_eq!(states(&registrar.apply(&trapping).await), [("demo", State::LastGood)]);
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 1}");

    assert_eq!(
        states(&registrar.apply(&demo("demo", 0, "{\"v\": 3}")).await),
        [("demo", State::Loaded)]
    );
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 3}");
}

#[tokio::test]
async fn a_judgement_that_is_dropped_leaves_what_serves() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    registrar.apply(&demo("demo", 0, "{\"v\": 1}")).await;
    let next = demo("demo", 0, "{\"v\": 2}");
    assert!(registrar.apply(&next).now_or_never().is_none(), "it has to be loaded");
    // Another change fills the registry from what is known.
    let outcome = registrar.define(defined(&[(KIND, "demoruntimes")])).await;
    assert!(outcome.changed.is_empty() && outcome.removed.is_empty());
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 1}");

    let another = demo("demo", 0, "{\"v\": 3}");
    assert_eq!(states(&registrar.apply(&another).await), [("demo", State::Loaded)]);
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 3}");
}

/// The ConfigMap as the chart of another version of Wasser has it.
fn of_another_version(mut map: ConfigMap) -> ConfigMap {
    let annotation = ("wasser.fluid.io/operator-version".to_owned(), "99.0.0".to_owned());
    map.metadata.annotations = Some([annotation].into());
    map
}

#[tokio::test]
async fn a_registration_for_another_version_of_the_operator_is_left_to_that_one() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    registrar.apply(&demo("demo", 0, "{\"v\": 1}")).await;
    let next = demo("demo", 0, "{\"v\": 2}");
    let outcome = registrar.apply(&of_another_version(next.clone())).await;
    assert_eq!(states(&outcome), [("demo", State::LastGood)]);
    let verdict = &outcome.verdicts[0].1;
    assert_eq!(verdict.event(), ("Normal", "PluginWaitsForOperator"));
    assert!(
        verdict.message.contains("the operator of version 99.0.0"),
        "{}",
        verdict.message
    );
    assert!(outcome.changed.is_empty() && outcome.removed.is_empty());
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 1}");
    // The upgrade is rolled back, or this is the operator that it was made for.
    assert!(!registrar.knows(&next).await);
    assert_eq!(states(&registrar.apply(&next).await), [("demo", State::Loaded)]);
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 2}");
}

#[tokio::test]
async fn an_operator_that_starts_meanwhile_serves_with_what_its_own_image_has() {
    let directory = tempfile::tempdir().unwrap();
    let component = Guest::default().answers("desired", b"{\"v\": 1}").build();
    std::fs::write(directory.path().join("demo.wasm"), component).unwrap();
    std::fs::write(directory.path().join("demo.tgz"), CHART).unwrap();
    let host = PluginHost::new(HostConfig {
        plugin_dir: Some(directory.path().to_owned()),
        ..HostConfig::new(directory.path().join("cache"))
    });
    let (registrar, registry) = registrar(&host.unwrap()).await;
    let mut map = demo("demo", 0, "{\"v\": 2}");
    let text = map.data.as_mut().unwrap().get_mut("plugin.yaml").unwrap();
    let by_path = text.replace("{inline: demo.wasm}", "{path: demo.wasm}");
    *text = by_path.replace("{inline: chart.tgz}", "{path: demo.tgz}");
    assert!(text.contains("{path: demo.wasm}"), "{text}");
    let outcome = registrar.apply(&of_another_version(map.clone())).await;
    assert_eq!(states(&outcome), [("demo", State::Loaded)]);
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 1}");
    // For this operator, the digest counts.
    let outcome = registrar.apply(&map).await;
    assert_eq!(states(&outcome), [("demo", State::LastGood)]);
}

#[rstest]
#[case::older_first(["old", "new"])]
#[case::newer_first(["new", "old"])]
#[tokio::test]
async fn two_claims_on_a_kind_are_settled_by_age(#[case] order: [&str; 2]) {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    let map = |name: &str| {
        if name == "old" {
            demo("old", 10, "{\"by\": \"old\"}")
        } else {
            demo("new", 20, "{\"by\": \"new\"}")
        }
    };
    let mut verdicts = Vec::new();
    for name in order {
        verdicts.extend(registrar.apply(&map(name)).await.verdicts);
    }
    let (_, last) = verdicts.iter().rfind(|(name, _)| name == "new").unwrap();
    assert_eq!(last.state, State::Waiting);
    assert_eq!(
        last.message,
        "DemoRuntime is served by the older registration old; this one takes over when that one is removed"
    );
    assert_eq!(answer(&registry).await.unwrap(), "{\"by\": \"old\"}");

    let outcome = registrar.remove("old").await;
    assert_eq!(
        (states(&outcome), outcome.removed.len()),
        (vec![("new", State::Loaded)], 0)
    );
    assert_eq!(answer(&registry).await.unwrap(), "{\"by\": \"new\"}");
}

#[tokio::test]
async fn a_broken_older_registration_does_not_take_the_kind_from_a_good_one() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    registrar.apply(&demo("new", 20, "{\"by\": \"new\"}")).await;
    let broken = config_map("old", 10, &Guest::default().describing("(unreachable)").build(), "");
    assert_eq!(states(&registrar.apply(&broken).await), [("old", State::Refused)]);
    assert_eq!(answer(&registry).await.unwrap(), "{\"by\": \"new\"}");
}

#[tokio::test]
async fn a_plugin_serves_while_its_crd_exists() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    registrar.define(Definitions::default()).await;
    let outcome = registrar.apply(&demo("demo", 0, "{}")).await;
    assert_eq!(states(&outcome), [("demo", State::Waiting)]);
    let (_, verdict) = &outcome.verdicts[0];
    let message = &verdict.message;
    assert!(
        message.contains("demoruntimes.data.fluid.io does not exist") && message.contains("wasser plugin crd FILE"),
        "{message}"
    );
    assert_eq!(verdict.event(), ("Warning", "PluginWaitsForCRD"));
    assert!(registry.all().is_empty());

    // Another CRD changes nothing; its own CRD does; and the CRD of another kind with its plural is
    // not its own.
    assert!(
        registrar
            .define(defined(&[("GoodRuntime", "goodruntimes")]))
            .await
            .verdicts
            .is_empty()
    );
    let outcome = registrar.define(defined(&[(KIND, "demoruntimes")])).await;
    assert_eq!(
        (states(&outcome), outcome.changed.as_slice()),
        (vec![("demo", State::Loaded)], [KIND.to_owned()].as_slice())
    );
    assert!(
        registrar
            .define(defined(&[(KIND, "demoruntimes"), ("GoodRuntime", "goodruntimes")]))
            .await
            .verdicts
            .is_empty()
    );
    let outcome = registrar.define(defined(&[("OtherRuntime", "demoruntimes")])).await;
    assert_eq!(
        (states(&outcome), outcome.removed.as_slice()),
        (vec![("demo", State::Waiting)], [KIND.to_owned()].as_slice())
    );
    assert!(
        outcome.verdicts[0]
            .1
            .message
            .contains("belongs to OtherRuntime, not to DemoRuntime")
    );
}

#[tokio::test]
async fn the_last_good_plugin_serves_again_when_the_crd_comes_back() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    registrar.apply(&demo("demo", 0, "{\"v\": 1}")).await;
    let mut bad = demo("demo", 0, "{\"v\": 2}");
    bad.data
        .as_mut()
        .unwrap()
        .get_mut("plugin.yaml")
        .unwrap()
        .push_str("grant: {}\n");
    registrar.apply(&bad).await;
    assert_eq!(
        states(&registrar.define(Definitions::default()).await),
        [("demo", State::Refused)]
    );
    assert!(registry.all().is_empty());
    assert_eq!(
        states(&registrar.define(defined(&[(KIND, "demoruntimes")])).await),
        [("demo", State::LastGood)]
    );
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 1}");
}

const GOOD: [&str; 4] = ["GoodRuntime", "goodruntimes", "good", "good-fuse"];

fn named(names: [&str; 4], name: &str, created: i64) -> ConfigMap {
    config_map_for(names[0], name, created, &Guest::default().called(names).build())
}

#[rstest]
#[case::plural(
    [KIND, "goodruntimes", "demo", "demo-fuse"],
    "goodruntimes.data.fluid.io does not exist, and the CRD of DemoRuntime is demoruntimes",
    "belongs to GoodRuntime, not to DemoRuntime",
)]
#[case::engine([KIND, "demoruntimes", "good", "demo-fuse"], "", "`engine: good`")]
#[case::directory([KIND, "demoruntimes", "demo", "good-fuse"], "", "`fuse.directory: good-fuse`")]
#[tokio::test]
async fn a_plugin_takes_nothing_from_another_kind(#[case] evil: [&str; 4], #[case] alone: &str, #[case] says: &str) {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    registrar.apply(&named(GOOD, "good", 10)).await;
    let served = registry.get("GoodRuntime").unwrap();

    let outcome = registrar.apply(&named(evil, "evil", 20)).await;
    assert_eq!(states(&outcome), [("evil", State::Waiting)]);
    assert!(
        outcome.verdicts[0].1.message.contains(says),
        "{}",
        outcome.verdicts[0].1.message
    );
    assert!(outcome.changed.is_empty() && outcome.removed.is_empty());
    assert!(Arc::ptr_eq(&registry.get("GoodRuntime").unwrap(), &served));

    // When the other registration is removed, this one is judged again.
    if alone.is_empty() {
        let outcome = registrar.remove("good").await;
        assert_eq!(
            (states(&outcome), outcome.changed.as_slice()),
            (vec![("evil", State::Loaded)], [KIND.to_owned()].as_slice())
        );
    } else {
        registrar.remove("good").await;
        let outcome = registrar.define(defined(&[(KIND, "demoruntimes")])).await;
        assert!(
            outcome.verdicts[0].1.message.contains(alone),
            "{}",
            outcome.verdicts[0].1.message
        );
    }
}

#[tokio::test]
async fn an_older_registration_that_changes_takes_no_name_that_is_served() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    registrar
        .apply(&named([KIND, "demoruntimes", "demo", "demo-fuse"], "evil", 10))
        .await;
    registrar.apply(&named(GOOD, "good", 20)).await;
    assert_eq!(registry.all().len(), 2);

    let outcome = registrar
        .apply(&named([KIND, "demoruntimes", "good", "demo-fuse"], "evil", 10))
        .await;
    assert_eq!(states(&outcome), [("evil", State::LastGood)]);
    let message = &outcome.verdicts[0].1.message;
    assert!(
        message.contains("`engine: good`") && message.contains("keeps serving"),
        "{message}"
    );
    assert_eq!(registry.get(KIND).unwrap().description.engine, "demo");
    // Its next change is judged independently.
    let outcome = registrar
        .apply(&named([KIND, "demoruntimes", "demo", "demo-fuse"], "evil", 10))
        .await;
    assert_eq!(states(&outcome), [("evil", State::Loaded)]);
}

/// Registers an artifact by this name, and returns what is in it.
fn in_registry(reference: &str, answer: &str) -> (ConfigMap, Artifact) {
    let component = Guest::default().answers("desired", answer.as_bytes()).build();
    let mut map = config_map("demo", 0, &component, "");
    for yaml in map.data.iter_mut().flat_map(std::collections::BTreeMap::values_mut) {
        let source = format!("{{oci: \"{reference}\"}}");
        *yaml = yaml
            .replace("{inline: demo.wasm}", &source)
            .replace("{inline: chart.tgz}", &source);
    }
    map.binary_data = None;
    let pulled = Pulled {
        component: component.into(),
        chart: CHART.into(),
    };
    (map, Artifact::Here(pulled))
}

#[tokio::test]
async fn a_registration_waits_for_its_artifact_and_the_plugin_before_serves_meanwhile() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host).await;
    let (map, first) = in_registry("example.com/demo:1", "{\"v\": 1}");
    let outcome = registrar.apply(&map).await;
    assert_eq!(states(&outcome), [("demo", State::Waiting)]);
    assert_eq!(outcome.verdicts[0].1.message, "example.com/demo:1 is being pulled");
    assert!(registrar.knows(&map).await && answer(&registry).await.is_none());
    assert!(registrar.apply(&map).await.verdicts.is_empty(), "it is known");

    // What fails in the same way is said once.
    let failed = || Artifact::Failed("it is down".to_owned());
    assert_eq!(
        registrar.supply(&map, failed()).await.verdicts[0].1.message,
        "it is down"
    );
    assert!(registrar.supply(&map, failed()).await.verdicts.is_empty());
    // Whoever waits for the verdict is told whether that is of use.
    let outcome = registrar
        .supply(&map, Artifact::Withheld("it is not signed".to_owned()))
        .await;
    assert_eq!(states(&outcome), [("demo", State::Waiting)]);
    assert_eq!(outcome.verdicts[0].1.event(), ("Warning", "PluginCannotBePulled"));
    assert_eq!(
        states(&registrar.supply(&map, first.clone()).await),
        [("demo", State::Loaded)]
    );
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 1}");

    let (map, second) = in_registry("example.com/demo:2", "{\"v\": 2}");
    let outcome = registrar.apply(&map).await;
    assert_eq!(states(&outcome), [("demo", State::LastGood)]);
    assert!(
        outcome.verdicts[0]
            .1
            .message
            .starts_with("example.com/demo:2 is being pulled. The plugin loaded before")
    );
    // An artifact that is not the registered one is refused like any other.
    let outcome = registrar.supply(&map, first).await;
    assert_eq!(states(&outcome), [("demo", State::LastGood)]);
    assert!(outcome.verdicts[0].1.message.contains("the component's digest is"));
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 1}");
    assert_eq!(states(&registrar.supply(&map, second).await), [("demo", State::Loaded)]);
    assert_eq!(answer(&registry).await.unwrap(), "{\"v\": 2}");
}

#[tokio::test]
async fn a_verdict_is_bounded() {
    let (host, _directory) = host();
    let (registrar, _) = registrar(&host).await;
    let mut map = demo("demo", 0, "{}");
    let yaml = map.data.as_mut().unwrap().get_mut("plugin.yaml").unwrap();
    yaml.push_str(&format!("{}: 1\n", "x".repeat(200_000)));
    let outcome = registrar.apply(&map).await;
    let size: usize = outcome.verdicts[0].1.annotations().values().map(String::len).sum();
    assert!(size < 4096, "{size}");
}

#[rstest]
#[case("", "plugin.yaml: missing field `runtime`")]
#[case("runtime: A\nfoo: 1\n", "unknown field `foo`")]
#[case(
    "runtime: A\ncomponent: {inline: none.wasm}\nchart: {inline: chart.tgz}\ndigest: x\n",
    "component.inline: the ConfigMap has no key `none.wasm` in `binaryData`; it has chart.tgz, demo.wasm"
)]
#[case(
    "runtime: A\ncomponent: {oci: \"reg/repo:1\"}\nchart: {oci: \"reg/repo:2\"}\ndigest: x\n",
    "chart.oci: reg/repo:2 is another artifact than reg/repo:1 of component.oci"
)]
#[case(
    "runtime: A\ncomponent: {path: a}\nchart: {path: b}\ndigest: sha256:\
     0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\npullSecrets: [x]\n",
    "pullSecrets: nothing is pulled"
)]
#[case(
    "runtime: A\ncomponent: {inline: a, path: b}\nchart: {inline: chart.tgz}\ndigest: x\n",
    "component: exactly one of `inline`, `path` and `oci`"
)]
#[case(
    "runtime: A\ncomponent: {inline: demo.wasm}\nchart: {inline: chart.tgz}\n",
    "missing field `digest`"
)]
#[case(
    "runtime: A\ncomponent: {inline: demo.wasm}\nchart: {inline: chart.tgz}\ndigest: md5:1\n",
    "digest: `md5:1` is not a digest"
)]
#[case(
    "runtime: A\ncomponent: {inline: demo.wasm}\nchart: {path: c.tgz}\ndigest: x\n\
     grants: {exec: [worker], root: true}\n",
    "unknown field `root`"
)]
#[case(
    "runtime: A\ncomponent: {path: a}\nchart: {path: b}\ndigest: x\nlimits: {memory: 64Mi, fuel: 3}\n",
    "unknown field `fuel`"
)]
fn a_config_map_with_a_wrong_field_is_refused_with_its_name(#[case] yaml: &str, #[case] message: &str) {
    let mut map = demo("demo", 0, "{}");
    map.data
        .as_mut()
        .unwrap()
        .insert("plugin.yaml".to_owned(), yaml.to_owned());
    let refused = Registration::parse(&map).unwrap_err().to_string();
    assert!(refused.contains(message), "{refused}");
}

#[test]
fn a_registration_is_read() {
    let component = Guest::default().build();
    let more = "images: {worker: \"demo:1\"}\nsettings: {critical-fuse-pod: true, retries: 3}\n\
                grants: {exec: [worker], privileged: true}\nlimits: {deadline: 1m}";
    let registration = Registration::parse(&config_map("demo", 0, &component, more)).unwrap();
    assert_eq!(registration.settings["critical-fuse-pod"], "true");
    assert_eq!(registration.settings["retries"], "3");
    assert_eq!(registration.grants.to_string(), "exec [worker], privileged");
    assert_eq!(registration.limits.deadline.as_secs(), 60);
    let mut empty = demo("demo", 0, "{}");
    empty.data = None;
    assert!(
        Registration::parse(&empty)
            .unwrap_err()
            .to_string()
            .contains("has no key `plugin.yaml`")
    );
}

/// Returns the registrar of a process that starts with what an earlier one left on disk.
async fn restarted(directory: &tempfile::TempDir) -> (Registrar, Arc<Registry>) {
    let host = PluginHost::new(HostConfig::new(directory.path().join("cache"))).unwrap();
    let registry = Arc::new(Registry::new());
    (Registrar::new(host, registry.clone()), registry)
}

fn known_kinds() -> Definitions {
    defined(&[(KIND, "demoruntimes"), ("GoodRuntime", "goodruntimes")])
}

#[tokio::test]
async fn what_served_last_serves_after_a_restart_with_a_broken_registration() {
    let (host, directory) = host();
    let (registrar, _) = registrar(&host).await;
    registrar.apply(&demo("demo", 0, "{\"v\": 1}")).await;
    // The second change is refused, so the first one goes on.
    registrar.apply(&demo("demo", 0, "{\"v\": 2}")).await;
    let mut broken = demo("demo", 0, "{\"v\": 3}");
    broken.binary_data = None;
    let outcome = registrar.apply(&broken).await;
    assert_eq!(states(&outcome), [("demo", State::LastGood)]);
    drop((registrar, host));

    for _ in 0..2 {
        let (registrar, registry) = restarted(&directory).await;
        registrar.apply(&broken).await;
        let outcome = registrar.define(known_kinds()).await;
        assert_eq!(states(&outcome), [("demo", State::LastGood)]);
        let message = &outcome.verdicts[0].1.message;
        assert!(
            message.contains("has no key `demo.wasm`") && message.ends_with("keeps serving"),
            "{message}"
        );
        assert_eq!(answer(&registry).await.as_deref(), Some("{\"v\": 2}"));
    }

    // What is repaired takes over, and what was removed does not come back.
    let (registrar, registry) = restarted(&directory).await;
    registrar.apply(&broken).await;
    registrar.define(known_kinds()).await;
    let outcome = registrar.apply(&demo("demo", 0, "{\"v\": 4}")).await;
    assert_eq!(states(&outcome), [("demo", State::Loaded)]);
    assert_eq!(answer(&registry).await.as_deref(), Some("{\"v\": 4}"));
    registrar.remove("demo").await;
    let (registrar, registry) = restarted(&directory).await;
    registrar.apply(&broken).await;
    let outcome = registrar.define(known_kinds()).await;
    assert_eq!(answer(&registry).await, None);
    assert!(
        outcome
            .verdicts
            .iter()
            .all(|(_, verdict)| verdict.state == State::Refused)
    );
}

#[tokio::test]
async fn another_config_map_of_the_same_name_does_not_go_on_with_what_was_kept() {
    let (host, directory) = host();
    let (registrar, _) = registrar(&host).await;
    registrar.apply(&demo("demo", 0, "{\"v\": 1}")).await;
    let mut other = demo("demo", 10, "{\"v\": 2}");
    other.metadata.uid = Some("another".to_owned());
    other.binary_data = None;
    let (registrar, registry) = restarted(&directory).await;
    registrar.apply(&other).await;
    registrar.define(known_kinds()).await;
    assert_eq!(answer(&registry).await, None);
}
