//! Checks the answers of methods as far as possible without knowing the runtime.

use wasser_api::text;

use crate::bindings::types::{CacheState, Description, Error, Measure, Mount, StorageStats, UfsChange};
use crate::plugin::sound::Sound;
use crate::sandbox::error::{CallError, CallSite};
use crate::sandbox::imports::shape;

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

    /// Returns the answer with the texts for people as they can be shown: of bounded length, and
    /// without control characters, by which a text could pass for another log line.
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

impl Answer for Vec<CacheState> {
    fn fault(&self) -> Option<String> {
        if self.len() > STATES {
            return Some(format!("it has {} states, and {STATES} are allowed", self.len()));
        }
        self.iter().find_map(|state| {
            let shown = || text::bounded(&state.name, STATES);
            let length = match &state.value {
                Measure::Share(share) if !share.is_finite() => {
                    return Some(format!("the state `{}` is not a number", shown()));
                }
                Measure::Other(text) => text.len(),
                _ => 0,
            };
            (state.name.len() + length > WORDS).then(|| format!("the state `{}` has more than {WORDS} bytes", shown()))
        })
    }
}

impl Answer for String {
    fn fault(&self) -> Option<String> {
        match serde_json::from_str::<Sound>(self) {
            Ok(_) if self.trim_start().starts_with('{') => None,
            Ok(_) => Some("it is JSON, but not an object".to_owned()),
            Err(error) => Some(format!("it is not JSON: {error}")),
        }
    }
}

impl Answer for UfsChange {
    fn fault(&self) -> Option<String> {
        let changed = self.changed.iter().flat_map(|changed| [&changed.old, &changed.new]);
        let mut mounts = self.added.iter().chain(&self.removed).chain(changed);
        mounts.find_map(|Mount { path, spec }| {
            let fault = spec.fault()?;
            Some(format!("the mount at `{}`: {fault}", text::bounded(path, WORDS)))
        })
    }
}

impl<T: Answer> Answer for Result<T, Error> {
    fn fault(&self) -> Option<String> {
        self.as_ref().ok()?.fault()
    }

    fn bounded(self) -> Self {
        let tidy = |text: &mut String, limit| *text = shape::tidy(text, limit);
        self.map_err(|mut error| {
            match &mut error {
                Error::NotSupported => {}
                Error::InvalidSpec(invalid) => {
                    tidy(&mut invalid.field, WORDS);
                    tidy(&mut invalid.message, MESSAGE);
                }
                Error::RetryAfter(delay) => tidy(&mut delay.message, MESSAGE),
                Error::Failed(message) => tidy(message, MESSAGE),
                Error::Other((code, message)) => {
                    tidy(code, WORDS);
                    tidy(message, MESSAGE);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::object(r#"{"a": [1.5, -1, 18446744073709551615, null, true, "\ud83d\ude00"]}"#, None)]
    #[case::text("\"a\"", Some("it is JSON, but not an object"))]
    #[case::other("{'a': 1}", Some("it is not JSON: key must be a string"))]
    #[case::half(r#"{"a": "\ud800"}"#, Some("it is not JSON: unexpected end of hex escape"))]
    #[case::half_in_a_key(r#"{"\udc00": 1}"#, Some("it is not JSON: lone leading surrogate"))]
    #[case::huge(r#"{"a": [{"b": 1e400}]}"#, Some("it is not JSON: number out of range"))]
    fn values_that_nobody_can_read_are_refused(#[case] values: &str, #[case] fault: Option<&str>) {
        let found = values.to_owned().fault();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(values).is_ok_and(|value| value.is_object()),
            found.is_none()
        );
        match fault {
            Some(fault) => assert!(
                found.as_deref().is_some_and(|found| found.starts_with(fault)),
                "{found:?}"
            ),
            None => assert_eq!(found, None),
        }
    }

    #[rstest::rstest]
    #[case(Measure::Share(f64::NAN), Some("the state `cached` is not a number"))]
    #[case(Measure::Share(0.5), None)]
    #[case(Measure::Other("x".repeat(WORDS)), Some("the state `cached` has more than 200 bytes"))]
    #[case(Measure::Unknown, None)]
    fn a_state_that_cannot_be_shown_is_refused(#[case] value: Measure, #[case] fault: Option<&str>) {
        let name = "cached".to_owned();
        assert_eq!(vec![CacheState { name, value }].fault().as_deref(), fault);
    }

    #[rstest::rstest]
    #[case::failed(Error::Failed("x\n2026-01-01 INFO loaded\u{1b}[0m".to_owned()))]
    #[case::other(Error::Other(("x\r\n".to_owned(), "x\u{85}y".to_owned())))]
    fn texts_for_people_have_one_line_and_no_control_characters(#[case] error: Error) {
        let shown = format!("{:?}", Err::<(), _>(error).bounded());
        let escapes = ["\\n", "\\r", "\\u"];
        assert!(escapes.iter().all(|escape| !shown.contains(escape)), "{shown}");
    }
}
