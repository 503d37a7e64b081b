//! Commands in pods, and what they leave behind.

use std::time::Duration;

use crate::HostError;

/// A command in a pod of the runtime.
#[derive(Debug, Clone, Copy)]
pub struct Command<'a> {
    /// The name of the pod.
    pub pod: &'a str,
    /// The container; `None` for the role's own.
    pub container: Option<&'a str>,
    /// The program and its arguments. There is no shell in between.
    pub argv: &'a [&'a str],
    /// What it reads from standard input, which then ends.
    pub stdin: Option<&'a [u8]>,
    /// How long it can take; `None` for as long as the call lasts.
    pub timeout: Option<Duration>,
}

impl<'a> Command<'a> {
    /// Returns a command in the role's own container, without input.
    pub fn new(pod: &'a str, argv: &'a [&'a str], timeout: Duration) -> Self {
        Command {
            pod,
            container: None,
            argv,
            stdin: None,
            timeout: Some(timeout),
        }
    }
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit code.
    Exited(i32),
    /// Not in time. It may still run.
    TimedOut,
    /// It wrote so much that the host no longer read it. It may still run.
    CutOff,
    /// In a way that the other variants do not cover.
    Other(String),
}

/// What a command wrote to one of its streams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Captured {
    /// The first bytes, at most the limit of the registration.
    pub bytes: Vec<u8>,
    /// Whether there were more.
    pub truncated: bool,
}

impl Captured {
    /// Returns the bytes as text without surrounding white space; invalid UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).trim().to_owned()
    }
}

/// What a command left behind. Whatever the ending is, the streams have what was written before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub ending: Ending,
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
}

/// The text of a command that ended by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    /// Its exit code.
    pub code: i32,
    /// Standard output without surrounding white space.
    pub stdout: String,
    /// Standard error, in the same way, possibly cut.
    pub stderr: String,
}

impl Output {
    /// Returns the text, if the command ended by itself and standard output is whole.
    pub fn said(&self) -> Result<Said, HostError> {
        let too_long = || {
            let kept = self.stdout.bytes.len();
            Err(HostError::Failed(format!(
                "the output is longer than the limit of {kept} bytes"
            )))
        };
        match &self.ending {
            Ending::Exited(_) | Ending::CutOff if self.stdout.truncated => too_long(),
            Ending::CutOff => Err(HostError::Failed("it writes errors without end".to_owned())),
            Ending::TimedOut => Err(HostError::Timeout),
            Ending::Other(why) => Err(HostError::Failed(why.clone())),
            Ending::Exited(code) => Ok(Said {
                code: *code,
                stdout: self.stdout.text(),
                stderr: self.stderr.text(),
            }),
        }
    }
}
