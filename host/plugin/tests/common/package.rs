//! Packages of test guests, for the tests of crates that read or render them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use wasser_plugin::Digest;

/// Packs a chart with these templates.
pub fn chart(templates: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut add = |path: &str, text: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    };
    add("demo/Chart.yaml", "apiVersion: v2\nname: demo\nversion: 1.0.0\n");
    for (name, text) in templates {
        add(&format!("demo/templates/{name}"), text);
    }
    archive.into_inner().unwrap().finish().unwrap()
}

/// The manifest that registers a component of `DemoRuntime` with a chart.
#[allow(dead_code)] // Some of the test programs that share this file write their own.
pub fn manifest(component: &[u8], chart: &[u8], grants: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: demo\n  labels: {{wasser.fluid.io/plugin: \"true\"}}\n\
         data:\n  plugin.yaml: |\n    runtime: DemoRuntime\n    component: {{inline: demo.wasm}}\n    digest: {}\n    \
         chart: {{inline: demo.tgz}}\n    grants: {{{grants}}}\nbinaryData:\n  demo.wasm: {}\n  demo.tgz: {}\n",
        Digest::of(component),
        STANDARD.encode(component),
        STANDARD.encode(chart),
    )
}
