//! The fields of an object, of whatever depth.

use serde_json::Value;

/// Calls `visit` with the path, the name and the value of each field in a value, those above before
/// those below. `path` is where the value is; empty for the whole object. Ends with the first error.
pub fn each<'a, E>(
    value: &'a Value,
    path: &str,
    visit: &mut impl FnMut(&str, &'a str, &'a Value) -> Result<(), E>,
) -> Result<(), E> {
    match value {
        Value::Object(fields) => fields.iter().try_for_each(|(name, inner)| {
            let path = below(path, name);
            visit(&path, name, inner)?;
            each(inner, &path, visit)
        }),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, inner)| each(inner, &format!("{path}[{index}]"), visit)),
        _ => Ok(()),
    }
}

/// The path of a field of what is at a path.
pub fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
