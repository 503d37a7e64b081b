//! Checks the answers of methods as far as possible without knowing the runtime.

use serde::de::IgnoredAny;
use wasser_api::text;

use crate::bindings::types::{Description, Error, StorageStats, UfsChange, UfsUpdate};
use crate::sandbox::error::{CallError, CallSite};

/// The maximum bytes of a guest's message to users, and of other texts in its errors. They are
/// shown in conditions, events and log lines.
const MESSAGE: usize = 900;
const WORDS: usize = 200;
/// The maximum number of cache states. They are shown in statuses.
const STATES: usize = 64;

/// An answer of a method.
pub trait Answer {
    /// Returns the reason why the answer cannot be used, if there is one.
    fn fault(&self) -> Option<String> {
        None
    }

    /// Returns the answer with the texts for people cut to a bounded length.
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
