//! `pods/exec`: a websocket over a connection in memory.
//!
//! Only `hyper` itself can create the connection that a client takes over after the answer 101. So
//! the request goes through a pair of pipes to a small HTTP server, whose end then speaks the
//! protocol of Kubernetes' streams.

use bytes::Bytes;
use futures::SinkExt;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tower::BoxError;

use crate::call::Call;
use crate::failure::Failure;
use crate::scripts::{Command, ExecScript, Outcome};
use crate::server::Answer;
use crate::state::text;

/// The protocol whose last message is a `Status` with the exit code.
const PROTOCOL: &str = "v5.channel.k8s.io";
/// Bytes that a pipe holds.
const PIPE: usize = 64 << 10;

/// Returns the reason for which a command cannot run in a pod, if any.
pub(crate) fn refusal(call: &Call, pod: &Value) -> Option<Failure> {
    let containers: Vec<&str> = ["containers", "initContainers"]
        .iter()
        .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten())
        .filter_map(|container| container["name"].as_str())
        .collect();
    let container = call.query.get("container");
    if !container.is_empty() && !containers.contains(&container) {
        let message = format!("container {container} is not valid for pod {}", call.name);
        return Some(Failure::bad_request(message));
    }
    if text(pod, "/spec/nodeName").is_empty() {
        return Some(Failure::bad_request(format!(
            "pod {} does not have a host assigned",
            call.name
        )));
    }
    (text(pod, "/status/phase") != "Running").then(|| {
        let message = format!("unable to upgrade connection: container not found (\"{container}\")");
        Failure::new(404, "NotFound", message)
    })
}

/// Answers a request for a command with a connection over which its output comes.
pub(crate) async fn upgrade(call: &Call, request: Request<Bytes>, script: ExecScript) -> Result<Answer, BoxError> {
    let (ours, theirs) = tokio::io::duplex(PIPE);
    let command = Command::of(call);
    let streams = Streams {
        stdout: call.query.flag("stdout"),
        stderr: call.query.flag("stderr"),
    };
    let service = service_fn(move |request: Request<Incoming>| {
        let (command, script) = (command.clone(), script.clone());
        async move { switch(request, command, script, streams) }
    });
    tokio::spawn(async move {
        // A client may leave at any time.
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(ours), service)
            .with_upgrades()
            .await;
    });
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(theirs)).await?;
    tokio::spawn(connection.with_upgrades());
    let mut request = request.map(Full::new);
    request
        .headers_mut()
        .insert(header::HOST, http::HeaderValue::from_static("in-process"));
    let answer = sender.send_request(request).await?;
    Ok(answer.map(|body| body.map_err(BoxError::from).boxed_unsync()))
}

/// The streams that the client wants.
#[derive(Debug, Clone, Copy)]
struct Streams {
    stdout: bool,
    stderr: bool,
}

fn switch(
    mut request: Request<Incoming>,
    command: Command,
    script: ExecScript,
    streams: Streams,
) -> Result<Response<Empty<Bytes>>, http::Error> {
    let header = |headers: &HeaderMap, name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let offered = header(request.headers(), header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
    let Some(key) = header(request.headers(), header::SEC_WEBSOCKET_KEY).filter(|_| offered.contains(PROTOCOL)) else {
        return Response::builder().status(StatusCode::BAD_REQUEST).body(Empty::new());
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let outcome = script(command).await;
            // The client may not wait for the end.
            let _ = tell(upgraded, &outcome, streams).await;
        }
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()))
        .header(header::SEC_WEBSOCKET_PROTOCOL, PROTOCOL)
        .body(Empty::new())
}

async fn tell(upgraded: Upgraded, outcome: &Outcome, streams: Streams) -> Result<(), BoxError> {
    let mut socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let channels = [
        (1, &outcome.stdout, streams.stdout),
        (2, &outcome.stderr, streams.stderr),
    ];
    for (channel, bytes, _) in channels
        .into_iter()
        .filter(|(_, bytes, wanted)| *wanted && !bytes.is_empty())
    {
        for chunk in bytes.chunks(PIPE / 4) {
            socket.send(message(channel, chunk)).await?;
        }
    }
    if outcome.is_lost {
        return Ok(());
    }
    socket
        .send(message(3, ending(outcome.code).to_string().as_bytes()))
        .await?;
    socket.close(None).await?;
    Ok(())
}

fn message(channel: u8, bytes: &[u8]) -> Message {
    let mut framed = vec![channel];
    framed.extend_from_slice(bytes);
    Message::binary(framed)
}

/// Returns the `Status` of a command that ended.
fn ending(code: i32) -> Value {
    if code == 0 {
        return json!({"metadata": {}, "status": "Success"});
    }
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: exit status {code}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}
