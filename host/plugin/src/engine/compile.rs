//! Compiles components within a time limit, off the async runtime.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::Component;

use crate::engine::PluginEngine;
use crate::engine::error::CompileError;
use crate::engine::mark::{Mark, Unmarked};
use crate::package::digest::Digest;

/// What each MiB of a component adds to the time limit. A guest with an interpreter has 18 MiB and needs
/// 11 s of a processor, of which a busy host may give it a small part.
const EACH_MIB: Duration = Duration::from_secs(10);
/// The longest time limit: other registrations wait meanwhile.
pub const LONGEST: Duration = Duration::from_secs(240);

/// Returns the time limit for a component of this size.
pub fn time_limit(least: Duration, size: usize) -> Duration {
    let mib = u32::try_from(size >> 20).unwrap_or(u32::MAX);
    least
        .saturating_add(EACH_MIB.saturating_mul(mib))
        .min(least.max(LONGEST))
}

/// The turn of a component to be checked and compiled, which is marked until this is dropped.
pub struct Turn {
    limit: Duration,
    _mark: Option<Mark>,
    _permit: OwnedSemaphorePermit,
}

impl Turn {
    /// Waits for the turn of a component of this size.
    pub async fn take(engine: &PluginEngine, size: usize, digest: &Digest) -> Result<Self, CompileError> {
        let limit = time_limit(engine.config.compile_timeout, size);
        let permit = tokio::time::timeout(limit, engine.compiling.clone().acquire_owned())
            .await
            .map_err(|_| CompileError::Timeout(limit))?
            .map_err(|error| CompileError::Failed(error.to_string()))?;
        let begin = || {
            let path = engine.cache.mark(digest);
            Mark::begin(&path).map_err(|unmarked| match unmarked {
                Unmarked::Killed => CompileError::Killed(path),
                Unmarked::Io(error) => CompileError::Failed(format!("marking its beginning: {error}")),
            })
        };
        // Who compiles by itself, as tests do, may share its directory with others that do the same.
        let mark = engine.config.precompiler.as_ref().map(|_| begin()).transpose()?;
        Ok(Self {
            limit,
            _mark: mark,
            _permit: permit,
        })
    }
}

/// Compiles a checked component off the async runtime.
pub async fn compile(
    engine: &PluginEngine,
    bytes: Bytes,
    digest: &Digest,
    turn: Turn,
) -> Result<Component, CompileError> {
    let limit = turn.limit;
    tracing::info!(%digest, bytes = bytes.len(), "compiling a plugin");
    let compiled = match &engine.config.precompiler {
        Some(command) => compile_outside(engine, command, &bytes, digest, limit).await?,
        None => {
            let wasmtime = engine.wasmtime.clone();
            // The thread cannot be stopped, only abandoned. It keeps its turn until it ends.
            let compiling = tokio::task::spawn_blocking(move || {
                let _until_then = turn;
                wasmtime.precompile_component(&bytes)
            });
            let compiled = tokio::time::timeout(limit, compiling)
                .await
                .map_err(|_| CompileError::Timeout(limit))?;
            compiled
                .map_err(|error| CompileError::Failed(error.to_string()))?
                .map_err(|error| CompileError::Failed(format!("{error:#}")))?
        }
    };
    engine
        .cache
        .put(&engine.wasmtime, digest, &compiled)
        .map_err(CompileError::Failed)
}

/// Compiles in a separate process, which is killed if it takes too long, and which returns its
/// memory when it ends.
async fn compile_outside(
    engine: &PluginEngine,
    command: &[PathBuf],
    bytes: &[u8],
    digest: &Digest,
    limit: Duration,
) -> Result<Vec<u8>, CompileError> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(CompileError::Failed("the precompiler's command is empty".to_owned()));
    };
    let (input, output) = (
        engine.cache.partial(digest).with_extension("wasm"),
        engine.cache.partial(digest),
    );
    let run = async {
        std::fs::File::create(&input)?.write_all(bytes)?;
        let mut child = tokio::process::Command::new(program);
        child
            .args(arguments)
            .arg(&input)
            .arg(&output)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let finished = child.spawn()?.wait_with_output().await?;
        if !finished.status.success() {
            let words = String::from_utf8_lossy(&finished.stderr).trim().to_owned();
            return Err(std::io::Error::other(format!(
                "{} ended with {}: {words}",
                program.display(),
                finished.status
            )));
        }
        std::fs::read(&output)
    };
    let compiled = tokio::time::timeout(limit, run).await;
    for path in [&input, &output] {
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::debug!(path = %path.display(), %error, "a file of the compilation was not removed");
        }
    }
    compiled
        .map_err(|_| CompileError::Timeout(limit))?
        .map_err(|error| CompileError::Failed(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_component_has_more_time() {
        let least = Duration::from_millis(100);
        assert_eq!(time_limit(least, 300 << 10), least);
        assert_eq!(time_limit(least, 18 << 20), Duration::from_millis(180_100));
        assert_eq!(time_limit(least, 64 << 20), LONGEST);
        assert_eq!(time_limit(LONGEST * 2, 64 << 20), LONGEST * 2);
    }
}
