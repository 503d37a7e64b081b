//! The imports of a component, as its methods see them.

use std::cell::Cell;
use std::time::Duration;

use serde_json::Value;

use super::bindings::wasser::events::events;
use super::bindings::wasser::exec::exec;
use super::bindings::wasser::http::http;
use super::bindings::wasser::jobs::jobs;
use super::bindings::wasser::log::log;
use super::bindings::wasser::objects::objects;
use super::bindings::wasser::pods::pods;
use super::bindings::wasser::ports::ports;
use super::bindings::wasser::secrets::secrets;
use super::bindings::wasser::state::state;
use super::types;
use crate::{Captured, Command, Ending, Entry, Host, HostError, Level, Output, Pod, Request, Response, Severity};

/// The imports of the component.
pub struct Imports;

thread_local! {
    /// Whether the method waits for a result. Nothing that it does from then on has an effect, since
    /// it does not know how to go on.
    static PENDING: Cell<bool> = const { Cell::new(false) };
}

/// Begins a method.
pub fn begin() {
    PENDING.set(false);
}

/// Fails if the method waits for a result.
pub fn go_on() -> Result<(), HostError> {
    if PENDING.get() { Err(HostError::Pending) } else { Ok(()) }
}

/// The result of a job, or the end of the call.
fn result<T>(found: Option<Result<T, types::HostError>>) -> Result<T, HostError> {
    match found {
        Some(result) => Ok(result?),
        None => {
            PENDING.set(true);
            Err(HostError::Pending)
        }
    }
}

fn ask(command: &Command<'_>) -> Result<Output, HostError> {
    let output = result(jobs::run(&exec::Command {
        pod: command.pod.to_owned(),
        container: command.container.map(str::to_owned),
        argv: command.argv.iter().map(|a| a.to_string()).collect(),
        stdin: command.stdin.map(<[u8]>::to_vec),
        timeout_ms: millis(command.timeout),
    }))?;
    Ok(Output {
        ending: match output.ending {
            exec::Ending::Exited(code) => Ending::Exited(code),
            exec::Ending::TimedOut => Ending::TimedOut,
            exec::Ending::CutOff => Ending::CutOff,
            exec::Ending::Other(why) => Ending::Other(why),
        },
        stdout: output.stdout.into(),
        stderr: output.stderr.into(),
    })
}

fn millis(timeout: Option<Duration>) -> Option<u32> {
    timeout.map(|timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX))
}

impl From<types::HostError> for HostError {
    fn from(error: types::HostError) -> Self {
        match error {
            types::HostError::NotGranted(what) => HostError::NotGranted(what),
            types::HostError::NotFound(what) => HostError::NotFound(what),
            types::HostError::Conflict(what) => HostError::Conflict(what),
            types::HostError::Throttled(delay) => HostError::Throttled {
                seconds: delay.seconds,
                message: delay.message,
            },
            types::HostError::Timeout => HostError::Timeout,
            types::HostError::Failed(why) => HostError::Failed(why),
            types::HostError::Other((code, message)) => HostError::Other { code, message },
        }
    }
}

impl From<exec::Captured> for Captured {
    fn from(captured: exec::Captured) -> Self {
        Captured {
            bytes: captured.bytes,
            truncated: captured.truncated,
        }
    }
}

impl Host for Imports {
    fn pods(&self, role: &str) -> Result<Vec<Pod>, HostError> {
        go_on()?;
        let pods = pods::list(role)?;
        let convert = |p: pods::Pod| Pod {
            name: p.name,
            role: p.role,
            node: p.node,
            ip: p.ip,
            ready: p.ready,
            started_at: p.started_at,
        };
        Ok(pods.into_iter().map(convert).collect())
    }

    fn exec(&self, command: &Command<'_>) -> Result<Output, HostError> {
        go_on()?;
        ask(command)
    }

    fn exec_all(&self, commands: &[Command<'_>]) -> Vec<Result<Output, HostError>> {
        let pending = PENDING.get();
        let all = commands.iter();
        all.map(|command| if pending { Err(HostError::Pending) } else { ask(command) })
            .collect()
    }

    fn http(&self, request: &Request<'_>) -> Result<Response, HostError> {
        go_on()?;
        let headers = request.headers.iter();
        let response = result(jobs::send(&http::Request {
            pod: request.pod.to_owned(),
            port: request.port,
            method: request.method.to_owned(),
            path: request.path.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_vec()))
                .collect(),
            body: request.body.map(<[u8]>::to_vec),
            timeout_ms: millis(request.timeout),
        }))?;
        Ok(Response {
            status: response.status,
            headers: response.headers,
            body: response.body,
            truncated: response.truncated,
        })
    }

    fn secret(&self, name: &str, key: &str) -> Result<Option<Vec<u8>>, HostError> {
        go_on()?;
        Ok(secrets::get(name, key)?)
    }

    fn object(&self, kind: &str, name: &str) -> Result<Option<Value>, HostError> {
        go_on()?;
        let parse = |text: String| {
            serde_json::from_str(&text).map_err(|e| HostError::Failed(format!("cannot read {kind} {name}: {e}")))
        };
        objects::get(kind, name)?.map(parse).transpose()
    }

    fn allocate_ports(&self, names: &[&str]) -> Result<Vec<u16>, HostError> {
        go_on()?;
        let names: Vec<String> = names.iter().map(|n| n.to_string()).collect();
        let ports = ports::allocate(&names)?;
        let port = |name: &String| {
            let found = ports.iter().find(|(known, _)| known == name);
            found
                .map(|(_, port)| *port)
                .ok_or_else(|| HostError::Failed(format!("no port was given for {name}")))
        };
        names.iter().map(port).collect()
    }

    fn state(&self, key: &str) -> Result<Option<Entry>, HostError> {
        go_on()?;
        Ok(state::get(key)?.map(|entry| Entry {
            value: entry.value,
            version: entry.version,
        }))
    }

    fn state_keys(&self) -> Result<Vec<String>, HostError> {
        go_on()?;
        Ok(state::keys()?)
    }

    fn set_state(&self, key: &str, value: &[u8], if_version: Option<&str>) -> Result<String, HostError> {
        go_on()?;
        Ok(state::set(key, value, if_version)?)
    }

    fn remove_state(&self, key: &str, if_version: &str) -> Result<(), HostError> {
        go_on()?;
        Ok(state::remove(key, if_version)?)
    }

    fn log(&self, level: Level, message: &str) {
        if go_on().is_err() {
            return;
        }
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::log(level, message);
    }

    fn event(&self, severity: Severity, reason: &str, message: &str) -> Result<(), HostError> {
        go_on()?;
        let severity = match severity {
            Severity::Normal => events::Severity::Normal,
            Severity::Warning => events::Severity::Warning,
        };
        Ok(events::publish(severity, reason, message)?)
    }
}
