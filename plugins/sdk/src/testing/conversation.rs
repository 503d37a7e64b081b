//! Methods as the host calls them: once for each result that they wait for.

use std::cell::{Cell, RefCell};

use serde_json::Value;

use crate::{Command, Entry, Error, Host, HostError, Level, Output, Pod, Request, Response, Result, Severity};

/// The most calls of one method.
const MOST: usize = 500;

/// Calls a method as the host does: each command and each request ends the call, and the next call
/// knows its result. Returns the answer, which has to be that of a method which knows all results
/// at once.
///
/// # Errors
/// That of the method, or it asks for something else in each call.
pub fn converse<H: Host, T>(host: &H, method: impl Fn(&Conversing<'_, H>) -> Result<T>) -> Result<T> {
    let conversing = Conversing {
        host,
        commands: RefCell::default(),
        requests: RefCell::default(),
        events: RefCell::default(),
        pending: Cell::new(false),
    };
    for _ in 0..MOST {
        conversing.begin();
        let answer = method(&conversing);
        if !conversing.pending.get() {
            return answer;
        }
    }
    Err(Error::failed(format!("the method has no answer after {MOST} calls")))
}

/// The results of jobs, in the order in which they were asked for: the words of each, its result,
/// and whether this call has asked for it already.
type Journal<T> = RefCell<Vec<(String, std::result::Result<T, HostError>, bool)>>;

/// A host that ends the call with each new command and request; see [`converse`].
pub struct Conversing<'a, H> {
    host: &'a H,
    commands: Journal<Output>,
    requests: Journal<Response>,
    events: Journal<()>,
    pending: Cell<bool>,
}

impl<H: Host> Conversing<'_, H> {
    fn begin(&self) {
        self.pending.set(false);
        self.commands.borrow_mut().iter_mut().for_each(|entry| entry.2 = false);
        self.requests.borrow_mut().iter_mut().for_each(|entry| entry.2 = false);
        self.events.borrow_mut().iter_mut().for_each(|entry| entry.2 = false);
    }

    fn go_on(&self) -> std::result::Result<(), HostError> {
        if self.pending.get() {
            Err(HostError::Pending)
        } else {
            Ok(())
        }
    }

    fn result<T: Clone>(
        &self,
        journal: &Journal<T>,
        words: String,
        begin: impl FnOnce() -> std::result::Result<T, HostError>,
    ) -> std::result::Result<T, HostError> {
        if let Some(result) = known(journal, &words) {
            return result;
        }
        journal.borrow_mut().push((words, begin(), true));
        self.pending.set(true);
        Err(HostError::Pending)
    }

    fn command(&self, command: &Command<'_>) -> std::result::Result<Output, HostError> {
        self.result(&self.commands, format!("{command:?}"), || self.host.exec(command))
    }
}

/// The result that an earlier call has led to.
fn known<T: Clone>(journal: &Journal<T>, words: &str) -> Option<std::result::Result<T, HostError>> {
    let mut journal = journal.borrow_mut();
    let (_, result, asked) = journal.iter_mut().find(|(known, _, asked)| !asked && known == words)?;
    *asked = true;
    Some(result.clone())
}

impl<H: Host> Host for Conversing<'_, H> {
    fn pods(&self, role: &str) -> std::result::Result<Vec<Pod>, HostError> {
        self.go_on()?;
        self.host.pods(role)
    }

    fn exec(&self, command: &Command<'_>) -> std::result::Result<Output, HostError> {
        self.go_on()?;
        self.command(command)
    }

    fn exec_all(&self, commands: &[Command<'_>]) -> Vec<std::result::Result<Output, HostError>> {
        let pending = self.pending.get();
        let all = commands.iter();
        all.map(|command| {
            if pending {
                Err(HostError::Pending)
            } else {
                self.command(command)
            }
        })
        .collect()
    }

    fn http(&self, request: &Request<'_>) -> std::result::Result<Response, HostError> {
        self.go_on()?;
        self.result(&self.requests, format!("{request:?}"), || self.host.http(request))
    }

    fn secret(&self, name: &str, key: &str) -> std::result::Result<Option<Vec<u8>>, HostError> {
        self.go_on()?;
        self.host.secret(name, key)
    }

    fn object(&self, kind: &str, name: &str) -> std::result::Result<Option<Value>, HostError> {
        self.go_on()?;
        self.host.object(kind, name)
    }

    fn allocate_ports(&self, names: &[&str]) -> std::result::Result<Vec<u16>, HostError> {
        self.go_on()?;
        self.host.allocate_ports(names)
    }

    fn state(&self, key: &str) -> std::result::Result<Option<Entry>, HostError> {
        self.go_on()?;
        self.host.state(key)
    }

    fn state_keys(&self) -> std::result::Result<Vec<String>, HostError> {
        self.go_on()?;
        self.host.state_keys()
    }

    fn set_state(&self, key: &str, value: &[u8], if_version: Option<&str>) -> std::result::Result<String, HostError> {
        self.go_on()?;
        self.host.set_state(key, value, if_version)
    }

    fn remove_state(&self, key: &str, if_version: &str) -> std::result::Result<(), HostError> {
        self.go_on()?;
        self.host.remove_state(key, if_version)
    }

    fn log(&self, level: Level, message: &str) {
        if self.go_on().is_ok() {
            self.host.log(level, message);
        }
    }

    fn event(&self, severity: Severity, reason: &str, message: &str) -> std::result::Result<(), HostError> {
        self.go_on()?;
        let words = format!("{severity:?} {reason} {message}");
        if let Some(result) = known(&self.events, &words) {
            return result;
        }
        let result = self.host.event(severity, reason, message);
        self.events.borrow_mut().push((words, result.clone(), true));
        result
    }
}
