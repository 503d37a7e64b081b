//! Answers of a script as the host gives them to plugins.

use serde_json::{Value, json};
use wasser_plugin::{BackendError, Captured, Ending, Output, PodRecord, Response};

use crate::scenario::{Command, Failure, Otherwise, Pod, Request};

/// Bytes that are no text.
const GARBAGE: &[u8] = b"\xff\xfe{\"a\": [1e999, \0\n-1 -1 -1 % NaN\n\xc3";

pub fn pod(pod: &Pod) -> PodRecord {
    PodRecord {
        name: pod.name.clone(),
        role: pod.role.clone(),
        node: pod.node.clone(),
        ip: pod.ip.clone(),
        ready: pod.ready,
        started_at: pod.started_at,
    }
}

fn failure(failure: Failure) -> BackendError {
    match failure {
        Failure::NotFound => BackendError::NotFound("the script says that it is not there".to_owned()),
        Failure::Conflict => BackendError::Conflict("the script says that somebody else has changed it".to_owned()),
        Failure::Throttled => BackendError::Throttled {
            seconds: 5,
            message: "the script says that there are too many requests".to_owned(),
        },
        Failure::Timeout => BackendError::Timeout,
        Failure::Failed => BackendError::Failed("the script says that it fails".to_owned()),
    }
}

fn captured(bytes: &[u8], limit: usize) -> Captured {
    Captured {
        bytes: bytes.get(..limit).unwrap_or(bytes).to_vec(),
        truncated: bytes.len() > limit,
    }
}

/// Fails if the script says that whatever it does not mention fails.
pub fn may_fail(otherwise: Option<Otherwise>) -> Result<(), BackendError> {
    match otherwise.and_then(Otherwise::failure) {
        Some(why) => Err(failure(why)),
        None => Ok(()),
    }
}

pub fn command(known: &Command, limit: usize) -> Result<Output, BackendError> {
    match known.fails {
        Some(why) => Err(failure(why)),
        None => Ok(Output {
            ending: Ending::Exited(known.exit),
            stdout: captured(known.stdout.as_bytes(), limit),
            stderr: captured(known.stderr.as_bytes(), limit),
        }),
    }
}

/// The answer to a command that the script does not mention.
pub fn any_command(otherwise: Option<Otherwise>, line: &str) -> Result<Output, BackendError> {
    let ended = |ending, stdout: &[u8]| Output {
        ending,
        stdout: Captured {
            bytes: stdout.to_vec(),
            truncated: !stdout.is_empty(),
        },
        stderr: captured(b"", 0),
    };
    may_fail(otherwise)?;
    match otherwise {
        Some(Otherwise::Empty) => Ok(ended(Ending::Exited(0), b"")),
        Some(Otherwise::Garbage) => Ok(ended(Ending::Exited(0), GARBAGE)),
        Some(Otherwise::Endless) => Ok(ended(Ending::TimedOut, b"1")),
        _ => Err(unscripted(line, "exec")),
    }
}

pub fn response(known: &Request, limit: usize) -> Result<Response, BackendError> {
    if let Some(why) = known.fails {
        return Err(failure(why));
    }
    let body = captured(known.body.as_bytes(), limit);
    Ok(Response {
        status: known.status,
        headers: Vec::new(),
        body: body.bytes,
        truncated: body.truncated,
    })
}

/// The answer to a request that the script does not mention.
pub fn any_response(otherwise: Option<Otherwise>, line: &str) -> Result<Response, BackendError> {
    let answer = |status, body: &[u8]| Response {
        status,
        headers: Vec::new(),
        body: body.to_vec(),
        truncated: !body.is_empty(),
    };
    may_fail(otherwise)?;
    match otherwise {
        Some(Otherwise::Empty) => Ok(answer(200, b"")),
        Some(Otherwise::Garbage) => Ok(answer(200, GARBAGE)),
        Some(Otherwise::Endless) => Err(BackendError::Timeout),
        _ => Err(unscripted(line, "http")),
    }
}

pub fn any_secret(otherwise: Option<Otherwise>) -> Result<Option<Vec<u8>>, BackendError> {
    may_fail(otherwise)?;
    Ok(match otherwise {
        Some(Otherwise::Empty) => Some(Vec::new()),
        Some(Otherwise::Garbage) => Some(GARBAGE.to_vec()),
        _ => None,
    })
}

pub fn any_object(otherwise: Option<Otherwise>, kind: &str) -> Result<Option<Value>, BackendError> {
    may_fail(otherwise)?;
    Ok(match otherwise {
        Some(Otherwise::Empty) => Some(json!({"kind": kind})),
        Some(Otherwise::Garbage) => Some(json!({"kind": kind, "metadata": [], "spec": [null, -1], "status": "?"})),
        _ => None,
    })
}

fn unscripted(line: &str, list: &str) -> BackendError {
    BackendError::Failed(format!(
        "nothing answers `{line}` without a cluster; add the answer to `cluster.{list}` of a Scenario"
    ))
}
