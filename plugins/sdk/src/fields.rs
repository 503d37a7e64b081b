//! Objects of users, read into types. What does not fit is reported by the path of its field.

use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// Reads a JSON document. `object` returns the first part of a field's path, the kind; it is called
/// only if something does not fit.
pub fn parse<T: DeserializeOwned>(object: impl FnOnce() -> String, text: &str) -> Result<T> {
    let mut document = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut document).map_err(|error| refusal(&object(), &error))
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
