//! Selectors of labels, in the whole language, and of the fields that each kind supports.

use serde_json::Value;

use crate::failure::Failure;
use crate::kinds::Kind;
use crate::state::text;

/// The selectors of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

/// One part of a selector, all of which must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    In(Vec<String>),
    NotIn(Vec<String>),
}

impl Selector {
    /// Parses the two selectors of a request.
    pub fn parse(kind: &Kind, labels: &str, fields: &str) -> Result<Self, Failure> {
        let labels = requirements(labels)?;
        let mut fields = requirements(fields)?;
        for field in &mut fields {
            if let Some(view) = kind.view {
                field.key = (view.field)(&field.key);
            }
            if !knows(kind, &field.key) || !matches!(field.test, Test::In(_) | Test::NotIn(_)) {
                return Err(Failure::bad_request(format!(
                    "field label not supported: {}",
                    field.key
                )));
            }
        }
        Ok(Self { labels, fields })
    }

    /// Returns whether an object is selected.
    pub fn selects(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"].get(key).and_then(Value::as_str);
        // A field that is not set is empty.
        let field = |key: &str| Some(field(object, key));
        self.labels.iter().all(|one| one.holds(label(&one.key)))
            && self.fields.iter().all(|one| one.holds(field(&one.key).as_deref()))
    }
}

impl Requirement {
    fn holds(&self, found: Option<&str>) -> bool {
        let is_in = |values: &[String]| found.is_some_and(|found| values.iter().any(|value| value == found));
        match &self.test {
            Test::Exists => found.is_some(),
            Test::Missing => found.is_none(),
            Test::In(values) => is_in(values),
            Test::NotIn(values) => !is_in(values),
        }
    }
}

fn requirements(selector: &str) -> Result<Vec<Requirement>, Failure> {
    parts(selector)
        .into_iter()
        .map(|part| requirement(part.trim()))
        .collect()
}

/// Returns the parts between commas outside brackets.
fn parts(selector: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, letter) in selector.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(selector.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(selector.get(start..).unwrap_or_default());
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn requirement(part: &str) -> Result<Requirement, Failure> {
    let new = |key: &str, test| {
        let key = key.trim().to_owned();
        let is_key = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte);
        if key.is_empty() || !key.bytes().all(is_key) {
            return Err(Failure::bad_request(format!("unable to parse requirement: {part}")));
        }
        Ok(Requirement { key, test })
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    if let Some((key, list)) = part.split_once('(') {
        let values = list
            .trim_end_matches(')')
            .split(',')
            .map(|value| value.trim().to_owned())
            .collect();
        let key = key.trim();
        return match (key.strip_suffix(" notin"), key.strip_suffix(" in")) {
            (Some(key), _) => new(key, Test::NotIn(values)),
            (_, Some(key)) => new(key, Test::In(values)),
            _ => Err(Failure::bad_request(format!("unable to parse requirement: {part}"))),
        };
    }
    if let Some((key, value)) = part.split_once("!=") {
        return new(key, Test::NotIn(one(value)));
    }
    if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return new(key, Test::In(one(value)));
    }
    match part.strip_prefix('!') {
        Some(key) => new(key, Test::Missing),
        None => new(part, Test::Exists),
    }
}

/// Returns whether objects can be selected by a field.
fn knows(kind: &Kind, field: &str) -> bool {
    let others: &[&str] = match kind.kind.as_str() {
        "Pod" => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        "Event" => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "reason",
            "reportingComponent",
            "type",
        ],
        "Secret" => &["type"],
        "Namespace" => &["status.phase"],
        "Node" => &["spec.unschedulable"],
        "Job" => &["status.successful"],
        "ReplicaSet" => &["status.replicas"],
        _ => &[],
    };
    field == "metadata.name" || (field == "metadata.namespace" && kind.namespaced) || others.contains(&field)
}

fn field(object: &Value, path: &str) -> String {
    match object.pointer(&format!("/{}", path.replace('.', "/"))) {
        Some(Value::String(_)) => text(object, &format!("/{}", path.replace('.', "/"))).to_owned(),
        Some(Value::Null) | None if path == "spec.hostNetwork" || path == "spec.unschedulable" => "false".to_owned(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::kinds::Kinds;

    fn selects(labels: &str, fields: &str) -> bool {
        let kind = Kinds::default().named("Pod").unwrap();
        let object = json!({
            "metadata": {"name": "p", "namespace": "n", "labels": {"app": "a", "x.io/y": ""}},
            "status": {"phase": "Running"},
        });
        Selector::parse(&kind, labels, fields).unwrap().selects(&object)
    }

    #[rstest]
    #[case("", true)]
    #[case("app", true)]
    #[case("app=a,x.io/y", true)]
    #[case("app==a", true)]
    #[case("app=b", false)]
    #[case("app!=b", true)]
    #[case("none!=b", true)]
    #[case("!none", true)]
    #[case("!app", false)]
    #[case("app in (a, b),x.io/y=", true)]
    #[case("app notin (a,b)", false)]
    #[case("none notin (a)", true)]
    fn labels_are_selected(#[case] selector: &str, #[case] expected: bool) {
        assert_eq!(selects(selector, ""), expected);
    }

    #[rstest]
    #[case("metadata.name=p,status.phase!=Succeeded", true)]
    #[case("status.phase=Pending", false)]
    #[case("spec.nodeName=", true)]
    #[case("spec.hostNetwork=false", true)]
    fn fields_are_selected(#[case] selector: &str, #[case] expected: bool) {
        assert_eq!(selects("", selector), expected);
    }

    #[test]
    fn what_cannot_be_selected_is_refused() {
        let kind = Kinds::default().named("ConfigMap").unwrap();
        assert_eq!(Selector::parse(&kind, "", "data.a=b").unwrap_err().code, 400);
        assert_eq!(Selector::parse(&kind, "a b", "").unwrap_err().code, 400);
        assert!(Selector::parse(&kind, "", "metadata.name=a").is_ok());
    }
}
