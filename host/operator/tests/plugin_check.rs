//! `wasser plugin` on good and bad files: everything that registering does, offline.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

// The guests of the plugin host's own tests, made from text without a toolchain.
#[path = "../../plugin/tests/common/mod.rs"]
mod common;
#[path = "../../plugin/tests/common/package.rs"]
mod package;

use std::path::PathBuf;
use std::process::{Command, Output};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::Guest;
use flate2::Compression;
use flate2::write::GzEncoder;
use rstest::rstest;

/// Begins like a chart, which is enough for what is not about charts.
const CHART: &[u8] = common::registration::CHART;

/// The guest's workload.
const WORKER: &str = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: {{ .Release.Name }}-worker}\nspec:\n  \
                  replicas: 0\n  selector: {matchLabels: {app: {{ .Release.Name }}}}\n  template:\n    metadata: \
                  {labels: {app: {{ .Release.Name }}}}\n    spec: {containers: [{name: demo, image: demo}]}\n";

/// A guest that gives values.
fn good() -> Vec<u8> {
    Guest::default().answers("desired", b"{}").build()
}

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn wasser(&self, arguments: &[&str], file: &PathBuf) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wasser"));
        command
            .arg("plugin")
            .args(arguments)
            .arg(file)
            // Helm's engine takes long to compile, and is the same for all.
            .env("WASSER_CACHE_DIR", env!("CARGO_TARGET_TMPDIR"));
        command.output().unwrap()
    }
}

/// The manifest with [`CHART`], and what `change` does to its text.
fn manifest(component: &[u8], change: impl Fn(String) -> String) -> Vec<u8> {
    change(package::manifest(
        component,
        CHART,
        "exec: [worker], kinds: [StatefulSet]",
    ))
    .into_bytes()
}

fn unchanged(text: String) -> String {
    text
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[rstest]
#[case::digest("digest: sha256:", "digest: sha256:0", "digest")]
#[case::label("\"true\"", "\"false\"", "no ConfigMap with the label wasser.fluid.io/plugin")]
#[case::key("inline: demo.wasm", "inline: other.wasm", "no key `other.wasm`")]
#[case::grant("exec: [worker]", "execute: [worker]", "execute")]
#[case::registry(
    "inline: demo.wasm",
    "oci: example.org/demo",
    "is in a registry, and only the operator pulls it"
)]
#[case::kind("runtime: DemoRuntime", "runtime: OtherRuntime", "OtherRuntime")]
#[case::outside(
    "inline: demo.wasm",
    "path: ../../etc/passwd",
    "cannot be read below the plugin directory"
)]
#[case::yaml("runtime: DemoRuntime", "runtime: [", "plugin.yaml")]
fn a_bad_registration_is_refused_with_its_reason(#[case] from: &str, #[case] to: &str, #[case] reason: &str) {
    let files = Files::new();
    let file = files.write(
        "demo.yaml",
        &manifest(&Guest::default().build(), |text| text.replacen(from, to, 1)),
    );
    let output = files.wasser(&["check"], &file);
    let said = text(&output.stdout);
    assert!(
        said.starts_with("refused: ") && said.contains(reason),
        "{said}{}",
        text(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(1));
}

/// A component that carries this CRD.
fn carrying(crd: serde_json::Value) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    std::io::Write::write_all(&mut packed, crd.to_string().as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let name = wasser_plugin::CRD_SECTION.as_bytes();
    let mut component = good();
    // A custom section: id 0, its length and that of its name in LEB128, the name, the content.
    let length = 1 + name.len() + packed.len();
    component.extend([
        0,
        u8::try_from(length & 0x7f).unwrap() | 0x80,
        u8::try_from(length >> 7).unwrap(),
    ]);
    component.push(u8::try_from(name.len()).unwrap());
    component.extend_from_slice(name);
    component.extend(packed);
    component
}

fn crd() -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "demoruntimes.data.fluid.io"},
        "spec": {
            "group": "data.fluid.io", "scope": "Namespaced", "names": {"kind": "DemoRuntime", "plural": "demoruntimes"},
            "versions": [{"name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
                    "properties": {"replicas": {"type": "integer"}}}}}}}],
        },
    })
}

