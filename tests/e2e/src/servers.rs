//! The processes of a cluster that was brought up by `cargo xtask`, to be tampered with.

use std::path::Path;
use std::time::{Duration, Instant};

use wasser_test_cluster::State;
use wasser_test_cluster::machine::process::Process;

use crate::expect::PATIENCE;
use crate::{environment, tools};

const API_SERVER: &str = "kube-apiserver";
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// Kills the API server and starts it again, with the same store. False where the cluster is not
/// this project's own.
pub async fn restart_api_server() -> bool {
    let Some(mut state) = own_cluster() else { return false };
    let running = state
        .process(API_SERVER)
        .expect("the cluster has an API server")
        .clone();
    let command = std::fs::read(format!("/proc/{}/cmdline", running.pid)).expect("the API server's command line");
    // cobra, which the server's command line is made with, does not see the first word: it is the
    // program.
    let words: Vec<String> = command
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    running.kill().expect("killing the API server");
    let log = state.log(&format!("{API_SERVER}-again"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut started = start(&mut state, &words, &log);
    let deadline = Instant::now() + PATIENCE;
    while !tools::try_kubectl(&["get", "--raw=/readyz"]).await {
        assert!(
            Instant::now() < deadline,
            "the API server is not ready again after {PATIENCE:?}:\n{}",
            end_of(&log)
        );
        // The threads of the killed one may still be going, with its port open; whatever keeps a
        // server alive tries again.
        if !started.runs() {
            started = start(&mut state, &words, &log);
        }
        tokio::time::sleep(PAUSE).await;
    }
    true
}

/// Kills the node's kubelet and starts it again; does not wait until it is ready. False where the
/// cluster is not this project's own, or its nodes are fake.
pub fn restart_kubelet() -> bool {
    let Some(mut state) = own_cluster().filter(|_| environment::has_real_node()) else {
        return false;
    };
    state.restart("kubelet").expect("restarting the kubelet");
    true
}

/// The cluster that the tests run on, if it was brought up by `cargo xtask`.
fn own_cluster() -> Option<State> {
    let state = State::load(&environment::own_cluster()?).expect("reading the cluster's state");
    Some(state.expect("the cluster that the tests run on"))
}

/// Starts the API server and records it in the cluster's state, so that the cluster can be taken
/// down.
fn start(state: &mut State, words: &[&str], log: &Path) -> Process {
    let held = Process::spawn(API_SERVER, words, log).expect("starting the API server");
    let process = held.process().clone();
    let place = state
        .processes
        .iter_mut()
        .find(|process| process.name == API_SERVER)
        .expect("the API server");
    *place = process.clone();
    state.save().expect("recording the new API server");
    held.release().expect("starting the API server");
    process
}

/// The last lines of a log.
fn end_of(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_else(|error| format!("no log: {error}"));
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}
