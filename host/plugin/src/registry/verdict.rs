//! Reports the state of a registration on the ConfigMap itself, in annotations and an event.

use std::collections::BTreeMap;

use wasser_api::text::{LONGEST, bounded};

use crate::plugin::Plugin;
use crate::registry::definitions::{DefinitionError, crd_name};
use crate::registry::settle::LostClaim;

/// The annotation with the verdict in one word.
pub const VERDICT_ANNOTATION: &str = "wasser.fluid.io/verdict";
/// The annotation with the verdict for people.
pub const VERDICT_MESSAGE_ANNOTATION: &str = "wasser.fluid.io/message";
/// The annotation with the reason of the verdict's event, by which programs tell verdicts apart.
pub const VERDICT_REASON_ANNOTATION: &str = "wasser.fluid.io/reason";
/// The annotation that says how far the plugin's newest build is on its way to the releases of its
/// kind, while it is.
pub const ROLLOUT_ANNOTATION: &str = "wasser.fluid.io/rollout";
/// Prefix of the annotations.
const PREFIX: &str = "wasser.fluid.io/";
/// The artifact is not here yet, or not compiled.
const IS_PULLED: &str = "PluginIsPulled";
/// The artifact does not come.
const CANNOT_BE_PULLED: &str = "PluginCannotBePulled";
/// The CRD is not here yet.
const WAITS_FOR_CRD: &str = "PluginWaitsForCRD";
/// The operator that it is made for is not here yet.
const WAITS_FOR_OPERATOR: &str = "PluginWaitsForOperator";

/// The reason of the verdict on a plugin whose runtimes the operator cannot list.
pub const CANNOT_LIST: &str = "PluginCannotList";

/// The state of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The registration serves its kind.
    Loaded,
    /// The registration is refused, and no plugin of it is in use.
    Refused,
    /// The registration is refused as it is now, and the plugin of an earlier state keeps serving.
    LastGood,
    /// The registration could serve its kind, but the artifact or the CRD is not here yet, the kind
    /// or a name is taken, or the operator cannot list the runtimes.
    Waiting,
}

impl State {
    /// Returns whether a plugin of the registration serves its kind.
    pub fn serves(self) -> bool {
        matches!(self, Self::Loaded | Self::LastGood)
    }

    /// Returns the word for the annotation `wasser.fluid.io/verdict`.
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
    /// The state of the registration.
    pub state: State,
    /// One sentence for people, of bounded length.
    pub message: String,
    /// Facts about the serving plugin, by the annotation's name without prefix: kind, digest, wit,
    /// grants…
    pub facts: BTreeMap<&'static str, String>,
    /// The reason of the event that goes with it.
    reason: &'static str,
}

impl Verdict {
    /// Returns whether an operator that gives this reason may give another one without a change of
    /// the registration, because something is on its way.
    pub fn is_on_its_way(reason: &str) -> bool {
        matches!(reason, IS_PULLED | WAITS_FOR_CRD | WAITS_FOR_OPERATOR)
    }

    /// Returns the verdict on a registration that serves.
    pub fn loaded(plugin: &Plugin) -> Self {
        let mut message = format!(
            "serves {} with the component {}",
            plugin.description.kind,
            plugin.digest.short()
        );
        if !plugin.not_given.is_empty() {
            message.push_str(&format!(
                "; it also declares capabilities that are not granted: {}",
                plugin.not_given
            ));
        }
        if !plugin.not_declared.is_empty() {
            message.push_str(&format!(
                "; these grants have no effect, because it does not declare them: {}",
                plugin.not_declared
            ));
        }
        Self::new(State::Loaded, "PluginLoaded", &message, facts(plugin))
    }

    /// Returns the verdict on a registration that cannot be used. `last_good` is the plugin that
    /// keeps serving, if there is one.
    pub fn refused(reason: &dyn std::fmt::Display, last_good: Option<&Plugin>) -> Self {
        match last_good {
            Some(plugin) => {
                let message = format!(
                    "{reason}. The plugin loaded before ({}) keeps serving",
                    plugin.digest.short()
                );
                Self::new(State::LastGood, "PluginChangeRefused", &message, facts(plugin))
            }
            None => Self::new(State::Refused, "PluginRefused", &reason.to_string(), BTreeMap::new()),
        }
    }