#[rstest]
#[case::good("/spec/scope", "Namespaced", "loaded: serves DemoRuntime")]
#[case::kind(
    "/spec/names/kind",
    "OtherRuntime",
    "waiting: the CRD demoruntimes.data.fluid.io belongs to OtherRuntime, not to DemoRuntime"
)]
#[case::plural(
    "/spec/names/plural",
    "demos",
    "waiting: the CRD demoruntimes.data.fluid.io does not exist, and the CRD of DemoRuntime is demos"
)]
#[case::group(
    "/spec/group",
    "other.io",
    "refused: the package carries CRDs, but neither one of DemoRuntime nor demoruntimes.data.fluid.io"
)]
#[case::scope(
    "/spec/scope",
    "Cluster",
    "waiting: the CRD demoruntimes.data.fluid.io has the scope `Cluster`"
)]
fn a_crd_in_the_package_is_compared_with_what_the_plugin_says(
    #[case] pointer: &str,
    #[case] value: &str,
    #[case] says: &str,
) {
    let files = Files::new();
    let mut crd = crd();
    *crd.pointer_mut(pointer).unwrap() = value.into();
    let bare = STANDARD.encode(CHART);
    let file = files.write(
        "demo.yaml",
        &manifest(&carrying(crd), |text| {
            text.replace(&bare, &STANDARD.encode(package::chart(&[("worker.yaml", WORKER)])))
        }),
    );
    let output = files.wasser(&["check"], &file);
    let said = text(&output.stdout);
    assert!(said.starts_with(says), "{said}{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(i32::from(!says.starts_with("loaded"))));
    assert!(!said.contains("carries no CRD"), "{said}");
}

#[test]
fn a_package_over_the_limit_of_the_api_server_is_refused() {
    let files = Files::new();
    let file = files.write("demo.yaml", &manifest(&vec![0; 1 << 20], unchanged));
    let said = text(&files.wasser(&["check"], &file).stdout);
    assert!(
        said.starts_with("refused: the ConfigMap has 10") && said.contains("accepts 1048576") && said.contains("`oci`"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_not_in_the_plugin_directory_is_looked_for_by_name() {
    let files = Files::new();
    let component = Guest::default().build();
    let file = files.write(
        "demo.yaml",
        &manifest(&component, |text| {
            text.replacen("inline: demo.wasm", "path: none.wasm", 1)
        }),
    );
    let said = text(&files.wasser(&["check"], &file).stdout);
    let directory = files.0.path().display();
    assert!(
        said.contains(&format!(
            "`path: none.wasm` cannot be read below the plugin directory {directory}"
        )),
        "{said}"
    );
}

/// A guest whose `describe` panics as the SDK reports it.
fn panics_in_describe() -> Vec<u8> {
    let mut guest = Guest::default().import("log", "log", "(param i32 i32 i32)");
    let (line, length) = guest.bytes(b"panicked at src/lib.rs:7:5: no version");
    let body = format!("(call $log (i32.const 3) (i32.const {line}) (i32.const {length})) (unreachable)");
    guest.describing(&body).build()
}

#[rstest]
#[case::module(Guest::default().module(), "core WebAssembly module, not a component")]
#[case::version(Guest::default().version("0.9.0").build(), "0.9.0")]
#[case::method(Guest::default().without("shutdown").build(), "shutdown")]
#[case::endless(Guest::default().describing("(loop $again (br $again)) (unreachable)").build(), "ran for more than")]
#[case::trap(Guest::default().describing("(unreachable)").build(), "trapped")]
#[case::panic(panics_in_describe(), "panicked at src/lib.rs:7:5: no version")]
#[case::damaged(b"\0asm\x0d\0\x01\0 and then nonsense".to_vec(), "component")]
fn a_bad_component_is_refused_with_its_reason(#[case] component: Vec<u8>, #[case] reason: &str) {
    let files = Files::new();
    let file = files.write("demo.yaml", &manifest(&component, unchanged));
    let output = files.wasser(&["check"], &file);
    let said = text(&output.stdout);
    assert!(
        said.starts_with("refused: ") && said.contains(reason),
        "{said}{}",
        text(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(1));
}

#[rstest]
#[case::missing(None, "reading")]
#[case::neither(Some(b"\xff\xfe".as_slice()), "neither WebAssembly nor YAML")]
#[case::prose(Some(b"hello".as_slice()), "no Kubernetes object")]
#[case::empty(Some(b"".as_slice()), "no ConfigMap with the label")]
fn what_is_no_plugin_is_refused(#[case] content: Option<&[u8]>, #[case] reason: &str) {
    let files = Files::new();
    let file = content.map_or_else(
        || files.0.path().join("missing"),
        |content| files.write("file", content),
    );
    let output = files.wasser(&["check"], &file);
    let said = text(&output.stdout);
    assert!(said.starts_with("refused: ") && said.contains(reason), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_chart_that_is_none_is_refused() {
    let files = Files::new();
    let bare = STANDARD.encode(CHART);
    let file = files.write(
        "demo.yaml",
        &manifest(&Guest::default().build(), |text| {
            text.replace(&bare, &STANDARD.encode(b"no archive"))
        }),
    );
    let said = text(&files.wasser(&["check"], &file).stdout);
    assert!(
        said.starts_with("refused: ") && said.contains("not a gzipped archive"),
        "{said}"
    );
}

#[test]
fn a_good_plugin_is_loaded() {
    let files = Files::new();
    let bare = STANDARD.encode(CHART);
    let file = files.write(
        "demo.yaml",
        &manifest(&good(), |text| {
            text.replace(&bare, &STANDARD.encode(package::chart(&[("worker.yaml", WORKER)])))
        }),
    );
    let output = files.wasser(&["check"], &file);
    let said = text(&output.stdout);
    assert!(said.starts_with("loaded: serves DemoRuntime"), "{said}");
    assert!(said.lines().any(|line| line == "wit                   0.1.0"), "{said}");
    assert!(said.contains("the package carries no CRD"), "{said}");
    assert!(
        said.contains("\nok      answers       ") && !said.contains("FAILED"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_plugin_that_does_not_keep_the_contract_fails_although_it_would_be_loaded() {
    let files = Files::new();
    let bare = STANDARD.encode(CHART);
    let component = Guest::default()
        .answers("desired", b"{}")
        .method("validate", "(unreachable)")
        .build();
    let file = files.write(
        "demo.yaml",
        &manifest(&component, |text| {
            text.replace(&bare, &STANDARD.encode(package::chart(&[("worker.yaml", WORKER)])))
        }),
    );
    let contexts = files.0.path().join("contexts").display().to_string();
    let output = files.wasser(&["check", "--output", "json", "--contexts", &contexts], &file);
    assert_eq!(output.status.code(), Some(1));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["verdict"], "loaded");
    let checks = said["checks"].as_array().unwrap();
    let answers = checks.iter().find(|check| check["name"] == "answers").unwrap();
    assert_eq!(answers["outcome"], "failed");
    let finding = &answers["findings"][0];
    assert!(
        finding["message"].as_str().unwrap().contains("`validate` failed"),
        "{finding}"
    );
    assert!(std::fs::exists(finding["file"].as_str().unwrap()).unwrap(), "{finding}");
}

#[test]
fn a_plugin_is_shown_as_it_is() {
    let files = Files::new();
    let file = files.write("demo.yaml", &manifest(&Guest::default().build(), unchanged));
    let output = files.wasser(&["inspect"], &file);
    let shown = text(&output.stdout);
    for line in [
        "plugin                demo 1.0.0",
        "methods               nothing",
        "kind                  DemoRuntime",
        "resource              demoruntimes.data.fluid.io",
        "granted               exec [worker], kinds [StatefulSet]",
        "role                  worker: StatefulSet NAME-worker, needed for Bound",
    ] {
        assert!(
            shown.lines().any(|shown| shown == line),
            "{line}\nis not in\n{shown}{}",
            text(&output.stderr)
        );
    }
}

#[test]
fn a_module_is_not_looked_at_as_a_plugin() {
    let files = Files::new();
    let file = files.write("demo.wasm", &Guest::default().module());
    let output = files.wasser(&["inspect"], &file);
    let said = text(&output.stderr);
    assert!(
        said.contains("core WebAssembly module, not a component") && !said.contains("wasser:crd"),
        "{said}"
    );
}

#[test]
fn a_plugin_without_a_crd_says_what_is_missing() {
    let files = Files::new();
    let file = files.write("demo.wasm", &Guest::default().build());
    let output = files.wasser(&["crd"], &file);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("wasser:crd"), "{}", text(&output.stderr));
}
