//! The imports of a component, as its methods see them.

use std::time::Duration;

use serde_json::Value;

use super::bindings::wasser::events::events;
use super::bindings::wasser::exec::exec;
use super::bindings::wasser::http::http;
use super::bindings::wasser::log::log;
use super::bindings::wasser::objects::objects;
use super::bindings::wasser::pods::pods;
use super::bindings::wasser::ports::ports;
use super::bindings::wasser::secrets::secrets;
use super::bindings::wasser::state::state;
use super::types;
use crate::{Error, Host, Level, Output, Pod, PodError, Response};

/// The imports of the component.
pub struct Imports;

fn millis(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX)
}

impl From<types::PodError> for PodError {
    fn from(error: types::PodError) -> Self {
        match error {
            types::PodError::NotGranted(what) => PodError::NotGranted(what),
            types::PodError::NotFound(what) => PodError::NotFound(what),
            types::PodError::Timeout => PodError::Timeout,
            types::PodError::Failed(why) => PodError::Failed(why),
        }
    }
}

impl Host for Imports {
    fn pods(&self, role: &str) -> Result<Vec<Pod>, PodError> {
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

    fn exec(&self, pod: &str, container: &str, argv: &[&str], timeout: Duration) -> Result<Output, PodError> {
        let argv: Vec<String> = argv.iter().map(|a| a.to_string()).collect();
        let output = exec::run(pod, container, &argv, millis(timeout))?;
        Ok(Output {
            code: output.code,
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }

    fn http_get(&self, pod: &str, port: u16, path: &str, timeout: Duration) -> Result<Response, PodError> {
        let response = http::get(pod, port, path, millis(timeout))?;
        Ok(Response {
            status: response.status,
            body: response.body,
        })
    }

    fn secret(&self, name: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        secrets::get(name, key).map_err(Error::Failed)
    }

    fn object(&self, kind: &str, name: &str) -> Result<Option<Value>, Error> {
        let text = objects::get(kind, name).map_err(Error::Failed)?;
        let parse = |text: String| {
            serde_json::from_str(&text).map_err(|e| Error::failed(format!("cannot read {kind} {name}: {e}")))
        };
        text.map(parse).transpose()
    }

    fn allocate_ports(&self, names: &[&str]) -> Result<Vec<u16>, Error> {
        let names: Vec<String> = names.iter().map(|n| n.to_string()).collect();
        ports::allocate(&names).map_err(Error::Failed)
    }

    fn state(&self, key: &str) -> Option<Vec<u8>> {
        state::get(key)
    }

    fn set_state(&self, key: &str, value: Option<&[u8]>) -> Result<(), Error> {
        state::set(key, value).map_err(Error::Failed)
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Debug => log::Level::Debug,
            Level::Info => log::Level::Info,
            Level::Warn => log::Level::Warn,
            Level::Error => log::Level::Error,
        };
        log::log(level, message);
    }

    fn event(&self, kind: &str, reason: &str, message: &str) -> Result<(), Error> {
        events::publish(kind, reason, message).map_err(Error::Failed)
    }
}
