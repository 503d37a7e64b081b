//! Where an operation stands, in words for people. Statuses have words of pods, so that nothing of them
//! reaches a terminal but plain text.

use kube::ResourceExt;
use kube::api::DynamicObject;
use wasser_api::operations::{OperationPhase, OperationStatus};
use wasser_engine::operations::operation::status;
use wasser_engine::operations::progress::PROGRESS;

/// How an operation has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Result {
    /// It has succeeded; with how long it took, and its figures.
    Complete(String),
    /// It has failed, for this reason.
    Failed(String),
}

/// Returns how an operation has ended, if it has.
pub fn result(object: &DynamicObject) -> Option<Result> {
    let status = status(object);
    match status.phase {
        OperationPhase::Complete => {
            let figures = status.infos.iter().filter(|(name, _)| *name != PROGRESS);
            let figures: Vec<String> = figures.map(|(name, value)| plain(&format!("{name} {value}"))).collect();
            let mut words = String::new();
            if !matches!(status.duration.as_str(), "" | "-") {
                words.push_str(&format!(" after {}", status.duration));
            }
            if !figures.is_empty() {
                words.push_str(&format!(" ({})", figures.join(", ")));
            }
            Some(Result::Complete(words))
        }
        OperationPhase::Failed => {
            let why = message(&status).filter(|message| !message.is_empty());
            let why = why.unwrap_or_else(|| "its condition does not say why; see its events".to_owned());
            Some(Result::Failed(why))
        }
        _ => None,
    }
}

/// Returns phase, and what the operation waits for or how far it is.
pub fn describe(object: &DynamicObject) -> String {
    let status = status(object);
    if object.metadata.deletion_timestamp.is_some() {
        return "is being deleted".to_owned();
    }
    match status.phase {
        OperationPhase::Unset => "waits for the operator, which has not looked at it yet".to_owned(),
        OperationPhase::Pending => match message(&status) {
            Some(message) => format!("Pending  {message}"),
            None => "Pending".to_owned(),
        },
        phase => match status.infos.get(PROGRESS) {
            Some(progress) => plain(&format!("{phase}  {progress}")),
            None => plain(&phase.to_string()),
        },
    }
}

/// Returns what a waiting operation waits for.
pub fn waits_for(object: &DynamicObject) -> String {
    let status = status(object);
    if status.phase == OperationPhase::Pending {
        message(&status).unwrap_or_default()
    } else {
        String::new()
    }
}

/// Returns how far an operation is.
pub fn progress(object: &DynamicObject) -> String {
    plain(&status(object).infos.remove(PROGRESS).unwrap_or_default())
}

/// Returns whether two objects are the same one, not one created after the other.
pub fn is_same(object: &DynamicObject, uid: &Option<String>) -> bool {
    uid.is_none() || object.uid() == *uid
}

fn message(status: &OperationStatus) -> Option<String> {
    let first = status.conditions.first();
    first.and_then(|condition| condition.message.as_deref().map(plain))
}

/// Returns a text as one line without control characters.
pub fn plain(text: &str) -> String {
    let shown = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn object(status: &Value) -> DynamicObject {
        let object = json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "DataLoad", "metadata": {"name": "warm"},
            "spec": {}, "status": status});
        serde_json::from_value(object).unwrap()
    }

    #[rstest]
    #[case(json!({}), "waits for the operator, which has not looked at it yet")]
    #[case(json!({"phase": "Pending", "conditions": [{"type": "Waiting", "status": "True", "message": "waits for x"}]}),
        "Pending  waits for x")]
    #[case(json!({"phase": "Executing", "infos": {"progress": "45%"}}), "Executing  45%")]
    #[case(json!({"phase": "Executing"}), "Executing")]
    fn states_are_in_words(#[case] status: Value, #[case] words: &str) {
        assert_eq!(describe(&object(&status)), words);
        assert_eq!(result(&object(&status)), None);
    }

    #[test]
    fn words_of_pods_cannot_control_a_terminal() {
        let evil = object(
            &json!({"phase": "Pending", "infos": {"progress": "\u{1b}[2J"}, "conditions":
            [{"type": "Waiting", "status": "True", "message": "one\ntwo\u{9b}3m"}]}),
        );
        assert_eq!(describe(&evil), "Pending  one two 3m");
        assert_eq!(
            (progress(&evil).as_str(), waits_for(&evil).as_str()),
            (" [2J", "one two 3m")
        );
    }

    #[test]
    fn results_have_their_figures_or_their_reason() {
        let complete = json!({"phase": "Complete", "duration": "42s",
            "infos": {"progress": "100%", "files": "2000", "bytes": "7"}});
        let words = " after 42s (bytes 7, files 2000)".to_owned();
        assert_eq!(result(&object(&complete)), Some(Result::Complete(words)));
        let failed = json!({"phase": "Failed", "conditions": [{"type": "Failed", "status": "True", "message": "no"}]});
        assert_eq!(result(&object(&failed)), Some(Result::Failed("no".to_owned())));
    }
}
