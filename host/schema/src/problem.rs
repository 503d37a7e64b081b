//! What is wrong with an object, in the words of the API server.

use serde_json::{Value, json};

/// A problem with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    field: String,
    reason: &'static str,
    message: String,
}

impl Problem {
    /// The field has a value that cannot be used.
    pub fn invalid(field: impl Into<String>, value: &Value, message: &str) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueInvalid",
            message: format!("Invalid value: {value}: {message}"),
        }
    }

    /// The field is missing.
    pub fn required(field: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueRequired",
            message: "Required value".to_owned(),
        }
    }

    /// Appends an explanation.
    pub fn explain(&mut self, text: &str) {
        self.message = format!("{}: {text}", self.message);
    }

    /// The field must not be set or changed.
    pub fn forbidden(field: impl Into<String>, message: &str) -> Self {
        Self {
            field: field.into(),
            reason: "FieldValueForbidden",
            message: format!("Forbidden: {message}"),
        }
    }

    /// The field has a value that is not among the allowed ones.
    pub fn unsupported(field: impl Into<String>, value: &Value, allowed: &[Value]) -> Self {
        let allowed: Vec<String> = allowed.iter().map(Value::to_string).collect();
        Self {
            field: field.into(),
            reason: "FieldValueNotSupported",
            message: format!("Unsupported value: {value}: supported values: {}", allowed.join(", ")),
        }
    }

    /// The field has a value of another type.
    pub fn wrong_type(field: impl Into<String>, found: &str, wanted: &str) -> Self {
        let field = field.into();
        Self {
            message: format!("Invalid value: \"{found}\": {field} in body must be of type {wanted}: \"{found}\""),
            reason: "FieldValueTypeInvalid",
            field,
        }
    }

    /// Returns it for people.
    pub fn text(&self) -> String {
        format!("{}: {}", self.field, self.message)
    }

    /// Returns it as the cause in a status of the API server.
    pub fn cause(&self) -> Value {
        json!({"reason": self.reason, "message": self.message, "field": self.field})
    }
}
