//! Answers requests with an error, in the server's place.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Now;
use super::counts::Counts;
use crate::weather::Weather;

/// The largest request that is read.
const LARGEST: usize = 4 << 20;

/// Answers every request of a connection, until the weather changes.
pub async fn answer(client: &mut TcpStream, now: &mut watch::Receiver<Now>, counts: &Counts) {
    let mut received = Vec::new();
    loop {
        let request = tokio::select! {
            request = request(client, &mut received) => request,
            _ = now.changed() => return,
        };
        let Weather::Failing(status) = now.borrow().weather else {
            return;
        };
        if request.is_none() {
            return;
        }
        counts.answered.add();
        if client.write_all(error(status).as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads a request with its body. `None` if the connection ends before.
async fn request(client: &mut TcpStream, received: &mut Vec<u8>) -> Option<()> {
    loop {
        if let Some(length) = length(received) {
            received.drain(..length);
            return Some(());
        }
        if received.len() > LARGEST || client.read_buf(received).await.ok()? == 0 {
            return None;
        }
    }
}

/// Returns the length of the request at the beginning of what was received, once it is complete.
fn length(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let lines = String::from_utf8_lossy(received.get(..head)?).to_ascii_lowercase();
    let body = lines
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())
        .unwrap_or(0);
    let whole = head + 4 + body;
    (received.len() >= whole).then_some(whole)
}

/// Returns an error as an API server words it.
fn error(status: u16) -> String {
    let (line, reason) = match status {
        429 => ("Too Many Requests", "TooManyRequests"),
        500 => ("Internal Server Error", "InternalError"),
        504 => ("Gateway Timeout", "Timeout"),
        _ => ("Service Unavailable", "ServiceUnavailable"),
    };
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "the weather is bad", "reason": reason, "code": status,
    })
    .to_string();
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {line}\r\nContent-Type: application/json\r\nRetry-After: 1\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_ends_with_its_body() {
        assert_eq!(length(b"GET / HTTP/1.1\r\nHost: a\r\n"), None);
        assert_eq!(length(b"GET / HTTP/1.1\r\n\r\nGET"), Some(18));
        let post = b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab";
        assert_eq!(length(post), None);
        assert_eq!(length(&[post.as_slice(), b"cd"].concat()), Some(post.len() + 1));
    }
}
