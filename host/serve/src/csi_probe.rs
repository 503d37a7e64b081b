//! The readiness probe of the node plugin. Any pod can connect, so it takes little, whoever asks.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use wasser_csi::Health;

/// The most connections at a time. The kubelet's asks as soon as it is there, and is answered at once,
/// so the oldest of so many is somebody's who does not ask.
const CONNECTIONS: usize = 32;
/// How long one may take.
const LIMIT: Duration = Duration::from_secs(1);
/// The most bytes of a request that are read: its first line.
const REQUEST: usize = 512;
/// Between two attempts after one that has failed for want of files, for example.
const PAUSE: Duration = Duration::from_millis(500);

/// Answers requests for `/readyz` until stopped.
pub async fn serve(listener: TcpListener, health: Arc<Health>, stop: CancellationToken) {
    let mut open = VecDeque::<AbortHandle>::new();
    let accepting = async {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            open.retain(|connection| !connection.is_finished());
            if open.len() >= CONNECTIONS
                && let Some(oldest) = open.pop_front()
            {
                oldest.abort();
            }
            let health = health.clone();
            let answered = tokio::spawn(async move {
                // Whoever asks too slowly gets no answer.
                drop(tokio::time::timeout(LIMIT, answer(stream, &health)).await);
            });
            open.push_back(answered.abort_handle());
            // Those who have asked are answered before the next ones come.
            tokio::task::yield_now().await;
        }
    };
    tokio::select! { () = stop.cancelled() => {}, () = accepting => {} }
}

async fn answer(mut stream: TcpStream, health: &Health) -> io::Result<()> {
    let mut request = [0; REQUEST];
    let mut length = 0;
    while let Some(room) = request.get_mut(length..).filter(|room| !room.is_empty()) {
        let count = stream.read(room).await?;
        length += count;
        let is_complete = request.get(..length).is_some_and(|read| read.contains(&b'\n'));
        if count == 0 || is_complete {
            break;
        }
    }
    let (code, text) = if !request.starts_with(b"GET /readyz ") {
        ("404 Not Found", "there is only /readyz".to_owned())
    } else if let Some(problem) = health.unready() {
        ("503 Service Unavailable", problem)
    } else {
        ("200 OK", "ok".to_owned())
    };
    let head = format!(
        "HTTP/1.1 {code}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text.len()
    );
    stream.write_all(format!("{head}{text}").as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn it_says_what_is_missing_and_waits_for_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (health, stop) = (Arc::<Health>::default(), CancellationToken::new());
        let served = tokio::spawn(serve(listener, health, stop.clone()));
        let ask = async |request: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut text = String::new();
            stream.read_to_string(&mut text).await.unwrap();
            text
        };
        let mut silent = Vec::new();
        for _ in 0..3 * CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let began = Instant::now();
        let unready = ask("GET /readyz HTTP/1.1\r\n").await;
        assert!(
            unready.starts_with("HTTP/1.1 503 ") && unready.ends_with("starting"),
            "{unready}"
        );
        assert!(began.elapsed() < LIMIT, "{:?}", began.elapsed());
        assert!(ask("GET /metrics HTTP/1.1\r\n").await.starts_with("HTTP/1.1 404 "));
        stop.cancel();
        served.await.unwrap();
    }
}
