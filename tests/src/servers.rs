//! The processes of a cluster that was brought up by `cargo xtask`, to be tampered with.

use std::time::Duration;

use xtask::cluster::State;
use xtask::process::Process;

use crate::{environment, tools};

const API_SERVER: &str = "kube-apiserver";

/// Kills the API server and starts it again, with the same store. False where the cluster is not this project's own.
pub async fn restart_api_server() -> bool {
    let Some(name) = environment::own_cluster() else { return false };
    let mut state = State::load(&name)
        .expect("reading the cluster's state")
        .expect("the cluster that the tests run on");
    let running = state.process(API_SERVER).expect("the cluster has an API server").clone();
    let command = std::fs::read(format!("/proc/{}/cmdline", running.pid)).expect("the API server's command line");
    // cobra, which the server's command line is made with, does not see the first word: it is the program.
    let words: Vec<String> = command
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    running.kill().expect("killing the API server");
    let log = state.log(&format!("{API_SERVER}-again"));
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let held = Process::spawn(API_SERVER, &words, &log).expect("starting the API server");
    let place = state
        .processes
        .iter_mut()
        .find(|process| process.name == API_SERVER)
        .expect("the API server");
    *place = held.process().clone();
    state.save().expect("recording the new API server");
    held.release().expect("starting the API server");
    crate::expect::within(
        Duration::from_secs(60),
        "the API server is ready again",
        async || log.display().to_string(),
        || async { tools::try_kubectl(&["get", "--raw=/readyz"]).await.then_some(()) },
    )
    .await;
    true
}
