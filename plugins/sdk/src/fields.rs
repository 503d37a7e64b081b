//! Objects of users, read into types. What does not fit is reported by the path of its field.

use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// The longest key that objects of Kubernetes have: a prefix, a slash and a name. Longer ones break
/// what is made of them: YAML knows no key of more than 1,024 characters on one line.
const LONGEST_KEY: usize = 317;

/// Reads a JSON document. `object` returns the first part of a field's path, the kind; it is called
/// only if something does not fit.
pub fn parse<T: DeserializeOwned>(object: impl FnOnce() -> String, text: &str) -> Result<T> {
    let mut document = serde_json::Deserializer::from_str(text);
    match (serde_path_to_error::deserialize(&mut document), long_key(text)) {
        (Err(error), _) => Err(refusal(&object(), &error)),
        (Ok(read), None) => Ok(read),
        (Ok(_), Some(key)) => {
            let begin: String = key.chars().take(40).collect();
            let message = format!("has a key of {} bytes, `{begin}…`; shorten it", key.len());
            Err(Error::invalid(object(), message))
        }
    }
}

/// Returns the first key in a JSON document that is longer than [`LONGEST_KEY`], as it is written.
fn long_key(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some((_, string)) = rest.split_once('"') {
        let mut escaped = false;
        let end = string.find(|character| {
            let ends = character == '"' && !escaped;
            escaped = character == '\\' && !escaped;
            ends
        })?;
        let (string, after) = string.split_at(end);
        rest = after.strip_prefix('"')?;
        if string.len() > LONGEST_KEY && rest.trim_start().starts_with(':') {
            return Some(string);
        }
    }
    None
}

fn refusal(object: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Error {
    let path = error.path().to_string();
    // A dot stands for the whole, and a question mark for a part without a name.
    let path = path.trim_end_matches(['?', '.']);
    let field = if path.is_empty() {
        object.to_string()
    } else {
        format!("{object}.{path}")
    };
    let inner = error.inner();
    let place = format!(" at line {} column {}", inner.line(), inner.column());
    let message = inner.to_string();
    Error::invalid(
        field,
        format!(
            "{}; correct the field",
            message.strip_suffix(&place).unwrap_or(&message)
        ),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;
    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn keys_that_nothing_can_have_are_refused() {
        let spec = |key: &str, value: &str| json!({"labels": {key: value}}).to_string();
        let (long, longest) = ("\"\\x".repeat(200), "x".repeat(LONGEST_KEY));
        let read = |text: &str| parse::<Value>(|| "Demo".to_owned(), text);
        read(&spec(&longest, &long)).unwrap();
        read(&spec("a\\", &long)).unwrap();
        let error = read(&spec(&format!("{longest}y"), "a")).unwrap_err().to_string();
        assert!(
            error.contains("Demo") && error.contains("has a key of 318 bytes, `xxxx"),
            "{error}"
        );
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    #[allow(dead_code, reason = "only its shape counts")]
    struct Spec {
        master: BTreeMap<String, BTreeMap<String, u16>>,
        mounts: Vec<Mount>,
        medium: Medium,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    #[allow(dead_code, reason = "only its shape counts")]
    struct Mount {
        read_only: bool,
    }

    #[derive(Debug, Default, Deserialize)]
    enum Medium {
        #[default]
        Memory,
    }

    #[rstest]
    #[case::number(
        json!({"master": {"ports": {"rpc": 70000}}}),
        "DemoRuntime.master.ports.rpc: invalid value: integer `70000`, expected u16; correct the field"
    )]
    #[case::list(
        json!({"mounts": [{}, {"readOnly": "yes"}]}),
        "DemoRuntime.mounts[1].readOnly: invalid type: string \"yes\", expected a boolean; correct the field"
    )]
    #[case::variant(
        json!({"medium": "Tape"}),
        "DemoRuntime.medium: unknown variant `Tape`, expected `Memory`; correct the field"
    )]
    #[case::whole(json!("text"), "DemoRuntime: invalid type: string \"text\", expected struct Spec; correct the field")]
    fn the_field_is_named(#[case] value: Value, #[case] message: &str) {
        assert_eq!(
            parse::<Spec>(|| "DemoRuntime".into(), &value.to_string())
                .unwrap_err()
                .to_string(),
            message
        );
    }
}
