//! What the host checks in an answer without knowing the runtime.

use serde::de::IgnoredAny;
use wasser_api::text;

use crate::bindings::types::{Description, Error, StorageStats, UfsChange, UfsUpdate};
use crate::sandbox::error::{CallError, CallSite};

/// The most bytes of a guest's message to users, and of what it says beside: they are shown in conditions, events and log lines.
const MESSAGE: usize = 900;
const WORDS: usize = 200;
/// The most cache states, and the most bytes of one: they are shown in statuses.
const STATES: usize = 64;

/// An answer of a method, as far as the host can check it without knowing the runtime.
pub trait Answer {
    /// What is wrong with it.
    fn fault(&self) -> Option<String> {
        None
    }

    /// The same with texts for people of bounded length.
    fn bounded(self) -> Self
    where
        Self: Sized,
    {
        self
    }
}

impl Answer for () {}
impl Answer for bool {}
impl Answer for Description {}
impl Answer for StorageStats {}
impl Answer for UfsChange {}

impl Answer for Vec<(String, String)> {
    fn fault(&self) -> Option<String> {
        if self.len() > STATES {
            return Some(format!("it has {} states, and {STATES} are allowed", self.len()));
        }
        let (name, _) = self.iter().find(|(name, value)| name.len() + value.len() > WORDS)?;
        let shown = text::bounded(name, STATES);
        Some(format!("the state `{shown}` has more than {WORDS} bytes"))
    }
}

impl Answer for String {
    fn fault(&self) -> Option<String> {
        match serde_json::from_str::<IgnoredAny>(self) {
            Ok(_) if self.trim_start().starts_with('{') => None,
            Ok(_) => Some("it is JSON, but not an object".to_owned()),
            Err(error) => Some(format!("it is not JSON: {error}")),
        }
    }
}

impl Answer for Option<String> {
    fn fault(&self) -> Option<String> {
        self.as_ref()?.fault()
    }
}

impl Answer for UfsUpdate {
    fn fault(&self) -> Option<String> {
        self.values.fault()
    }
}

impl<T: Answer> Answer for Result<T, Error> {
    fn fault(&self) -> Option<String> {
        self.as_ref().ok()?.fault()
    }

    fn bounded(self) -> Self {
        let shorten = |text: &mut String, limit| {
            if text.len() > limit {
                *text = text::bounded(text, limit).into_owned();
            }
        };
        self.map_err(|mut error| {
            match &mut error {
                Error::NotSupported => {}
                Error::InvalidSpec(invalid) => {
                    shorten(&mut invalid.field, WORDS);
                    shorten(&mut invalid.message, MESSAGE);
                }
                Error::RetryAfter(delay) => shorten(&mut delay.message, MESSAGE),
                Error::Failed(message) => shorten(message, MESSAGE),
                Error::Other((code, message)) => {
                    shorten(code, WORDS);
                    shorten(message, MESSAGE);
                }
            }
            error
        })
    }
}

pub fn check<T: Answer>(answer: &T, site: impl FnOnce() -> CallSite) -> Result<(), CallError> {
    match answer.fault() {
        Some(reason) => Err(CallError::InvalidOutput {
            site: Box::new(site()),
            reason,
        }),
        None => Ok(()),
    }
}
