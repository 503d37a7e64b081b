//! Words of others in messages: a chart and an API server may say as much as they like, and the
//! remedy comes after it.

use std::borrow::Cow;

/// Characters of an answer or an explanation that a message quotes. An event holds 1,024 bytes, and
/// the object and the remedy belong to it.
const WORDS: usize = 600;
/// Characters of a name or a value that a message quotes: those that the name of an object may
/// have.
const NAME: usize = 253;

/// Shortens an answer or an explanation.
pub fn words(text: &str) -> Cow<'_, str> {
    shorten(text, WORDS)
}

/// Shortens a name or a value.
pub fn name(text: &str) -> Cow<'_, str> {
    shorten(text, NAME)
}

/// The answer of the API server, or why there is none. `kube::Error` would say an answer twice.
pub fn answer(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => words(&status.message).into_owned(),
        kube::Error::Api(status) => format!("{} {}", status.code, name(&status.reason)),
        other => words(&other.to_string()).into_owned(),
    }
}

/// Keeps the beginning and the end: a parser names the place first, and the API server its reason
/// last.
fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= limit {
        return Cow::Borrowed(text);
    }
    let (head, tail) = (limit * 2 / 3, limit / 3);
    let beginning: String = text.chars().take(head).collect();
    let end: String = text.chars().skip(length - tail).collect();
    Cow::Owned(format!(
        "{beginning} … ({} characters left out) … {end}",
        length - head - tail
    ))
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn what_is_long_keeps_its_beginning_and_its_end() {
        assert_eq!(words("short"), "short");
        let long = format!("first{}last", "ü".repeat(200_000));
        let quoted = words(&long);
        assert!(quoted.starts_with("firstü") && quoted.ends_with("ülast"), "{quoted}");
        assert!(quoted.contains("199409 characters left out"), "{quoted}");
        assert!(quoted.chars().count() < 700 && name(&long).chars().count() < 300);
    }

    #[test]
    fn an_answer_is_said_once() {
        let answer_of = |message: &str| {
            let status = Status {
                code: 403,
                reason: "Forbidden".to_owned(),
                message: message.to_owned(),
                ..Status::default()
            };
            answer(&kube::Error::Api(Box::new(status)))
        };
        assert_eq!(answer_of("configmaps is forbidden"), "configmaps is forbidden");
        assert_eq!(answer_of(""), "403 Forbidden");
        assert!(answer_of(&"x".repeat(100_000)).len() < 700);
    }
}
