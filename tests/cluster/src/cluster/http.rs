//! Requests to a server of this machine that speaks HTTP without TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// How long a server may take to answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Asks a server for a path. Returns the status and the body of the answer.
pub fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    ask(
        address,
        path,
        &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n"),
    )
}

/// Sends JSON to a path of a server. Returns the status and the body of the answer.
pub fn post(address: SocketAddr, path: &str, json: &str) -> Result<(u16, String)> {
    let length = json.len();
    let head = format!("POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n");
    ask(address, path, &format!("{head}Content-Length: {length}\r\n\r\n{json}"))
}

/// Sends a request. With HTTP/1.0, the answer ends with the connection.
fn ask(address: SocketAddr, path: &str, request: &str) -> Result<(u16, String)> {
    let mut stream =
        TcpStream::connect_timeout(&address, ANSWER).with_context(|| format!("connecting to {address}"))?;
    stream
        .set_read_timeout(Some(ANSWER))
        .context("limiting the wait for an answer")?;
    stream
        .write_all(request.as_bytes())
        .with_context(|| format!("asking for {path}"))?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .with_context(|| format!("reading {path}"))?;
    parse(&answer).with_context(|| format!("{path} is not answered with HTTP: {answer}"))
}

fn parse(answer: &str) -> Option<(u16, String)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;

    #[test]
    fn answers_are_understood() {
        assert_eq!(
            parse("HTTP/1.0 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nwait"),
            Some((503, "wait".to_owned()))
        );
        assert_eq!(parse("SSH-2.0\r\n\r\n"), None);
    }

    #[test]
    fn what_is_posted_comes_whole() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let (mut said, mut buffer) = (String::new(), [0; 1024]);
            while !said.ends_with("{\"a\":1}") {
                let length = stream.read(&mut buffer).unwrap();
                assert_ne!(length, 0, "{said}");
                said.push_str(std::str::from_utf8(&buffer[..length]).unwrap());
            }
            stream.write_all(b"HTTP/1.0 201 Created\r\n\r\nyes").unwrap();
            said
        });
        assert_eq!(post(address, "/pods", "{\"a\":1}").unwrap(), (201, "yes".to_owned()));
        let said = server.join().unwrap();
        assert!(said.starts_with("POST /pods HTTP/1.0\r\n"), "{said}");
        assert!(said.contains("Content-Length: 7\r\n"), "{said}");
    }
}
