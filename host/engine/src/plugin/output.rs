//! What a command in a pod writes, read within a limit.

use tokio::io::{AsyncRead, AsyncReadExt};
use wasser_plugin::{BackendError, Captured, Room};

/// How many times the limit is read before a command is left alone. What is read beyond the limit
/// is dropped, since a command whose output nobody reads does not end.
const PATIENCE: usize = 16;

/// Why a stream is not read to its end.
#[derive(Debug)]
pub enum Unread {
    /// The command writes far more than the limit, perhaps for ever.
    Flood,
    /// The stream failed.
    Failed(BackendError),
    /// The connection ended before the command did.
    Broken,
}

/// Reads until the end, and keeps the first `limit` bytes in `kept`, as far as there is room for
/// them. They are there even if this is dropped before the end.
///
/// # Errors
/// If the stream cannot be read, or does not end.
pub async fn read(
    source: Option<impl AsyncRead + Unpin>,
    limit: usize,
    room: &dyn Room,
    kept: &mut Captured,
) -> Result<(), Unread> {
    let Some(mut source) = source else { return Ok(()) };
    let mut chunk = vec![0; 8 << 10];
    let mut dropped = 0usize;
    loop {
        let read = source.read(&mut chunk).await;
        let count = read.map_err(|error| Unread::Failed(BackendError::Failed(error.to_string())))?;
        // After a gap, nothing is kept any more.
        let rest = if kept.truncated {
            0
        } else {
            limit.saturating_sub(kept.bytes.len())
        };
        let wanted = count.min(rest);
        let fits = if room.take(wanted) { wanted } else { 0 };
        kept.bytes.extend_from_slice(chunk.get(..fits).unwrap_or_default());
        kept.truncated |= fits < count;
        dropped = dropped.saturating_add(count.saturating_sub(fits));
        if count == 0 {
            return Ok(());
        }
        if dropped > limit.saturating_mul(PATIENCE) {
            return Err(Unread::Flood);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::AsyncWriteExt;

    use super::*;

    /// Room for so many bytes.
    #[derive(Debug)]
    struct Bytes(AtomicUsize);

    impl Room for Bytes {
        fn take(&self, bytes: usize) -> bool {
            let rest = |left: usize| left.checked_sub(bytes);
            self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest).is_ok()
        }
    }

    fn room() -> Bytes {
        Bytes(AtomicUsize::new(1 << 20))
    }

    fn nothing() -> Captured {
        Captured {
            bytes: Vec::new(),
            truncated: false,
        }
    }

    #[tokio::test]
    async fn what_is_over_the_limit_is_read_and_dropped_so_that_the_command_ends() {
        let (mut writer, reader) = tokio::io::duplex(4);
        let (room, mut kept) = (room(), nothing());
        let (read, written) = tokio::join!(read(Some(reader), 10, &room, &mut kept), async move {
            writer.write_all(&[b'x'; 100]).await
        });
        assert!(read.is_ok() && written.is_ok());
        assert_eq!((kept.bytes.as_slice(), kept.truncated), ([b'x'; 10].as_slice(), true));
    }

    #[tokio::test]
    async fn a_command_that_writes_for_ever_is_left_alone() {
        let (mut writer, reader) = tokio::io::duplex(4);
        let (room, mut kept) = (room(), nothing());
        let (read, written) = tokio::join!(read(Some(reader), 10, &room, &mut kept), async move {
            writer.write_all(&[b'x'; 1000]).await
        });
        assert!(matches!(read, Err(Unread::Flood)));
        assert!(written.is_err(), "nobody reads any more");
        assert_eq!((kept.bytes.len(), kept.truncated), (10, true));
    }

    #[tokio::test]
    async fn output_of_just_the_limit_is_whole() {
        let mut kept = nothing();
        read(Some([b'x'; 10].as_slice()), 10, &room(), &mut kept).await.unwrap();
        assert_eq!((kept.bytes.len(), kept.truncated), (10, false));
    }

    #[tokio::test]
    async fn what_there_is_no_room_for_is_dropped_and_nothing_is_kept_after_the_gap() {
        let (mut writer, reader) = tokio::io::duplex(4);
        let (room, mut kept) = (Bytes(AtomicUsize::new(10)), nothing());
        let (read, written) = tokio::join!(read(Some(reader), 100, &room, &mut kept), async move {
            writer.write_all(&[b'x'; 50]).await
        });
        assert!(read.is_ok() && written.is_ok(), "the command ends");
        assert_eq!((kept.bytes.len(), kept.truncated), (8, true));
        assert_eq!(room.0.into_inner(), 2);
    }
}
