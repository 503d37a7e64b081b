//! Conversations with pods: commands and requests.

use std::sync::atomic::{AtomicBool, Ordering};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, AttachParams};
use kube::{Client, Error};
use tokio::io::AsyncWriteExt;
use wasser_plugin::{BackendError, Captured, Ending, ExecCommand, HttpRequest, Output, Response};

use crate::plugin::output::{Unread, read};

/// The maximum number of headers of an answer, and of their bytes.
const HEADERS: usize = 64;
const HEADER_BYTES: usize = 16 << 10;
/// How soon to ask again if the API server has too much to do and does not say when.
const BUSY_SECONDS: u32 = 5;

pub fn failed(what: impl std::fmt::Display) -> BackendError {
    BackendError::Failed(what.to_string())
}

/// Returns the answer of the API server as plugins read it.
pub fn answer(error: Error) -> BackendError {
    if wasser_chart::is_not_found(&error) {
        return BackendError::NotFound(error.to_string());
    }
    match &error {
        Error::Api(status) if status.code == 429 => BackendError::Throttled {
            seconds: status
                .details
                .as_ref()
                .map_or(0, |details| details.retry_after_seconds)
                .max(BUSY_SECONDS),
            message: error.to_string(),
        },
        _ => failed(error),
    }
}

/// Runs a command, and returns what it wrote, however it ends.
pub async fn run(api: &Api<Pod>, command: &ExecCommand<'_>) -> Result<Output, BackendError> {
    let nothing = || Captured {
        bytes: Vec::new(),
        truncated: false,
    };
    let (mut stdout, mut stderr) = (nothing(), nothing());
    let has_begun = AtomicBool::new(false);
    let running = attend(api, command, &has_begun, &mut stdout, &mut stderr);
    let ending = match tokio::time::timeout(command.timeout, running).await {
        Ok(ending) => ending?,
        Err(_) if has_begun.load(Ordering::Relaxed) => Ending::TimedOut,
        Err(_) => return Err(BackendError::Timeout),
    };
    Ok(Output { ending, stdout, stderr })
}

async fn attend(
    api: &Api<Pod>,
    command: &ExecCommand<'_>,
    has_begun: &AtomicBool,
    stdout: &mut Captured,
    stderr: &mut Captured,
) -> Result<Ending, BackendError> {
    let params = AttachParams {
        container: Some(command.container.to_owned()),
        stdin: command.stdin.is_some(),
        ..AttachParams::default()
    };
    let mut process = api.exec(command.pod, command.argv, &params).await.map_err(answer)?;
    has_begun.store(true, Ordering::Relaxed);
    let (out, err, status) = (process.stdout(), process.stderr(), process.take_status());
    let input = process.stdin();
    let feed = async {
        if let (Some(mut input), Some(bytes)) = (input, command.stdin)
            && input.write_all(bytes).await.is_ok()
        {
            let _ended = input.shutdown().await;
        }
        // A command need not read its input, and nobody says then that it is not wanted any more.
        std::future::pending().await
    };
    // Where a connection breaks, the streams have no end; only the status is given up.
    let status = async {
        let status = match status {
            Some(status) => status.await,
            None => None,
        };
        status.ok_or(Unread::Broken)
    };
    let (limit, room) = (command.max_output, command.room);
    let output = async { tokio::try_join!(read(out, limit, room, stdout), read(err, limit, room, stderr), status) };
    let ended = tokio::select! {
        ended = output => ended,
        never = feed => never,
    };
    match ended {
        Ok((_, _, status)) => {
            process.join().await.map_err(failed)?;
            exit_code(status).map(Ending::Exited)
        }
        Err(Unread::Flood) => {
            process.abort();
            Ok(Ending::CutOff)
        }
        Err(Unread::Failed(error)) => {
            process.abort();
            Err(error)
        }
        Err(Unread::Broken) => {
            let why = process.join().await.err();
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            Err(failed(format_args!(
                "the connection ended before the command's exit code arrived{why}"
            )))
        }
    }
}

/// The exit code that the status channel of an exec carries.
fn exit_code(status: Status) -> Result<i32, BackendError> {
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.and_then(|details| details.causes).unwrap_or_default();
    let code = causes
        .iter()
        .find(|cause| cause.reason.as_deref() == Some("ExitCode"))
        .and_then(|cause| cause.message.as_ref()?.parse().ok());
    code.ok_or_else(|| {
        failed(
            status
                .message
                .unwrap_or_else(|| "the command could not be run".to_owned()),
        )
    })
}

