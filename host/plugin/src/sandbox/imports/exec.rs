//! `exec`: commands in the pods of the runtime's release.

use crate::backend::ExecCommand;
use crate::bindings::exec::{Command, Host, Output};
use crate::bindings::types::{HostError, Role};
use crate::package::grants::Grants;
use crate::sandbox::imports::refused;
use crate::sandbox::journal::too_large;
use crate::sandbox::store::StoreData;

/// The maximum bytes of a command and its arguments together.
const ARGV: usize = 64 << 10;

impl Host for StoreData {
    async fn run(&mut self, command: Command) -> wasmtime::Result<Result<Output, HostError>> {
        self.enter_far().await?;
        match self.role_of_command(&command).await? {
            Ok(role) => Ok(self.run_command(&command, &role).await),
            Err(error) => Ok(Err(error)),
        }
    }
}

impl StoreData {
    async fn run_command(&self, command: &Command, role: &Role) -> Result<Output, HostError> {
        let room = self.journal().room();
        let command = ExecCommand {
            pod: &command.pod,
            container: command.container.as_ref().unwrap_or(&role.container),
            argv: &command.argv,
            stdin: command.stdin.as_deref(),
            timeout: self.wait_limit(command.timeout_ms),
            max_output: self.identity.limits.output,
            room: &room,
        };
        let output = self.backend.exec(&self.scope, &command).await?;
        if room.holds(0) { Ok(output) } else { Err(too_large()) }
    }

    /// Checks a command, and returns the role in whose pod it runs.
    pub(super) async fn role_of_command(&mut self, command: &Command) -> wasmtime::Result<Result<Role, HostError>> {
        let role = self
            .role_of(&command.pod, Grants::allows_exec, |role| format!("exec: [{role}]"))
            .await?;
        Ok(role.and_then(|role| check_words(&command.argv).map(|()| role)))
    }
}

/// Checks the program and its arguments.
fn check_words(argv: &[String]) -> Result<(), HostError> {
    if argv.first().is_none_or(String::is_empty) {
        return refused("the command is empty");
    }
    let size: usize = argv.iter().map(String::len).sum();
    if size > ARGV {
        return refused(format!("the command has {size} bytes, and {ARGV} are allowed"));
    }
    if argv.iter().any(|argument| argument.contains('\0')) {
        return refused("an argument of the command contains a NUL character");
    }
    Ok(())
}
