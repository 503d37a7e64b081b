//! A filter for connections of the kubelet, whose gRPC library sends the path of the socket as the
//! host.
//!
//! The kubelet dials `/var/lib/kubelet/plugins_registry/…` without naming a host. grpc-go then
//! sends the escaped path, `%2Fvar%2Flib%2F…`, as `:authority`. That is not an authority by RFC
//! 3986, and the HTTP library of this server resets such streams. So the header is replaced before
//! it is parsed. It would say nothing new: only the kubelet can open the sockets.
//!
//! The replacement never has to decompress anything. Fields of a header block contain their length,
//! and a field with a new value takes the same place in the receiver's table (RFC 7541). A shorter
//! entry is dropped later than the sender believes, which the sender never notices, since entries
//! are counted from the newest.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::net::UnixStream;

/// The host in the replaced header.
const HOST: &[u8] = b"localhost";
/// The length of the text that every HTTP/2 client sends first.
const PREFACE: usize = 24;
/// The length of the header of a frame: length, type, flags, stream.
const FRAME_HEADER: usize = 9;
const HEADERS: u8 = 1;
const PADDED: u8 = 0x08;
const PRIORITY: u8 = 0x20;
/// The index of `:authority` in the static table of RFC 7541.
const AUTHORITY: usize = 1;
/// The number of bytes that can be under way in one direction.
const BUFFER: usize = 16 << 10;

/// Returns the connection as the HTTP library can read it. It ends with the original one.
pub fn with_plain_authority(connection: UnixStream) -> DuplexStream {
    let (served, inner) = tokio::io::duplex(BUFFER);
    tokio::spawn(async move {
        let (mut from_client, mut to_client) = connection.into_split();
        let (mut from_server, mut to_server) = tokio::io::split(inner);
        let asking = async {
            let result = rewrite(&mut from_client, &mut to_server).await;
            result.and(to_server.shutdown().await)
        };
        let answering = async {
            let result = tokio::io::copy(&mut from_server, &mut to_client).await;
            result.and(to_client.shutdown().await)
        };
        if let Err(error) = tokio::try_join!(asking, answering) {
            // The kubelet makes a connection for each call, and ends it without a word.
            tracing::trace!(%error, "a connection of the kubelet ended");
        }
    });
    served
}

/// Copies a client's data, frame by frame, until it closes.
async fn rewrite(client: &mut (impl AsyncRead + Unpin), server: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let mut preface = [0; PREFACE];
    if !begins(client, &mut preface).await? {
        return Ok(());
    }
    server.write_all(&preface).await?;
    let mut header = [0; FRAME_HEADER];
    while begins(client, &mut header).await? {
        let [a, b, c, kind, flags, ..] = header;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        client.read_exact(&mut payload).await?;
        if kind == HEADERS
            && let Some(replaced) = headers(flags, &payload)
            && let Some([0, length @ ..]) = u32::try_from(replaced.len()).ok().map(u32::to_be_bytes)
        {
            for (to, from) in header.iter_mut().zip(length) {
                *to = from;
            }
            payload = replaced;
        }
        server.write_all(&header).await?;
        server.write_all(&payload).await?;
        server.flush().await?;
    }
    Ok(())
}

