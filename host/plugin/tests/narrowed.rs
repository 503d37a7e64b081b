//! Tests what a plugin may do that serves on while what is registered is not here.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use std::sync::Arc;

use common::Guest;
use common::registration::{CHART, config_map, crd, host};
use k8s_openapi::api::core::v1::ConfigMap;
use rstest::rstest;
use wasser_plugin::{Artifact, Digest, HostConfig, Plugin, PluginHost, Pulled, Registrar, Registry, State};

const KIND: &str = "DemoRuntime";
const GIVEN: &str = "grants: {exec: [worker], kinds: [StatefulSet]}\nlimits: {memory: 32Mi}\n";

/// A ConfigMap that names an artifact by this tag.
fn map(tag: &str, component: &[u8], more: &str) -> ConfigMap {
    let mut map = config_map("demo", 0, component, more);
    map.binary_data = None;
    for yaml in map.data.iter_mut().flat_map(|data| data.values_mut()) {
        for inline in ["inline: demo.wasm", "inline: chart.tgz"] {
            *yaml = yaml.replace(inline, &format!("oci: registry.example.org/demo:{tag}"));
        }
    }
    map
}

fn here(component: &[u8]) -> Artifact {
    Artifact::Here(Pulled {
        component: component.to_vec().into(),
        chart: CHART.to_vec().into(),
    })
}

async fn registrar(host: &PluginHost, keys: Option<&str>) -> (Registrar, Arc<Registry>) {
    let registry = Arc::new(Registry::new());
    let registrar = Registrar::new(host.clone(), registry.clone()).with_keys(keys.map(str::to_owned));
    registrar
        .define([crd(KIND, "demoruntimes")].into_iter().collect())
        .await;
    (registrar, registry)
}

fn grants(plugin: &Plugin) -> String {
    plugin.grants.to_string()
}

#[rstest]
#[case::coming(Artifact::Coming)]
#[case::failed(Artifact::Failed("the registry does not answer".to_owned()))]
#[case::withheld(Artifact::Withheld("it is not signed".to_owned()))]
#[case::refused(here(b"no component"))]
#[tokio::test]
async fn grants_that_are_taken_back_count_before_the_next_artifact_is_here(#[case] artifact: Artifact) {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host, None).await;
    let component = Guest::default().build();
    registrar.supply(&map("1", &component, GIVEN), here(&component)).await;
    let first = registry.get(KIND).unwrap();
    assert_eq!(
        (grants(&first), first.limits.memory),
        ("exec [worker], kinds [StatefulSet]".to_owned(), 32 << 20)
    );

    let less = map(
        "2",
        &component,
        "grants: {kinds: [StatefulSet], privileged: true}\nlimits: {memory: 16Mi}\n",
    );
    let outcome = registrar.supply(&less, artifact.clone()).await;
    assert_eq!(
        (outcome.verdicts[0].1.state, outcome.changed.as_slice()),
        (State::LastGood, [KIND.to_owned()].as_slice())
    );
    assert_eq!(outcome.verdicts[0].1.facts["grants"], "kinds [StatefulSet]");
    let narrowed = registry.get(KIND).unwrap();
    assert_eq!(
        (grants(&narrowed), narrowed.limits.memory),
        ("kinds [StatefulSet]".to_owned(), 32 << 20),
        "the limits under which the next one may fail are not for this one"
    );
    assert_ne!(narrowed.build, first.build);

    // It is the same plugin for as long as no other grants are given.
    let again = map(
        "3",
        &component,
        "grants: {kinds: [StatefulSet]}\nlimits: {memory: 16Mi}\n",
    );
    let outcome = registrar.supply(&again, artifact.clone()).await;
    assert!(outcome.changed.is_empty() && Arc::ptr_eq(&narrowed, &registry.get(KIND).unwrap()));

    // What is given back is what it had, and no more.
    let more = map(
        "4",
        &component,
        "grants: {exec: [worker, master], kinds: [StatefulSet], ports: true}\n",
    );
    registrar.supply(&more, artifact.clone()).await;
    let serves = registry.get(KIND).unwrap();
    assert_eq!(
        (grants(&serves), serves.limits.memory),
        ("exec [worker], kinds [StatefulSet]".to_owned(), 32 << 20)
    );

    // What cannot be read gives what was given.
    registrar
        .supply(&map("5", &component, "grants: {exec: [}\n"), artifact)
        .await;
    assert_eq!(
        grants(&registry.get(KIND).unwrap()),
        "exec [worker], kinds [StatefulSet]"
    );
}

/// A host on the same directory whose compilations last until they are given up.
fn slow_host(directory: &tempfile::TempDir) -> PluginHost {
    let mut config = HostConfig::new(directory.path().join("cache"));
    config.precompiler = Some(vec!["/bin/sh".into(), "-c".into(), "exec sleep 600".into()]);
    PluginHost::new(config).unwrap()
}

