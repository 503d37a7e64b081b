//! What a command in a pod writes, read within a limit.

use tokio::io::{AsyncRead, AsyncReadExt};
use wasser_plugin::BackendError;

/// Reads until the end.
///
/// # Errors
/// If that cannot be read, or is longer than `limit` bytes. What is longer is not waited for: its
/// command may write for ever.
pub async fn read(source: Option<impl AsyncRead + Unpin>, limit: usize) -> Result<Vec<u8>, BackendError> {
    let kept = keep(source.map(|source| source.take(bytes(limit).saturating_add(1)))).await?;
    if kept.len() > limit {
        return Err(BackendError::Failed(format!(
            "the output is longer than the limit of {limit} bytes"
        )));
    }
    Ok(kept)
}

/// Reads until the end, and keeps the first `limit` bytes. The rest is read as well, since a command
/// whose output nobody reads does not end.
///
/// # Errors
/// If it cannot be read.
pub async fn read_first(source: Option<impl AsyncRead + Unpin>, limit: usize) -> Result<Vec<u8>, BackendError> {
    let Some(mut source) = source else {
        return Ok(Vec::new());
    };
    let kept = keep(Some((&mut source).take(bytes(limit)))).await?;
    tokio::io::copy(&mut source, &mut tokio::io::sink())
        .await
        .map_err(failed)?;
    Ok(kept)
}

async fn keep(source: Option<impl AsyncRead + Unpin>) -> Result<Vec<u8>, BackendError> {
    let mut kept = Vec::new();
    if let Some(mut source) = source {
        source.read_to_end(&mut kept).await.map_err(failed)?;
    }
    Ok(kept)
}

fn bytes(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX)
}

fn failed(error: std::io::Error) -> BackendError {
    BackendError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn output_over_the_limit_is_refused_while_it_is_still_written() {
        let (mut writer, reader) = tokio::io::duplex(4);
        let (read, written) = tokio::join!(
            read(Some(reader), 10),
            async move { writer.write_all(&[b'x'; 100]).await }
        );
        assert!(read.unwrap_err().to_string().contains("limit of 10 bytes"));
        assert!(written.is_err(), "nobody reads any more");
    }

    #[tokio::test]
    async fn the_rest_of_errors_is_read_so_that_the_command_ends() {
        let (mut writer, reader) = tokio::io::duplex(4);
        let (read, written) = tokio::join!(read_first(Some(reader), 10), async move {
            writer.write_all(&[b'x'; 100]).await
        });
        assert_eq!((read.unwrap().len(), written.is_ok()), (10, true));
    }
}
