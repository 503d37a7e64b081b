//! `wasser data` as a program, without a cluster.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::path::Path;
use std::process::{Command, Output};

struct User(tempfile::TempDir);

impl User {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn runs(&self, program: &Path, line: &str) -> Output {
        let mut command = Command::new(program);
        command.args(line.split_whitespace());
        command.env("HOME", self.0.path()).env_remove("KUBECONFIG");
        command.env_remove("KUBERNETES_SERVICE_HOST").output().unwrap()
    }

    fn wasser(&self, line: &str) -> Output {
        self.runs(Path::new(env!("CARGO_BIN_EXE_wasser")), line)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_manifest_is_printed_without_a_cluster() {
    let user = User::new();
    let output = user.wasser("data load demo --name warm --path /a -n team --dry-run=client -o yaml");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(
        text(&output.stdout),
        "apiVersion: data.fluid.io/v1alpha1\nkind: DataLoad\nmetadata:\n  name: warm\n  namespace: team\nspec:\n  \
         dataset:\n    name: demo\n  policy: Once\n  target:\n  - path: /a\n"
    );
    // A name is made up, and the namespace is that of kubeconfigs that name none.
    let output = user.wasser("data load demo --dry-run=client");
    let name = text(&output.stdout);
    assert!(name.starts_with("dataload.data.fluid.io/load-demo-"), "{name}");
    let output = user.wasser("data load demo --dry-run=client -o json");
    assert!(text(&output.stdout).contains("\"namespace\": \"default\""));
}

#[test]
fn the_namespace_is_that_of_the_context() {
    let user = User::new();
    let file = user.0.path().join("config");
    let context = |name: &str, namespace: &str| {
        format!("- name: {name}\n  context: {{cluster: c, user: u, namespace: {namespace}}}\n")
    };
    let config = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: one\ncontexts:\n{}{}clusters:\n- name: c\n  cluster: {{server: \
         http://127.0.0.1:1}}\nusers:\n- name: u\n  user: {{}}\n",
        context("one", "first"),
        context("two", "second")
    );
    std::fs::write(&file, config).unwrap();
    for (more, namespace) in [("", "first"), ("--context two", "second"), ("-n third", "third")] {
        let line = format!(
            "data backup demo --to pvc://a/b --dry-run=client -o json --kubeconfig {} {more}",
            file.display()
        );
        let printed = text(&user.wasser(&line).stdout);
        assert!(
            printed.contains(&format!("\"namespace\": \"{namespace}\"")),
            "{printed}"
        );
    }
    let output = user.wasser(&format!("data list --kubeconfig {}", file.display()));
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.starts_with("Error: listing the DataLoads: "), "{said}");
}

#[test]
fn what_cannot_work_ends_with_an_exit_code_and_the_reason() {
    let user = User::new();
    for (line, code, words) in [
        ("data load", 2, "<DATASET>"),
        (
            "data load demo",
            1,
            "neither KUBECONFIG, ~/.kube/config nor a pod's service account",
        ),
        ("data load demo -o yaml", 2, "goes with --dry-run or --no-wait"),
        (
            "data load demo --dry-run=client --option token=hunter2",
            2,
            "does not belong on a command line",
        ),
        (
            "data load demo --dry-run=client --path ../x",
            1,
            "the operator would refuse this",
        ),
        (
            "data load demo --dry-run=client --kubeconfig /nowhere/config",
            1,
            "using the kubeconfig",
        ),
        ("data wait warm", 2, "it is KIND/NAME"),
        (
            "data list --kubeconfig /nowhere/config",
            1,
            "using the kubeconfig /nowhere/config",
        ),
    ] {
        let output = user.wasser(line);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        assert!(said.contains(words) && !said.contains("hunter2"), "{line}: {said}");
    }
}

#[test]
fn the_program_is_a_plugin_of_kubectl_by_its_name() {
    let user = User::new();
    let plugin = user.0.path().join("kubectl-wasser");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_wasser"), &plugin).unwrap();
    let help = text(&user.runs(&plugin, "data load --help").stdout);
    assert!(
        help.contains("Usage: kubectl wasser data load [OPTIONS] <DATASET>"),
        "{help}"
    );
    assert!(
        help.contains("\n  kubectl wasser data load demo --path /train"),
        "{help}"
    );
    assert!(!help.contains("  wasser data"), "{help}");
    let refused = text(&user.runs(&plugin, "data nothing").stderr);
    assert!(refused.contains("Usage: kubectl wasser data"), "{refused}");
}
