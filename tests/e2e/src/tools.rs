//! The command lines that users have: kubectl, helm and wasser.

use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::environment;

/// What `kubectl` prints; fails if it fails. `KUBECTL` says where it is.
pub async fn kubectl(arguments: &[&str]) -> String {
    successful("kubectl", arguments, run("KUBECTL", "kubectl", arguments, "").await)
}

/// Whether `kubectl` succeeds.
pub async fn try_kubectl(arguments: &[&str]) -> bool {
    run("KUBECTL", "kubectl", arguments, "").await.status.success()
}

/// What `kubectl` prints, on both outputs, whether it succeeds or not.
pub async fn kubectl_says(arguments: &[&str]) -> String {
    let output = run("KUBECTL", "kubectl", arguments, "").await;
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What `kubectl` complains about; fails if it does not.
pub async fn kubectl_refuses(arguments: &[&str], input: &str) -> String {
    let output = run("KUBECTL", "kubectl", arguments, input).await;
    assert!(
        !output.status.success(),
        "kubectl {} succeeded: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stdout)
    );
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `kubectl` with something on its standard input.
pub async fn kubectl_with(arguments: &[&str], input: &str) -> String {
    successful("kubectl", arguments, run("KUBECTL", "kubectl", arguments, input).await)
}

/// What the `helm` command line prints; fails if it fails. `HELM` says where it is.
pub async fn helm(arguments: &[&str]) -> String {
    successful("helm", arguments, run("HELM", "helm", arguments, "").await)
}

/// What `wasser` prints; fails if it fails.
pub async fn wasser(arguments: &[&str]) -> String {
    let output = Command::new(environment::wasser())
        .args(arguments)
        .output()
        .await
        .expect("starting wasser");
    successful("wasser", arguments, output)
}

async fn run(variable: &str, name: &str, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(environment::program(variable, name))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("starting {name}: {error}; `cargo xtask test e2e` says where it is"));
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that does not read its input may end before it is written.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    child.wait_with_output().await.expect("waiting for a command")
}

fn successful(name: &str, arguments: &[&str], output: Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{name} {} failed: {}{text}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    text
}
