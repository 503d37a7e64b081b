//! `jobs`: commands and requests that are made once the guest has gone.

use std::sync::{MutexGuard, PoisonError};

use crate::bindings::exec::{Command, Output};
use crate::bindings::http::{Request, Response};
use crate::bindings::jobs::Host;
use crate::bindings::types::HostError;
use crate::sandbox::journal::{Job, Journal, Outcome};
use crate::sandbox::store::StoreData;

impl Host for StoreData {
    async fn run(&mut self, command: Command) -> wasmtime::Result<Option<Result<Output, HostError>>> {
        self.enter()?;
        let job = Job::Command(command);
        let known = self.journal().result(&job);
        let Job::Command(command) = &job else { return Ok(None) };
        Ok(match known {
            Some(Outcome::Command(result)) => Some(result),
            _ => match self.role_of_command(command).await? {
                Ok(role) => self.begin(job, role.container).map(Err),
                Err(refused) => Some(Err(refused)),
            },
        })
    }

    async fn send(&mut self, request: Request) -> wasmtime::Result<Option<Result<Response, HostError>>> {
        self.enter()?;
        let job = Job::Request(request);
        let known = self.journal().result(&job);
        let Job::Request(request) = &job else { return Ok(None) };
        Ok(match known {
            Some(Outcome::Request(result)) => Some(result),
            _ => match self.check_request(request).await? {
                Ok(()) => self.begin(job, String::new()).map(Err),
                Err(refused) => Some(Err(refused)),
            },
        })
    }
}

impl StoreData {
    /// What the method has asked for and said.
    pub(super) fn journal(&self) -> MutexGuard<'_, Journal> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a job. Returns why that is not possible.
    fn begin(&self, job: Job, container: String) -> Option<HostError> {
        self.journal().begin(job, container).err()
    }
}
