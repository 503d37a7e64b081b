//! The start of the machine, before which no mount of now was there.

use std::fs;
use std::io;
use std::time::Duration;

use crate::error::{Attempt, Error};

/// The file with a number that changes with each start of the machine, when all mounts are gone.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file with the seconds since the start, as `12345.67 …`.
const UPTIME: &str = "/proc/uptime";

/// Returns a text that changes with each start of the machine.
///
/// # Errors
/// procfs cannot be read.
pub fn id() -> Result<String, Error> {
    let text = fs::read_to_string(BOOT_ID).attempt("reading", BOOT_ID)?;
    Ok(text.trim().to_owned())
}

/// Returns the time since the start of the machine.
///
/// # Errors
/// procfs cannot be read.
pub fn uptime() -> Result<Duration, Error> {
    let text = fs::read_to_string(UPTIME).attempt("reading", UPTIME)?;
    let seconds = text.split(' ').next().and_then(|seconds| seconds.parse().ok());
    let uptime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    uptime.ok_or(io::ErrorKind::InvalidData).attempt("reading", UPTIME)
}
