//! What the host says about a registration, on the ConfigMap itself: annotations and an event.

use std::collections::BTreeMap;

use wasser_api::text::{LONGEST, bounded};

use crate::plugin::Plugin;
use crate::registry::definitions::{DefinitionError, crd_name};
use crate::registry::settle::LostClaim;

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
    /// It could serve its kind, but something is missing or taken: the CRD, the kind, a name.
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
    /// One sentence for people, of bounded length.
    pub message: String,
    /// Facts about the plugin that serves, by the annotation's name without prefix: kind, digest, wit, grants…
    pub facts: BTreeMap<&'static str, String>,
    /// The reason of the event that goes with it.
    reason: &'static str,
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
        Self::new(State::Loaded, "PluginLoaded", &message, facts(plugin))
    }

    /// It does not serve, for this reason; the plugin that serves on, if there is one.
    pub fn refused(reason: &dyn std::fmt::Display, last_good: Option<&Plugin>) -> Self {
        match last_good {
            Some(plugin) => {
                let message = format!("{reason}. The plugin loaded before ({}) serves on", plugin.digest.short());
                Self::new(State::LastGood, "PluginChangeRefused", &message, facts(plugin))
            }
            None => Self::new(State::Refused, "PluginRefused", &reason.to_string(), BTreeMap::new()),
        }
    }

    /// Its CRD is missing, or cannot serve its kind.
    pub fn undefined(kind: &str, error: &DefinitionError) -> Self {
        Self::waiting("PluginWaitsForCRD", kind, error)
    }

    /// Another registration has its kind, or one of its names.
    pub fn lost(kind: &str, loss: &LostClaim) -> Self {
        let reason = match loss {
            LostClaim::Kind { .. } => "PluginKindTaken",
            LostClaim::Name { .. } => "PluginNameTaken",
        };
        Self::waiting(reason, kind, loss)
    }

    fn waiting(reason: &'static str, kind: &str, why: &dyn std::fmt::Display) -> Self {
        Self::new(
            State::Waiting,
            reason,
            &why.to_string(),
            BTreeMap::from([("kind", kind.to_owned())]),
        )
    }

    fn new(state: State, reason: &'static str, message: &str, facts: BTreeMap<&'static str, String>) -> Self {
        let shown = |text: &str| bounded(text, LONGEST).into_owned();
        Self {
            state,
            message: shown(message),
            facts: facts.into_iter().map(|(key, fact)| (key, shown(&fact))).collect(),
            reason,
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
            "crd",
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
        let kind = if self.state == State::Loaded { "Normal" } else { "Warning" };
        (kind, self.reason)
    }
}

fn facts(plugin: &Plugin) -> BTreeMap<&'static str, String> {
    let mut facts = BTreeMap::from([
        ("kind", plugin.description.kind.clone()),
        ("crd", crd_name(&plugin.description)),
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
