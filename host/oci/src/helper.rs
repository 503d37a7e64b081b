//! The programs `docker-credential-…`, which keep credentials for Docker.

use std::io::{self, Write as _};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

/// What a program says on standard output that has no credentials for a registry.
const NOT_FOUND: &[u8] = b"credentials not found";

/// What a program has for a registry. It is never printed.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Login {
    pub username: String,
    pub secret: String,
}

/// Returns the name of a program.
pub(crate) fn program(helper: &str) -> String {
    format!("docker-credential-{helper}")
}

/// Asks a program for credentials for a registry; `None` if it has none. The error says why it does not
/// answer.
pub(crate) fn ask(helper: &str, registry: &str) -> Result<Option<Login>, String> {
    let output = run(&program(helper), registry).map_err(|error| error.to_string())?;
    if output.status.success() {
        return answer(&output.stdout).map(Some);
    }
    if is_none(&output.stdout) {
        return Ok(None);
    }
    Err(output.status.to_string())
}

fn run(program: &str, registry: &str) -> io::Result<Output> {
    let mut child = Command::new(program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(registry.as_bytes())?;
    }
    child.wait_with_output()
}

fn answer(stdout: &[u8]) -> Result<Login, String> {
    // What cannot be read may be a secret.
    serde_json::from_slice(stdout).map_err(|_| "its answer".to_owned())
}

/// Whether a program that has failed says that it has none.
fn is_none(stdout: &[u8]) -> bool {
    stdout.trim_ascii().starts_with(NOT_FOUND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_answers_or_has_none() {
        let found = answer(br#"{"ServerURL": "x.io", "Username": "me", "Secret": "s"}"#);
        let found = found.unwrap();
        assert_eq!((found.username.as_str(), found.secret.as_str()), ("me", "s"));
        assert_eq!(answer(b"s").err().as_deref(), Some("its answer"));
        assert!(is_none(b"credentials not found in native keychain\n"));
        assert!(!is_none(b"the keychain is locked"));
    }
}
