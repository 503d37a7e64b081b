//! `wasser plugin run` and `wasser plugin test`: a reconcile and scenarios without a cluster.

#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

// The guests of the plugin host's own tests, made from text without a toolchain.
#[path = "../../plugin/tests/common/mod.rs"]
mod common;
#[path = "../../plugin/tests/common/package.rs"]
mod package;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::Guest;
use package::{chart, manifest};

const WORKER: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-worker}
spec:
  replicas: 0
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: demo, image: {{ .Values.image | quote }}}]}
";
const PAIR: &str = "apiVersion: data.fluid.io/v1alpha1
kind: Dataset
metadata: {name: demo}
spec: {mounts: [{mountPoint: s3://bucket, name: bucket}]}
---
apiVersion: data.fluid.io/v1alpha1
kind: DemoRuntime
metadata: {name: demo}
spec: {replicas: 1}
";

fn good() -> Guest {
    Guest::default().answers("desired", br#"{"image": "demo:1"}"#)
}

/// A guest whose `cache-states` panics as the SDK reports it.
fn panicking() -> Guest {
    let mut guest = good().import("log", "log", "(param i32 i32 i32)");
    let (line, length) = guest.bytes(b"panicked at src/lib.rs:42:9: no such role");
    let body = format!("(call $log (i32.const 3) (i32.const {line}) (i32.const {length})) (unreachable)");
    guest.method("cache-states", &body)
}

struct Project(tempfile::TempDir);

impl Project {
    fn of(guest: &Guest) -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        let grants = "exec: [worker], kinds: [StatefulSet]";
        let text = manifest(&guest.build(), &chart(&[("worker.yaml", WORKER)]), grants);
        project.write("demo.yaml", &text);
        project.write("pair.yaml", PAIR);
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), text).unwrap();
    }

    fn wasser(&self, arguments: &[&str]) -> Output {
        // Helm's engine takes long to compile, and is the same for all.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_wasser"));
        command
            .arg("plugin")
            .args(arguments)
            .current_dir(self.0.path())
            .env("WASSER_CACHE_DIR", cache);
        command.output().unwrap()
    }

    fn test(&self, more: &[&str]) -> Output {
        self.wasser(&[["test", ".", "--package", "demo.yaml"].as_slice(), more].concat())
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_reconcile_is_shown_with_its_calls_values_and_objects() {
    let output = Project::of(&good()).wasser(&["run", "demo.yaml", "-f", "pair.yaml"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for part in [
        "# desired ",
        "# VALUES\n",
        "image: demo:1\n",
        "kind: StatefulSet\n",
        "name: demo-worker\n",
    ] {
        assert!(said.contains(part), "{part}\nis not in\n{said}");
    }
    let call = said.lines().find(|line| line.starts_with("# desired ")).unwrap();
    assert!(call.contains(" µs ") && call.contains(" KiB "), "{call}");
}

#[test]
fn a_panic_is_shown_with_its_message_and_line() {
    let project = Project::of(&panicking());
    let output = project.wasser(&["run", "demo.yaml", "-f", "pair.yaml"]);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let call = said.lines().find(|line| line.starts_with("# cache-states ")).unwrap();
    assert!(call.contains("panicked at src/lib.rs:42:9: no such role"), "{call}");
    let line = said.lines().find(|line| line.trim_start().starts_with("ERROR"));
    assert!(
        line.is_some_and(|line| line.contains("panicked at src/lib.rs:42:9")),
        "{said}"
    );

    let checked = text(&project.wasser(&["check", "demo.yaml"]));
    let answers = checked
        .lines()
        .find(|line| line.starts_with("FAILED  answers"))
        .unwrap();
    assert!(
        answers.contains("panicked at src/lib.rs:42:9: no such role"),
        "{answers}"
    );
}

#[test]
fn what_check_keeps_repeats_what_it_found() {
    let project = Project::of(&panicking());
    let checked = project.wasser(&["check", "demo.yaml", "--contexts", "contexts"]);
    let said = text(&checked);
    let (_, file) = said.split_once("wasser plugin run PLUGIN -f ").unwrap();
    let file = file.lines().next().unwrap();
    let again = text(&project.wasser(&["run", "demo.yaml", "-f", file]));
    assert!(again.contains("panicked at src/lib.rs:42:9: no such role"), "{again}");
}

#[test]
fn a_scenario_is_written_once_and_then_compared() {
    let project = Project::of(&good());
    let scenario = format!(
        "{PAIR}---\napiVersion: wasser.fluid.io/v1alpha1\nkind: Scenario\nexpect: {{values: {{image: 'demo:1'}}}}\n"
    );
    project.write("scenarios/bare.yaml", &scenario);
    let missing = project.test(&[]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing).contains("FAILED  bare: "), "{}", text(&missing));
    let written = project.test(&["--update"]);
    assert_eq!(written.status.code(), Some(0), "{}", text(&written));
    let same = project.test(&[]);
    assert_eq!(text(&same), "ok      bare\n1 scenarios, 0 failed\n");

    let golden = std::fs::read_to_string(project.path("scenarios/golden/bare.yaml")).unwrap();
    project.write("scenarios/golden/bare.yaml", &golden.replace("demo:1", "demo:2"));
    project.write("scenarios/bare.yaml", &scenario.replace("demo:1", "demo:3"));
    let said = text(&project.test(&[]));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "FAILED  bare: values: /image is \"demo:1\", expected \"demo:3\"",
            "FAILED  bare: objects: StatefulSet demo-worker: /spec/template/spec/containers/0/image is \"demo:1\", \
             expected \"demo:2\"",
            "1 scenarios, 1 failed",
        ]
    );
}

#[test]
fn a_new_plugin_is_written_where_the_sdk_is_known() {
    let project = Project(tempfile::tempdir().unwrap());
    let refused = project.wasser(&["new", "my-cache"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused).contains("Give `--sdk` the directory plugins/sdk"),
        "{}",
        text(&refused)
    );
    let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/sdk");
    let written = project.wasser(&["new", "my-cache", "--lang", "rust", "--sdk", sdk]);
    let said = text(&written);
    assert_eq!(written.status.code(), Some(0), "{said}");
    assert!(said.contains("\n  wasser plugin test\n"), "{said}");
    let manifest = std::fs::read_to_string(project.path("my-cache/Cargo.toml")).unwrap();
    assert!(
        manifest.contains("name = \"my-cache-runtime\"") && manifest.contains("plugins/sdk\" }"),
        "{manifest}"
    );
    let module = project.path("module.wasm");
    std::fs::write(&module, Guest::default().module()).unwrap();
    let packed = project.wasser(&["pack", "my-cache", "--module", "module.wasm"]);
    assert!(
        text(&packed).contains("the module does not fit the world wasser:runtime"),
        "{}",
        text(&packed)
    );
}

/// Runs `wasser plugin pack` on a new plugin, with a cargo that does this.
fn packed_by(script: &str) -> Output {
    use std::os::unix::fs::PermissionsExt;
    let project = Project(tempfile::tempdir().unwrap());
    let sdk = concat!(env!("CARGO_MANIFEST_DIR"), "/../../plugins/sdk");
    assert!(project.wasser(&["new", "my-cache", "--sdk", sdk]).status.success());
    project.write("bin/cargo", &format!("#!/bin/sh\n{script}\n"));
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(project.path("bin/cargo"), executable).unwrap();
    project.write("module.wasm", "no module");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasser"));
    let path = format!("{}:/usr/bin:/bin", project.path("bin").display());
    command
        .args(["plugin", "pack", "my-cache"])
        .current_dir(project.0.path())
        .env("PATH", path);
    command.output().unwrap()
}

#[test]
fn cargo_says_where_the_module_is() {
    let said = text(&packed_by(
        r#"echo '{"reason": "compiler-artifact", "filenames": ["/none/lib.rlib", "'$PWD'/../module.wasm"]}'"#,
    ));
    // It was found and read, and is none.
    assert!(said.contains("the module is not one of the world"), "{said}");
}

#[test]
fn a_crate_that_is_not_a_module_is_named_with_the_remedy() {
    let said = text(&packed_by("exit 101"));
    assert!(
        said.contains("compiling my-cache for wasm32-unknown-unknown failed")
            && said.contains("rustup target add wasm32-unknown-unknown"),
        "{said}"
    );
    let said = text(&packed_by(r#"echo '{"reason": "build-finished"}'"#));
    assert!(said.contains("crate-type = [\"cdylib\"]"), "{said}");
}
