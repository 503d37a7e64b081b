//! Components and registrations that are nearly right are refused or not; neither panics, hangs, or
//! costs more than its limits.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

mod common;

use common::backend::{Fake, scope};
use common::registration::{CHART, config_map, context, host, load};
use common::{ANSWER, Guest};
use proptest::prelude::*;
use wasser_plugin::Registration;
use wasser_test_mutations::{bytes, check, config};

const SMALL: &str = "limits: {memory: 2Mi, cpu: 50ms, deadline: 2s, output: 64Ki}";

fn guest() -> Vec<u8> {
    let fine = format!("(i32.store (i32.const {ANSWER}) (i32.const 0)) (i32.const {ANSWER})");
    Guest::default().method("validate", &fine).build()
}

const YAML: &str = "runtime: DemoRuntime
component: {inline: demo.wasm}
digest: sha256:0000000000000000000000000000000000000000000000000000000000000000
chart: {inline: chart.tgz}
images: {worker: 'demo:1'}
grants: {exec: [worker], http: ['worker:80'], secrets: true, objects: [ConfigMap, Profile@/spec/profile], state: true,
  kinds: [StatefulSet, ConfigMap], fuse: true, host-paths: [/dev/shm], rbac: [{apiGroups: [''], resources: [pods], verbs: [get]}]}
limits: {memory: 64Mi, cpu: 500ms, deadline: 30s, output: 1Mi}
settings: {port-range: 20000-26000}
";

#[test]
fn a_component_that_is_nearly_right_is_refused_or_answers() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (host, directory) = host();
    check(150, bytes(&guest()), [guest()], move |component| {
        let _kept = &directory;
        runtime.block_on(async {
            if let Ok(plugin) = load(&host, component, SMALL).await {
                // Whatever it answers: it has ended.
                let _answer = plugin.instance(scope(), Fake::new()).validate(&context()).await;
            }
        });
    });
}

/// Parses a registration, which must be right or refused in few words.
fn parse(yaml: &str, component: &[u8], chart: Vec<u8>) {
    let mut map = config_map("demo", 0, component, "");
    map.data
        .as_mut()
        .unwrap()
        .insert("plugin.yaml".to_owned(), yaml.to_owned());
    map.binary_data.as_mut().unwrap().get_mut("chart.tgz").unwrap().0 = chart;
    Registration::claimed_kind(&map);
    if let Err(error) = Registration::parse(&map) {
        let said = error.to_string();
        assert!(!said.is_empty() && said.len() < 2000, "{said}");
    }
}

#[test]
fn a_registration_that_is_nearly_right_is_refused_in_few_words_or_not() {
    check(3000, bytes(YAML.as_bytes()), [YAML.into()], |yaml| {
        parse(&String::from_utf8_lossy(yaml), b"\0asm", CHART.to_vec());
    });
}

#[test]
fn what_comes_with_a_registration_is_refused_in_few_words_or_not() {
    proptest!(config(1000), |(component in bytes(b"\0asm"), chart in bytes(CHART))| parse(YAML, &component, chart));
}