#[tokio::test]
async fn grants_that_are_taken_back_count_while_the_next_component_is_compiled() {
    let (host, directory) = host();
    let component = Guest::default().build();
    // It is compiled already when the operator starts.
    registrar(&host, None)
        .await
        .0
        .supply(&map("1", &component, GIVEN), here(&component))
        .await;
    drop(host);
    let (registrar, registry) = registrar(&slow_host(&directory), None).await;
    registrar.supply(&map("1", &component, GIVEN), here(&component)).await;
    assert_eq!(
        grants(&registry.get(KIND).unwrap()),
        "exec [worker], kinds [StatefulSet]"
    );
    let other = Guest::default().pages(2).build();
    let less = map("2", &other, "grants: {kinds: [StatefulSet]}\n");
    let (outcome, loading) = registrar.begin(&less, here(&other)).await;
    let (_, verdict) = &outcome.verdicts[0];
    assert_eq!(verdict.state, State::LastGood);
    assert!(
        verdict.message.starts_with("it is being compiled"),
        "{}",
        verdict.message
    );
    assert_eq!(outcome.changed, [KIND]);
    assert_eq!(grants(&registry.get(KIND).unwrap()), "kinds [StatefulSet]");

    // Others do not wait for it, and its own end makes it void.
    let mark = directory
        .path()
        .join("cache")
        .join(format!("{}.compiling", Digest::of(&other).hex()));
    let removed = async {
        while !mark.exists() {
            tokio::task::yield_now().await;
        }
        registrar.remove("demo").await
    };
    let outcome = tokio::select! {
        outcome = registrar.finish(loading.unwrap()) => panic!("it was compiled: {:?}", outcome.verdicts),
        outcome = removed => outcome,
    };
    assert_eq!(outcome.removed, [KIND]);
}

#[tokio::test]
async fn grants_that_are_taken_back_count_where_what_was_shipped_is_for_other_processors() {
    let directory = tempfile::tempdir().unwrap();
    let shipped = directory.path().join("shipped");
    std::fs::create_dir(&shipped).unwrap();
    let [component, other] = [1, 2].map(|pages| Guest::default().pages(pages).build());
    let name = format!("plugin-{}-0.cwasm", Digest::of(&other).hex());
    std::fs::write(shipped.join(name), "cannot be loaded").unwrap();
    let host = PluginHost::new(HostConfig {
        compiled_dir: Some(shipped),
        ..HostConfig::new(directory.path().join("cache"))
    });
    let (registrar, registry) = registrar(&host.unwrap(), None).await;
    registrar.supply(&map("1", &component, GIVEN), here(&component)).await;
    let less = map("2", &other, "grants: {kinds: [StatefulSet]}\n");
    let (outcome, _) = registrar.begin(&less, here(&other)).await;
    assert_eq!(outcome.changed, [KIND]);
    assert_eq!(grants(&registry.get(KIND).unwrap()), "kinds [StatefulSet]");
}

#[tokio::test]
async fn a_plugin_that_is_loaded_too_late_does_not_serve() {
    let (host, _directory) = host();
    let (registrar, registry) = registrar(&host, None).await;
    let [old, new] = [1, 2].map(|pages| Guest::default().pages(pages).build());
    let (_, late) = registrar.begin(&map("1", &old, GIVEN), here(&old)).await;
    let (_, gone) = registrar.begin(&map("2", &new, GIVEN), here(&new)).await;
    assert!(registrar.finish(late.unwrap()).await.verdicts.is_empty());
    assert!(registry.get(KIND).is_none());
    registrar.remove("demo").await;
    assert!(registrar.finish(gone.unwrap()).await.verdicts.is_empty());
    assert!(registry.get(KIND).is_none());
}

#[rstest]
#[case::none_were_asked_for(None, None, true)]
#[case::the_same(Some("a"), Some("a"), true)]
#[case::others(Some("a"), Some("b"), false)]
#[case::none_before(None, Some("a"), false)]
#[case::none_now(Some("a"), None, true)]
#[tokio::test]
async fn what_was_pulled_with_other_keys_does_not_serve_after_a_restart(
    #[case] before: Option<&str>,
    #[case] now: Option<&str>,
    #[case] serves: bool,
) {
    let (host, directory) = host();
    let component = Guest::default().build();
    let (first, _) = registrar(&host, before).await;
    first.supply(&map("1", &component, GIVEN), here(&component)).await;
    drop((first, host));
    let host = PluginHost::new(HostConfig::new(directory.path().join("cache"))).unwrap();
    let (second, registry) = registrar(&host, now).await;
    second
        .apply(&map("2", &component, "grants: {kinds: [StatefulSet]}\n"))
        .await;
    let found = registry.get(KIND).map(|plugin| grants(&plugin));
    assert_eq!(found, serves.then(|| "kinds [StatefulSet]".to_owned()));
}
