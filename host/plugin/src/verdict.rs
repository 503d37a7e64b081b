//! What the host says about a registration, on the ConfigMap itself: annotations and an event.

use std::collections::BTreeMap;

use crate::plugin::Plugin;

/// The annotation with the verdict in one word.
pub const VERDICT_ANNOTATION: &str = "wasser.fluid.io/verdict";
/// The annotation with the verdict for people.
pub const VERDICT_MESSAGE_ANNOTATION: &str = "wasser.fluid.io/message";
/// Prefix of the annotations.
const PREFIX: &str = "wasser.fluid.io/";

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It serves its kind.
    Loaded,
    /// It does not, and nothing of it is in use.
    Refused,
    /// It does not as it stands now, and the plugin of an earlier state serves on.
    LastGood,
    /// Another, older registration serves the kind.
    Waiting,
}

impl State {
    /// The word in the annotation `wasser.fluid.io/verdict`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Refused => "refused",
            Self::LastGood => "last-good",
            Self::Waiting => "waiting",
        }
    }
}

/// The verdict on a registration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What became of it.
    pub state: State,
    /// One sentence for people.
    pub message: String,
    /// Facts about the plugin that serves, by the annotation's name without prefix: kind, digest, wit, grants…
    pub facts: BTreeMap<&'static str, String>,
}

impl Verdict {
    /// It serves.
    pub fn loaded(plugin: &Plugin) -> Self {
        let mut message = format!("serves {} with the component {}", plugin.description.kind, plugin.digest.short());
        if !plugin.not_given.is_empty() {
            message.push_str(&format!("; it also wants what is not granted: {}", plugin.not_given));
        }
        if !plugin.not_declared.is_empty() {
            message.push_str(&format!(
                "; these grants have no effect, since it does not declare them: {}",
                plugin.not_declared
            ));
        }
        Self {
            state: State::Loaded,
            message,
            facts: facts(plugin),
        }
    }

    /// It does not serve, for this reason; the plugin that serves on, if there is one.
    pub fn refused(reason: &dyn std::fmt::Display, last_good: Option<&Plugin>) -> Self {
        match last_good {
            Some(plugin) => Self {
                state: State::LastGood,
                message: format!("{reason}. The plugin loaded before ({}) serves on", plugin.digest.short()),
                facts: facts(plugin),
            },
            None => Self {
                state: State::Refused,
                message: reason.to_string(),
                facts: BTreeMap::new(),
            },
        }
    }

    /// An older registration has the kind.
    pub fn waiting(kind: &str, winner: &str) -> Self {
        let message = format!("{kind} is served by the older registration {winner}; this one takes over when that one is removed");
        Self {
            state: State::Waiting,
            message,
            facts: BTreeMap::from([("kind", kind.to_owned())]),
        }
    }

    /// The annotations to write. A key that is absent here is to be removed, of those that [`Self::annotation_keys`] lists.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations: BTreeMap<String, String> = self
            .facts
            .iter()
            .map(|(key, value)| (format!("{PREFIX}{key}"), value.clone()))
            .collect();
        annotations.insert(format!("{PREFIX}verdict"), self.state.word().to_owned());
        annotations.insert(format!("{PREFIX}message"), self.message.clone());
        annotations
    }

    /// Every annotation that a verdict may write.
    pub fn annotation_keys() -> impl Iterator<Item = String> {
        [
            "verdict",
            "message",
            "kind",
            "digest",
            "wit",
            "operations",
            "grants",
            "grants-not-given",
            "grants-not-declared",
        ]
        .into_iter()
        .map(|key| format!("{PREFIX}{key}"))
    }

    /// Type and reason of the event that goes with it; the message is [`Self::message`].
    pub fn event(&self) -> (&'static str, &'static str) {
        match self.state {
            State::Loaded => ("Normal", "PluginLoaded"),
            State::Refused => ("Warning", "PluginRefused"),
            State::LastGood => ("Warning", "PluginChangeRefused"),
            State::Waiting => ("Warning", "PluginKindTaken"),
        }
    }
}

fn facts(plugin: &Plugin) -> BTreeMap<&'static str, String> {
    let mut facts = BTreeMap::from([
        ("kind", plugin.description.kind.clone()),
        ("digest", plugin.digest.to_string()),
        ("wit", plugin.world.version.clone()),
        ("operations", plugin.has_operations().to_string()),
        ("grants", plugin.grants.to_string()),
    ]);
    if !plugin.not_given.is_empty() {
        facts.insert("grants-not-given", plugin.not_given.to_string());
    }
    if !plugin.not_declared.is_empty() {
        facts.insert("grants-not-declared", plugin.not_declared.to_string());
    }
    facts
}
