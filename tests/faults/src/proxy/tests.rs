//! The proxy in front of a server that answers each line with the same line.

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// Starts a server that sends back what it receives, and a proxy in front of it.
async fn echo() -> Proxy {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    Proxy::start(Upstream::plain(address), 1).await.unwrap()
}

async fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// Sends bytes, and returns as many as come back before the connection ends.
async fn send(stream: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    let mut back = vec![0; bytes.len()];
    let mut read = 0;
    stream.write_all(bytes).await.unwrap();
    while read < back.len() {
        match stream.read(&mut back[read..]).await {
            Ok(more @ 1..) => read += more,
            _ => break,
        }
    }
    back.truncate(read);
    back
}

/// Whether something is still not there when everything that can happen has happened.
async fn is_pending<T>(work: &mut (impl Future<Output = T> + Unpin)) -> bool {
    for _ in 0..100 {
        if futures_ready(work).await {
            return false;
        }
        tokio::task::yield_now().await;
    }
    true
}

async fn futures_ready<T>(work: &mut (impl Future<Output = T> + Unpin)) -> bool {
    tokio::select! {
        biased;
        _ = work => true,
        () = std::future::ready(()) => false,
    }
}

#[tokio::test]
async fn in_fair_and_slow_weather_everything_comes_back() {
    let proxy = echo().await;
    let mut stream = connect(&proxy).await;
    assert_eq!(send(&mut stream, b"one").await, b"one");
    proxy.turn(Weather::Slow(Duration::from_millis(1)));
    assert_eq!(send(&mut stream, b"two").await, b"two");
    assert_eq!(proxy.counts().connections.get(), 1);
    assert!(proxy.counts().delayed.get() >= 2);
    assert_eq!(proxy.counts().cut.get(), 0);
}

#[tokio::test]
async fn a_connection_is_cut_in_the_middle() {
    let proxy = echo().await;
    proxy.turn(Weather::Cutting(1000));
    let mut stream = connect(&proxy).await;
    let bytes = vec![b'x'; 3000];
    assert!(send(&mut stream, &bytes).await.len() < 1000);
    // Another one is possible, and is cut as well.
    let mut stream = connect(&proxy).await;
    assert!(send(&mut stream, &bytes).await.len() < 1000);
}

#[tokio::test]
async fn requests_are_answered_with_an_error_in_the_servers_place() {
    let proxy = echo().await;
    let mut before = connect(&proxy).await;
    assert_eq!(send(&mut before, b"one").await, b"one");
    proxy.turn(Weather::Failing(503));
    assert_eq!(send(&mut before, b"two").await, b"", "an open connection is cut");
    let mut stream = connect(&proxy).await;
    for _ in 0..2 {
        stream
            .write_all(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}")
            .await
            .unwrap();
        let mut answer = vec![0; 32];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 503 Service Unavailable");
        let mut rest = vec![0; 4096];
        let read = stream.read(&mut rest).await.unwrap();
        assert!(
            rest[..read].ends_with(b"}"),
            "{}",
            String::from_utf8_lossy(&rest[..read])
        );
    }
    assert_eq!(proxy.counts().answered.get(), 2);
}

#[tokio::test]
async fn nothing_passes_while_it_is_silent() {
    let proxy = echo().await;
    let mut ends = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(&proxy).await;
        assert_eq!(send(&mut stream, b"one").await, b"one");
        proxy.turn(Weather::Silent);
        let mut work = Box::pin(send(&mut stream, b"two"));
        assert!(is_pending(&mut work).await);
        proxy.turn(Weather::Fair);
        ends.push(work.await);
    }
    // Some connections go on, others do not.
    assert!(ends.iter().any(|end| end == b"two"));
    assert!(ends.iter().any(|end| end.is_empty()));
}
