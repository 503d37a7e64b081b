//! PATCH, except for applies.

use std::sync::Arc;

use serde_json::Value;

use super::{By, Part, Written, owner};
use crate::call::Call;
use crate::failure::Failure;
use crate::fields::Operation;
use crate::kinds::Kind;
use crate::state::{State, copy};

impl State {
    /// Patches the object that a request names.
    pub(super) fn patch(
        &mut self,
        kind: &Arc<Kind>,
        call: &Call,
        part: Part,
        content_type: &str,
        patch: &Value,
    ) -> Result<Written, Failure> {
        let stored = self.stored(kind);
        let live = self.named(&stored, call)?;
        let shown = match kind.view {
            Some(view) => (view.from_core)(copy(&live)),
            None => copy(&live),
        };
        let wanted = patched(content_type, shown, patch)?;
        let wanted = match kind.view {
            Some(view) => (view.to_core)(wanted),
            None => wanted,
        };
        let by = By::Owner(owner(&stored, call, Operation::Update));
        self.update(&stored, &live, part, wanted, by)
            .map(|object| Written::object(200, object))
    }
}

/// Returns an object with a merge patch, the only type of patch that Wasser sends besides applies.
pub(super) fn patched(content_type: &str, mut object: Value, patch: &Value) -> Result<Value, Failure> {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/merge-patch+json" if patch.is_object() => {
            json_patch::merge(&mut object, patch);
            Ok(object)
        }
        "application/merge-patch+json" => Err(Failure::bad_request("a merge patch must be an object")),
        other => Err(Failure::new(
            415,
            "UnsupportedMediaType",
            format!(
                "the body of the request was in an unknown format: {other}; this server in a test's process knows \
                    merge patches and applies"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({"a": 1}), json!({"a": 2, "b": 3}), json!({"a": 2, "b": 3}))]
    #[case(json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2}))]
    #[case(json!({"a": {"x": 1}}), json!({"a": {"y": 2, "z": null}}), json!({"a": {"x": 1, "y": 2}}))]
    #[case(json!({"a": [1, 2]}), json!({"a": [3]}), json!({"a": [3]}))]
    #[case(json!({"a": "text"}), json!({"a": {"b": {"c": null}}}), json!({"a": {"b": {}}}))]
    fn patches_are_merged(#[case] object: Value, #[case] patch: Value, #[case] expected: Value) {
        assert_eq!(
            patched("application/merge-patch+json", object, &patch).unwrap(),
            expected
        );
    }

    #[rstest]
    #[case("application/merge-patch+json", 400)]
    #[case("application/json-patch+json", 415)]
    #[case("application/strategic-merge-patch+json", 415)]
    fn what_is_not_a_merge_patch_is_refused(#[case] content_type: &str, #[case] code: u16) {
        assert_eq!(patched(content_type, json!({}), &json!([])).unwrap_err().code, code);
    }
}