/// Fills the buffer. Returns false if the client has closed instead.
async fn begins(client: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> io::Result<bool> {
    match client.read_exact(buffer).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns the payload of a HEADERS frame with another host. `None` if there is nothing to replace,
/// or if the frame is malformed, which the HTTP library reports better.
fn headers(flags: u8, payload: &[u8]) -> Option<Vec<u8>> {
    let before = usize::from(flags & PADDED != 0) + if flags & PRIORITY == 0 { 0 } else { 5 };
    let padding = if flags & PADDED == 0 {
        0
    } else {
        usize::from(*payload.first()?)
    };
    let (front, rest) = payload.split_at_checked(before)?;
    let (block, back) = rest.split_at_checked(rest.len().checked_sub(padding)?)?;
    Some([front, &fields(block)?, back].concat())
}

/// Returns a header block with another host.
fn fields(block: &[u8]) -> Option<Vec<u8>> {
    let mut replaced = Vec::with_capacity(block.len());
    let mut rest = block;
    while let Some(first) = rest.first() {
        let field = rest;
        // The number of bits of the first byte that begin the index, and whether name and value may
        // follow.
        let (bits, literal) = match first {
            0x80.. => (7, false),
            0x40.. => (6, true),
            0x20.. => (5, false),
            _ => (4, true),
        };
        let index = integer(&mut rest, bits)?;
        if literal {
            if index == 0 {
                text(&mut rest)?;
            }
            let name = field.get(..field.len() - rest.len())?;
            text(&mut rest)?;
            if index == AUTHORITY {
                replaced.extend(name);
                replaced.push(u8::try_from(HOST.len()).ok()?);
                replaced.extend(HOST);
                continue;
            }
        }
        replaced.extend(field.get(..field.len() - rest.len())?);
    }
    Some(replaced)
}

/// Parses a number that begins in the lowest bits of the first byte (RFC 7541, 5.1).
fn integer(rest: &mut &[u8], bits: u32) -> Option<usize> {
    let largest = (1 << bits) - 1;
    let mut value = usize::from(*rest.split_off_first()?) & largest;
    if value == largest {
        for shift in (0..28).step_by(7) {
            let byte = usize::from(*rest.split_off_first()?);
            value += (byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        return None;
    }
    Some(value)
}

/// Parses a text, compressed or not (RFC 7541, 5.2).
fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = integer(rest, 7)?;
    rest.split_off(..length)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The recorded bytes of grpc-go 1.65 for `GetInfo` on
    /// `/tmp/rec/plugins_registry/fuse.csi.fluid.io-reg.sock`.
    pub const RECORDED: &[&str] = &[
        "505249202a20485454502f322e300d0a0d0a534d0d0a0d0a",
        "000000040000000000",
        "000000040100000000",
        "0000830104000000018386459c62ba2d98d558598c84d83498f52fb4b31909b06931ea63115392a94f41ab5458534d6a\
         8b0d8522a2c35d16cc6a91158598c84d9e9516196d4157220cbcb45a691731d6b0b32e8393af5f8b1d75d0620d263d4c\
         4d65647a8a9acac8b4c7602bb8dae040027465864d833505b11f40899acac8b24d494f6a7f860befbccb20b7",
        "0000050001000000010000000000",
    ];
    /// The expected frame of headers. Its length and `:authority` differ.
    const EXPECTED: &str = "\
    0000610104000000018386459c62ba2d98d558598c84d83498f52fb4b31909b06931ea63115392a94f41096c\
    6f63616c686f73745f8b1d75d0620d263d4c4d65647a8a9acac8b4c7602bb8dae040027465864d833505b11f\
    40899acac8b24d494f6a7f860befbccb20b7";

    pub fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(pair).collect()
    }

    #[tokio::test]
    async fn only_the_host_is_replaced() {
        let sent: Vec<u8> = RECORDED.iter().flat_map(|part| bytes(part)).collect();
        let mut expected: Vec<Vec<u8>> = RECORDED.iter().map(|part| bytes(part)).collect();
        expected[3] = bytes(EXPECTED);
        let mut received = Vec::new();
        rewrite(&mut sent.as_slice(), &mut received).await.unwrap();
        assert_eq!(received, expected.concat());
    }

    #[test]
    fn padding_and_priority_stay() {
        let block = [0x41, 0x01, b'%'];
        let payload = [&[2, 9, 9, 9, 9, 9], &block[..], &[0, 0]].concat();
        let replaced = [&[2, 9, 9, 9, 9, 9, 0x41, 9], HOST, &[0, 0]].concat();
        assert_eq!(headers(PADDED | PRIORITY, &payload), Some(replaced));
    }

    #[test]
    fn what_is_cut_off_is_left_to_the_http_library() {
        let frame = bytes(RECORDED[3]);
        let block = &frame[FRAME_HEADER..];
        for end in 1..block.len() {
            if let Some(replaced) = fields(&block[..end]) {
                assert!(replaced.len() <= end + HOST.len(), "{end}");
            }
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(flags: u8, payload: Vec<u8>) {
            let _ = headers(flags, &payload);
        }
    }
}
