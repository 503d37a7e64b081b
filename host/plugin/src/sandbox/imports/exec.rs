//! `exec`: commands in the pods of the runtime's release.

use crate::bindings::exec::{Host, Output};
use crate::bindings::types::PodError;
use crate::package::grants::Grants;
use crate::sandbox::store::StoreData;

/// The maximum bytes of a command and its arguments together.
const ARGV: usize = 64 << 10;

impl Host for StoreData {
    async fn run(
        &mut self,
        pod: String,
        container: String,
        argv: Vec<String>,
        timeout_ms: u32,
    ) -> wasmtime::Result<Result<Output, PodError>> {
        self.enter()?;
        Ok(self.run_command(&pod, container, &argv, timeout_ms).await)
    }
}

impl StoreData {
    async fn run_command(
        &self,
        pod: &str,
        container: String,
        argv: &[String],
        timeout_ms: u32,
    ) -> Result<Output, PodError> {
        let role = self
            .role_of(pod, Grants::allows_exec, |role| format!("exec: [{role}]"))
            .await?;
        if argv.first().is_none_or(String::is_empty) {
            return Err(PodError::Failed("the command is empty".to_owned()));
        }
        let size: usize = argv.iter().map(String::len).sum();
        if size > ARGV {
            return Err(PodError::Failed(format!(
                "the command has {size} bytes, and {ARGV} are allowed"
            )));
        }
        if argv.iter().any(|argument| argument.contains('\0')) {
            return Err(PodError::Failed(
                "an argument of the command contains a NUL character".to_owned(),
            ));
        }
        let container = if container.is_empty() {
            role.container
        } else {
            container
        };
        let output = self.identity.limits.output;
        Ok(self
            .backend
            .exec(&self.scope, pod, &container, argv, self.wait_limit(timeout_ms), output)
            .await?)
    }
}
