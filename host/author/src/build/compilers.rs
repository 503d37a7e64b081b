//! The compilers that run, so that whoever has asked for a build can end it.

use std::io::{Error, ErrorKind, Read, Result};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;

use parking_lot::Mutex;

/// The compilers of a project's builds. Once they are stopped, no further ones start.
#[derive(Debug, Clone, Default)]
pub struct Compilers(Arc<Mutex<Running>>);

#[derive(Debug, Default)]
struct Running {
    child: Option<Child>,
    is_stopped: bool,
}

impl Compilers {
    /// Ends the compiler that runs, if one does.
    pub fn stop(&self) {
        let mut running = self.0.lock();
        running.is_stopped = true;
        if let Some(child) = &mut running.child {
            // It may have ended just now.
            drop(child.kill());
        }
    }

    /// Runs a compiler and returns its output, as [`Command::output`] does. Standard error goes where the
    /// command says.
    ///
    /// # Errors
    /// It cannot be started, or was stopped before.
    pub fn output(&self, command: &mut Command) -> Result<Output> {
        let (stdout, stderr) = {
            let mut running = self.0.lock();
            if running.is_stopped {
                return Err(Error::from(ErrorKind::Interrupted));
            }
            let child = running.child.insert(command.stdout(Stdio::piped()).spawn()?);
            (child.stdout.take(), child.stderr.take())
        };
        // Each pipe is read while the other may be full.
        let said = std::thread::spawn(move || read(stderr));
        let stdout = read(stdout)?;
        let stderr = said.join().map_err(|_| Error::from(ErrorKind::Other))??;
        let child = self.0.lock().child.take();
        let mut child = child.ok_or_else(|| Error::from(ErrorKind::Interrupted))?;
        Ok(Output {
            status: child.wait()?,
            stdout,
            stderr,
        })
    }
}

fn read(pipe: Option<impl Read>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        pipe.read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(Stdio::null()).stderr(Stdio::piped());
        command
    }

    #[test]
    fn what_a_compiler_says_is_returned() {
        let output = Compilers::default()
            .output(&mut shell("echo out; echo err >&2; exit 3"))
            .unwrap();
        assert_eq!(
            (output.stdout.as_slice(), output.stderr.as_slice()),
            (&b"out\n"[..], &b"err\n"[..])
        );
        assert_eq!(output.status.code(), Some(3));
    }

    #[test]
    fn one_that_runs_is_ended_and_none_starts_after_that() {
        let compilers = Compilers::default();
        let building = std::thread::spawn({
            let compilers = compilers.clone();
            move || compilers.output(&mut shell("exec sleep 600"))
        });
        while compilers.0.lock().child.is_none() {
            std::thread::yield_now();
        }
        compilers.stop();
        assert!(!building.join().unwrap().unwrap().status.success());
        let refused = compilers.output(&mut shell("exit 0")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Interrupted);
    }
}
