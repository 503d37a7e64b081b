//! Which pods the workloads of a chart select: those of their own runtime.
//!
//! A workload takes over each pod that it selects and that nothing else controls, and deletes those
//! that are too many for it, whoever has made them.

use serde_json::{Map, Value};

use super::Policy;
use super::problem::Problem;

impl Policy {
    /// Whether a workload selects its pods by a label that names the runtime. What has no selector
    /// passes: the API server makes one, or refuses the workload.
    pub(super) fn check_selector(&self, group: &str, kind: &str, data: &Value) -> Result<(), Problem> {
        let (template, selector) = (&data["spec"]["template"], &data["spec"]["selector"]);
        // The selector of a Job is the API server's, which names the Job's UID, unless it says otherwise.
        let is_given = (group, kind) == ("batch", "Job") && data["spec"]["manualSelector"] != true;
        if template.is_null() || selector.is_null() || is_given {
            return Ok(());
        }
        // Expressions can only narrow what labels select.
        let labels = match (group, kind) {
            ("", "ReplicationController") => selector,
            _ => &selector["matchLabels"],
        };
        let mut values = labels.as_object().into_iter().flat_map(Map::values);
        if values.any(|value| value.as_str().is_some_and(|value| self.is_named_in(value))) {
            return Ok(());
        }
        Err(Problem::Selector {
            selector: selector.to_string(),
        })
    }

    /// Whether the value of a label has the name of the runtime in it, or what the host labels its
    /// pods with.
    fn is_named_in(&self, value: &str) -> bool {
        std::iter::once(&self.owner.name)
            .chain(self.labels.values())
            .any(|name| has_word(value, name))
    }
}

/// Whether a text has a word in it that does not go on before or behind.
fn has_word(text: &str, word: &str) -> bool {
    let ends = |next: Option<char>| next.is_none_or(|next| !next.is_ascii_alphanumeric());
    let stands_alone = |at: usize| {
        let (before, behind) = (text.get(..at), text.get(at + word.len()..));
        ends(before.and_then(|before| before.chars().next_back()))
            && ends(behind.and_then(|behind| behind.chars().next()))
    };
    !word.is_empty() && text.match_indices(word).any(|(at, _)| stands_alone(at))
}