    /// Returns the verdict on a registration whose artifact is not here yet, or not compiled. `last_good` is the
    /// plugin that keeps serving, if there is one.
    pub fn absent(reason: &dyn std::fmt::Display, last_good: Option<&Plugin>) -> Self {
        Self::without_artifact(IS_PULLED, reason, last_good)
    }

    /// Returns the verdict on a registration whose artifact does not come unless somebody changes
    /// something. `last_good` is the plugin that keeps serving, if there is one.
    pub fn withheld(reason: &dyn std::fmt::Display, last_good: Option<&Plugin>) -> Self {
        Self::without_artifact(CANNOT_BE_PULLED, reason, last_good)
    }

    /// Returns the verdict on a registration that was made for the operator of another version.
    /// `serving` is the plugin that serves meanwhile, if there is one.
    pub fn elsewhere(version: &str, serving: Option<&Plugin>) -> Self {
        let reason = format!(
            "waits for the operator of version {version}; this one has version {}",
            env!("CARGO_PKG_VERSION")
        );
        Self::without_artifact(WAITS_FOR_OPERATOR, &reason, serving)
    }

    fn without_artifact(event: &'static str, reason: &dyn std::fmt::Display, last_good: Option<&Plugin>) -> Self {
        match last_good {
            Some(plugin) => {
                let message = format!(
                    "{reason}. The plugin loaded before ({}) keeps serving",
                    plugin.digest.short()
                );
                Self::new(State::LastGood, event, &message, facts(plugin))
            }
            None => Self::new(State::Waiting, event, &reason.to_string(), BTreeMap::new()),
        }
    }

    /// Returns the verdict on a registration whose CRD is missing, or cannot serve its kind.
    pub fn undefined(kind: &str, error: &DefinitionError) -> Self {
        Self::waiting(WAITS_FOR_CRD, kind, error)
    }

    /// Returns the verdict on a registration whose kind, or one of whose names, is taken.
    pub fn lost(kind: &str, loss: &LostClaim) -> Self {
        let reason = match loss {
            LostClaim::Kind { .. } => "PluginKindTaken",
            LostClaim::Name { .. } => "PluginNameTaken",
        };
        Self::waiting(reason, kind, loss)
    }

    /// Returns the verdict on a registration that would serve if its runtimes could be listed.
    #[must_use]
    pub fn unlisted(self, why: &str) -> Self {
        Self {
            state: State::Waiting,
            message: bounded(why, LONGEST).into_owned(),
            reason: CANNOT_LIST,
            facts: self.facts,
        }
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

    /// Returns the annotations to write. Keys of [`Self::annotation_keys`] that are absent must be
    /// removed.
    pub fn annotations(&self) -> BTreeMap<String, String> {
        let mut annotations: BTreeMap<String, String> = self
            .facts
            .iter()
            .map(|(key, value)| (format!("{PREFIX}{key}"), value.clone()))
            .collect();
        annotations.insert(format!("{PREFIX}verdict"), self.state.word().to_owned());
        annotations.insert(format!("{PREFIX}message"), self.message.clone());
        annotations.insert(VERDICT_REASON_ANNOTATION.to_owned(), self.reason.to_owned());
        annotations
    }

    /// Returns every annotation that may stand with a verdict.
    pub fn annotation_keys() -> impl Iterator<Item = String> {
        [
            "verdict",
            "message",
            "reason",
            "kind",
            "crd",
            "digest",
            "wit",
            "operations",
            "grants",
            "grants-not-given",
            "grants-not-declared",
            "rollout",
        ]
        .into_iter()
        .map(|key| format!("{PREFIX}{key}"))
    }

    /// Returns type and reason of the event for this verdict. Its message is [`Self::message`].
    pub fn event(&self) -> (&'static str, &'static str) {
        let is_normal = self.state == State::Loaded || self.reason == WAITS_FOR_OPERATOR;
        let kind = if is_normal { "Normal" } else { "Warning" };
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
