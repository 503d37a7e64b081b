//! A plugin before it is installed, for the person who decides. Whatever its author wrote is shown
//! without control characters, so that it cannot hide what it asks for.

use std::fmt::Display;

use serde_json::Value;
use wasser_plugin::Grants;

use super::definitions::{Plan, Planned};
use super::desk::Desk;
use super::grants::Section;
use super::grants::{self, Decision};
use super::offer::{Offer, Signature};
use super::operator_rights;
use super::plugin_yaml::PluginYaml;
use super::revision::Revision;
use crate::cli::data::state::plain;
use crate::cli::plugin::inspect;

/// What is decided about.
pub struct Subject<'a> {
    /// Where it would be registered.
    pub desk: &'a Desk,
    /// The artifact.
    pub offer: &'a Offer,
    /// What would be registered.
    pub yaml: &'a PluginYaml,
    /// What it may do.
    pub decision: &'a Decision,
    /// Its CRDs.
    pub crds: &'a [Planned],
    /// What is registered now, and what of that was changed by hand and stays.
    pub before: Option<(&'a Revision, &'a [String])>,
}

impl Subject<'_> {
    /// Returns it in lines.
    pub fn lines(&self) -> Vec<String> {
        let Self {
            offer, yaml, decision, ..
        } = self;
        let name = &offer.plugin.description.name;
        let mut lines = Vec::new();
        let mut row = |title: &str, value: &dyn Display| lines.push(row(title, value));
        match self.before {
            Some((before, _)) => {
                let from = if before.version.is_empty() {
                    "unknown"
                } else {
                    &before.version
                };
                row("plugin", &format!("{name} {from} → {}", offer.version()));
            }
            None => row("plugin", &format!("{name} {}", offer.version())),
        }
        row("kind", &offer.kind());
        row("artifact", &offer.reference());
        if let Some((before, _)) = self.before {
            row("instead of", &before.reference);
        }
        match &offer.signature {
            Signature::By(key) => row("signed with", &format!("the key {key}")),
            Signature::Unverified => row("signed with", &"not verified; --key FILE does"),
            Signature::BuiltHere(_) => {}
        }
        let [component, chart] = [&offer.parts.component, &offer.parts.chart].map(|part| size(part.len()));
        row("size", &format!("component {component}, chart {chart}"));
        for planned in self.crds {
            let becomes = match planned.plan {
                Plan::Create => "is created",
                Plan::Update => "is brought up to date",
                Plan::Leave if planned.is_other => continue,
                Plan::Leave => "was made by somebody else, and stays as it is",
            };
            let name = planned.crd.metadata.name.as_deref().unwrap_or_default();
            row("CRD", &format!("{name} {becomes}"));
        }
        for line in others(self.desk, offer, self.crds) {
            row("CRD", &line);
        }
        for (title, section) in [
            ("image", &yaml.images),
            ("setting", &yaml.settings),
            ("limit", &yaml.limits),
        ] {
            for entry in entries(section) {
                row(title, &entry);
            }
        }
        if !yaml.pull_secrets.is_empty() {
            row("pull secrets", &yaml.pull_secrets.join(", "));
        }
        if let Some((_, kept)) = self.before.filter(|(_, kept)| !kept.is_empty()) {
            row("changed by hand, kept", &kept.join(", "));
        }
        let agreed = decision.grants.without(&decision.new);
        let mut may = |title: &str, of: &Grants| grants::lines(of).iter().for_each(|line| row(title, line));
        may("asks for", &decision.new);
        may(if self.before.is_some() { "may already" } else { "may" }, &agreed);
        may("may not, but would", &decision.declined);
        let needed = format!(
            "`--set-json 'rbac={}'` for Wasser's chart, but for what its built-in plugins need",
            operator_rights::values(offer.kind(), &decision.grants)
        );
        row("operator needs", &needed);
        lines
    }
}

/// Returns what is to be said of each CRD that stays although that of the plugin is another one.
pub fn others(desk: &Desk, offer: &Offer, crds: &[Planned]) -> Vec<String> {
    let line = |planned: &Planned| {
        let name = planned.crd.metadata.name.as_deref().unwrap_or_default();
        format!(
            "{name} was made by somebody else, and stays as it is, which is another one than the plugin's; to apply \
             that: {}",
            offer.crd_command(desk)
        )
    };
    crds.iter().filter(|planned| planned.is_other).map(line).collect()
}

/// Returns a line of a table that nothing in it can leave.
pub fn row(title: &str, value: &dyn Display) -> String {
    inspect::row(title, &plain(&value.to_string())).trim_end().to_owned()
}

fn entries(section: &Section) -> impl Iterator<Item = String> {
    section.iter().map(|(key, value)| match value {
        Value::String(text) => format!("{key}: {text}"),
        other => format!("{key}: {other}"),
    })
}

/// Returns a number of bytes for people.
fn size(bytes: usize) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(17, "17 B")]
    #[case(1536, "1.5 KiB")]
    #[case(5 << 20, "5.0 MiB")]
    fn sizes_are_for_people(#[case] bytes: usize, #[case] text: &str) {
        assert_eq!(size(bytes), text);
    }

    #[test]
    fn an_author_cannot_write_over_what_is_shown() {
        let line = row("image", &"worker: demo\u{1b}[2K\rnothing\nmay everything");
        assert!(!line.contains(['\u{1b}', '\r', '\n']), "{line:?}");
    }
}
