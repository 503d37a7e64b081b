//! The two forms of events, of the core and of `events.k8s.io`; the store has that of the core.

use serde_json::{Value, json};

/// Names of fields in `events.k8s.io`, and in the core.
const FIELDS: [(&str, &str); 7] = [
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

/// Returns an event in the core's form.
pub(super) fn to_core(mut event: Value) -> Value {
    rename(&mut event, FIELDS);
    event["apiVersion"] = json!("v1");
    let fields = event.as_object_mut().into_iter();
    for fields in fields {
        fields.entry("involvedObject").or_insert_with(|| json!({}));
    }
    event
}

/// Returns an event in the form of `events.k8s.io`.
pub(super) fn from_core(mut event: Value) -> Value {
    rename(&mut event, FIELDS.map(|(one, other)| (other, one)));
    event["apiVersion"] = json!("events.k8s.io/v1");
    event
}

/// Returns the core's path of a field: `involvedObject.uid` for `regarding.uid`.
pub(super) fn field_in_core(path: &str) -> String {
    let (first, rest) = path.split_at(path.find('.').unwrap_or(path.len()));
    let renamed = FIELDS.iter().find(|(name, _)| *name == first);
    format!("{}{rest}", renamed.map_or(first, |(_, core)| *core))
}

fn rename(event: &mut Value, names: [(&str, &str); 7]) {
    let Some(fields) = event.as_object_mut() else { return };
    for (from, to) in names {
        if let Some(value) = fields.remove(from) {
            fields.insert(to.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_same_in_both_forms() {
        let event = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "a"}, "note": "text",
                "reason": "Why",
            "regarding": {"kind": "Pod", "name": "p"}, "reportingController": "c", "reportingInstance": "i",
                "type": "Normal",
        });
        let core = to_core(event.clone());
        assert_eq!(
            (&core["message"], &core["involvedObject"]["name"]),
            (&json!("text"), &json!("p"))
        );
        assert_eq!(from_core(core), event);
        assert_eq!(
            (field_in_core("regarding.uid"), field_in_core("type")),
            ("involvedObject.uid".to_owned(), "type".to_owned())
        );
    }
}
