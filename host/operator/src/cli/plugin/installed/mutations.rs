//! Proposals and histories that are nearly right are refused, or written as they were read.

use k8s_openapi::api::core::v1::ConfigMap;
use proptest::prelude::*;
use wasser_pack::Registered;
use wasser_plugin::Digest;
use wasser_test_mutations::{config, text};

use super::plugin_yaml::PluginYaml;
use super::record::Record;

const YAML: &str = "runtime: DemoRuntime
component: {inline: demo.wasm}
digest: ''
chart: {inline: chart.tgz}
pullSecrets: [registry]
images: {worker: 'demo:1'}
settings: {port-range: 20000-26000, trace: true, n: 3}
grants: {exec: [worker], http: ['worker:80'], secrets: true, objects: [Profile@/spec/profile], fuse: true,
  host-paths: [/dev/shm], rbac: [{apiGroups: ['', apps], resources: [pods, deployments/scale], verbs: [get]}]}
limits: {memory: 64Mi}
";

const HISTORY: &str = r#"[{"revision":1,"version":"1.0.0","reference":"example.com/demo@sha256:00","asked":{"exec":["worker"]},
"plugin":"runtime: DemoRuntime"},{"revision":4294967295,"version":"","reference":"inline demo.wasm","plugin":""}]"#;

#[test]
fn a_proposal_that_is_nearly_right_is_refused_in_few_words_or_written_as_it_was_read() {
    proptest!(config(2000), |(yaml in text(YAML))| {
        match PluginYaml::parse(&yaml) {
            Ok(mut read) => {
                let from = Registered::Oci("example.com/demo@sha256:00".to_owned());
                let text = read.text(&from, &Digest::of(b"x")).unwrap();
                let again = PluginYaml::parse(&text).unwrap();
                read.grants.get_or_insert_default();
                prop_assert_eq!(read, again);
            }
            Err(error) => {
                let said = error.to_string();
                prop_assert!(said.starts_with("plugin.yaml") && said.len() < 2000, "{}", said);
            }
        }
    });
}

#[test]
fn a_history_that_is_nearly_right_is_refused_or_grows() {
    proptest!(config(2000), |(history in text(HISTORY))| {
        let mut map = ConfigMap::default();
        let annotations = map.metadata.annotations.get_or_insert_default();
        annotations.insert("wasser.fluid.io/history".to_owned(), history);
        if let Ok(mut record) = Record::of(&map) {
            let current = record.current().cloned().unwrap_or_default();
            let _asked = current.asked();
            record.push(current);
            record.write(&mut map);
            prop_assert!(Record::of(&map).is_ok());
        }
    });
}
