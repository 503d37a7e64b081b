//! What a scenario expects.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use super::compare::lacks;
use crate::dry::Run;

/// What a scenario expects. What it does not mention may be anything, except that no call may fail.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expected {
    /// A part of the message with which the spec is refused.
    refused: Option<String>,
    /// Some of the chart values.
    values: Option<Value>,
    /// Answers by method, as `wasser plugin run` shows them.
    answers: BTreeMap<String, Value>,
    /// What methods ask of the cluster.
    calls: BTreeMap<String, Vec<String>>,
}

impl Expected {
    /// Reads the field `expect` of a scenario.
    ///
    /// # Errors
    /// It has a field that is not known.
    pub fn of(field: Option<&Value>) -> Result<Self> {
        let field = field.cloned().map(serde_json::from_value).transpose();
        Ok(field.context("`expect` cannot be read")?.unwrap_or_default())
    }

    /// Returns what is otherwise, one line each.
    pub fn faults(&self, run: &Run) -> Vec<String> {
        let mut faults: Vec<String> = run.faults().map(|(step, fault)| format!("{step}: {fault}")).collect();
        match (&self.refused, &run.refused) {
            (None, None) => {}
            (Some(wanted), None) => faults.push(format!("it was not refused, expected a refusal with `{wanted}`")),
            (Some(wanted), Some(found)) if found.contains(wanted) => {}
            (Some(wanted), Some(found)) => {
                faults.push(format!(
                    "it was refused with `{found}`, expected a message with `{wanted}`"
                ));
            }
            (None, Some(found)) if faults.is_empty() => faults.push(format!("it was refused: {found}")),
            (None, Some(_)) => {}
        }
        if let Some(wanted) = &self.values {
            let found = run.values.as_ref().unwrap_or(&Value::Null);
            faults.extend(lacks(wanted, found).map(|fault| format!("values: {fault}")));
        }
        for (step, wanted) in &self.answers {
            faults.extend(match run.calls.iter().find(|call| call.step == *step) {
                Some(call) => lacks(wanted, &call.answer).map(|fault| format!("{step}: {fault}")),
                None => Some(not_called(step, run)),
            });
        }
        for (step, wanted) in &self.calls {
            faults.extend(match run.calls.iter().find(|call| call.step == *step) {
                Some(call) => {
                    let (wanted, found) = (Value::from(wanted.clone()), Value::from(call.imports.clone()));
                    lacks(&wanted, &found).map(|fault| format!("calls of {step}: {fault}"))
                }
                None => Some(not_called(step, run)),
            });
        }
        faults
    }
}

fn not_called(step: &str, run: &Run) -> String {
    let called: Vec<&str> = run.calls.iter().map(|call| call.step.as_str()).collect();
    format!("{step}: it was not called; there were {}", called.join(", "))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    /// A run with one call.
    fn run() -> Run {
        let call = crate::dry::Call {
            step: "cache-states".to_owned(),
            answer: json!({"cached": {"bytes": 5}}),
            took: std::time::Duration::ZERO,
            memory: None,
            imports: vec!["exec demo-worker-0 df".to_owned()],
        };
        Run {
            calls: vec![call],
            values: Some(json!({"image": "a:1"})),
            ..Run::default()
        }
    }

    #[rstest]
    #[case(json!({}), None)]
    #[case(json!({"answers": {"cache-states": {"cached": {"bytes": 5}}}, "values": {"image": "a:1"}}), None)]
    #[case(json!({"values": {"image": "b"}}), Some("values: /image is \"a:1\", expected \"b\""))]
    #[case(json!({"answers": {"cache-states": {"cached": {"bytes": 6}}}}), Some("cache-states: /cached/bytes is 5, expected 6"))]
    #[case(json!({"answers": {"storage-stats": {}}}), Some("storage-stats: it was not called; there were cache-states"))]
    #[case(json!({"calls": {"cache-states": []}}), Some("calls of cache-states: it is [\"exec demo-worker-0 df\"], expected []"))]
    #[case(json!({"refused": "mount"}), Some("it was not refused, expected a refusal with `mount`"))]
    fn one_line_tells_what_differs(#[case] expect: Value, #[case] says: Option<&str>) {
        let faults = Expected::of(Some(&expect)).unwrap().faults(&run());
        assert_eq!(faults.first().map(String::as_str), says);
    }

    #[test]
    fn a_field_that_is_not_known_is_named() {
        let refused = format!("{:#}", Expected::of(Some(&json!({"value": {}}))).unwrap_err());
        assert!(
            refused.contains("`expect` cannot be read: unknown field `value`"),
            "{refused}"
        );
    }
}