/// Requests a path of a pod.
pub async fn get(client: &Client, namespace: &str, request: &HttpRequest<'_>) -> Result<Response, BackendError> {
    let uri = format!(
        "/api/v1/namespaces/{namespace}/pods/{}:{}/proxy/{}",
        request.pod,
        request.port,
        request.path.trim_start_matches('/')
    );
    let max_body = request.max_body;
    let sent = http::Request::get(uri)
        .body(kube::client::Body::empty())
        .map_err(failed)?;
    let run = async {
        let sent = client.send(sent).await.map_err(failed)?;
        let status = sent.status().as_u16();
        let headers = shown(sent.headers());
        let (mut body, mut truncated) = (Vec::new(), false);
        let mut stream = http_body_util::BodyExt::into_data_stream(sent.into_body());
        while let Some(chunk) = futures::StreamExt::next(&mut stream).await {
            let chunk = chunk.map_err(failed)?;
            let wanted = chunk.len().min(max_body.saturating_sub(body.len()));
            let fits = if request.room.take(wanted) { wanted } else { 0 };
            body.extend_from_slice(chunk.get(..fits).unwrap_or_default());
            if fits < chunk.len() {
                truncated = true;
                break;
            }
        }
        match refusal(status, &body) {
            // Whoever proxies has answered, and not the pod.
            Some(refusal) => Err(answer(Error::Api(Box::new(refusal)))),
            None => Ok(Response {
                status,
                headers,
                body,
                truncated,
            }),
        }
    };
    tokio::time::timeout(request.timeout, run)
        .await
        .map_err(|_| BackendError::Timeout)?
}

/// The API server's own answer to a request that did not reach the pod: it is an object of its own
/// kind, which a cache system does not answer with.
fn refusal(status: u16, body: &[u8]) -> Option<kube::core::Status> {
    if status < 400 {
        return None;
    }
    let object: serde_json::Value = serde_json::from_slice(body).ok()?;
    let is_status = object["kind"] == "Status" && object["apiVersion"] == "v1" && object["status"] == "Failure";
    is_status.then(|| serde_json::from_value(object).ok()).flatten()
}

/// The first headers, up to the limits.
fn shown(headers: &http::HeaderMap) -> Vec<(String, Vec<u8>)> {
    let mut bytes = 0;
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    pairs
        .take(HEADERS)
        .take_while(|(name, value)| {
            bytes += name.len() + value.len();
            bytes <= HEADER_BYTES
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn what_the_api_server_answers_is_not_taken_for_the_pod_s_answer() {
        let refused = |code: u16| {
            let message = "pods \"w-0\" is forbidden";
            serde_json::json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": message, "reason": "Forbidden", "code": code})
            .to_string()
        };
        for code in [403, 404, 429, 503] {
            let found = refusal(code, refused(code).as_bytes()).unwrap();
            assert_eq!(found.code, code);
        }
        assert!(refusal(200, refused(403).as_bytes()).is_none());
        for of_a_pod in ["", "not found", "{\"message\": \"no\"}", "[1]"] {
            assert!(refusal(404, of_a_pod.as_bytes()).is_none(), "{of_a_pod}");
        }
    }

    #[test]
    fn headers_are_bounded_in_number_and_size() {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("text/plain"));
        assert_eq!(shown(&headers), [("content-type".to_owned(), b"text/plain".to_vec())]);
        for number in 0..200 {
            let name: HeaderName = format!("x-{number}").parse().unwrap();
            headers.insert(name, HeaderValue::from_static("1"));
        }
        assert_eq!(shown(&headers).len(), HEADERS);
        let mut headers = HeaderMap::new();
        headers.insert("x", HeaderValue::from_bytes(&[b'x'; HEADER_BYTES]).unwrap());
        assert!(shown(&headers).is_empty());
    }

    #[test]
    fn a_busy_api_server_is_asked_again_later() {
        let status = kube::core::Status::failure("too many requests", "TooManyRequests").with_code(429);
        let BackendError::Throttled { seconds, .. } = answer(Error::Api(Box::new(status))) else {
            panic!("it is throttled");
        };
        assert_eq!(seconds, BUSY_SECONDS);
    }
}
