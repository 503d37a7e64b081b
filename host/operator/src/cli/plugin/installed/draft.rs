//! What a command is about to write onto a ConfigMap: the next revision, what it may do, and what
//! stays of the one before.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;
use wasser_plugin::Grants;

use super::definitions::Planned;
use super::desk::Desk;
use super::error::ChangeError;
use super::grants::{Decision, Request, lines, union};
use super::offer::Offer;
use super::plugin_yaml::PluginYaml;
use super::record::{Record, text};
use super::revision::Revision;
use super::shown::Subject;
use super::terms::Terms;

/// The next state of a registration.
pub struct Draft<'a> {
    offer: &'a Offer,
    /// The ConfigMap as it is now; without data if there is none yet.
    map: ConfigMap,
    /// The revisions up to the next one.
    record: Record,
    /// What is registered now.
    before: Option<Revision>,
    /// The last revision to which there is no way back after it.
    lost: Option<Revision>,
    yaml: PluginYaml,
    /// What of `yaml` was changed by hand, and stays.
    kept: Vec<String>,
    /// What the plugin may do.
    pub decision: Decision,
}

impl<'a> Draft<'a> {
    /// Drafts the registration of a plugin under a name that is free.
    ///
    /// # Errors
    /// The terms name something that is not asked for.
    pub fn first(desk: &Desk, offer: &'a Offer, name: &str, terms: &Terms) -> Result<Self, ChangeError> {
        let none = Grants::default();
        let decision = decide(offer, terms, &none, &none)?;
        let yaml = PluginYaml {
            grants: Some(decision.grants.clone()),
            // Secrets of this namespace are not the author's to name.
            pull_secrets: terms.pull_secrets.clone(),
            ..offer.proposal.clone()
        };
        let mut map = ConfigMap::default();
        map.metadata.name = Some(name.to_owned());
        map.metadata.namespace = Some(desk.namespace.clone());
        let mut record = Record::default();
        record.push(offer.revision(&yaml, &decision)?);
        Ok(Self {
            offer,
            map,
            record,
            before: None,
            lost: None,
            yaml,
            kept: Vec::new(),
            decision,
        })
    }

    /// Drafts another state of a registration. What was changed by hand stays, and so do grants that
    /// are still asked for.
    ///
    /// # Errors
    /// The registration is for another kind or cannot be read, or the terms name something that is not
    /// asked for.
    pub fn next(desk: &Desk, offer: &'a Offer, map: ConfigMap, terms: &Terms) -> Result<Self, ChangeError> {
        let name = map.name_any();
        let mut record = Record::of(&map)?;
        let before = record.current().cloned().unwrap_or_default();
        let now = before.yaml(&name)?;
        if now.runtime != offer.kind() {
            return Err(ChangeError::OtherKind {
                registered: now.runtime,
                offered: offer.kind().to_owned(),
                install: desk.command(&offer.elsewhere()),
                name,
            });
        }
        let written = record.written().map(|written| written.yaml(&name)).transpose()?;
        let (mut yaml, kept) = offer.proposal.clone().keeping(written.as_ref(), &now);
        if !terms.pull_secrets.is_empty() {
            yaml.pull_secrets.clone_from(&terms.pull_secrets);
        }
        let given = now.grants.unwrap_or_default();
        let decision = decide(offer, terms, &given, &union(&before.asked(), &given)?)?;
        yaml.grants = Some(decision.grants.clone());
        let lost = record.push_with(offer.revision(&yaml, &decision)?, &map, &offer.inline());
        Ok(Self {
            offer,
            map,
            record,
            before: Some(before),
            lost,
            yaml,
            kept,
            decision,
        })
    }

    /// Returns the ConfigMap as it is now.
    pub fn map(&self) -> &ConfigMap {
        &self.map
    }

    /// Returns what is registered now.
    pub fn before(&self) -> Option<&Revision> {
        self.before.as_ref()
    }

    /// Returns the last revision whose component makes room for the next one, if one has to.
    pub fn lost(&self) -> Option<&Revision> {
        self.lost.as_ref()
    }

    /// Returns what nobody has agreed to yet, in lines.
    pub fn new_lines(&self) -> Vec<String> {
        lines(&self.decision.new)
    }

    /// Returns the revision before the next one, if there is one that can be gone back to.
    pub fn back(&self, name: &str) -> Option<&Revision> {
        self.record.earlier(name, None).ok()
    }

    /// Returns what would be registered.
    pub fn offer(&self) -> &Offer {
        self.offer
    }

    /// Returns what it is about, for the person who decides.
    pub fn subject<'b>(&'b self, desk: &'b Desk, crds: &'b [Planned]) -> Subject<'b> {
        Subject {
            desk,
            offer: self.offer,
            yaml: &self.yaml,
            decision: &self.decision,
            crds,
            before: self.before.as_ref().map(|before| (before, self.kept.as_slice())),
        }
    }

    /// Returns whether it is registered like that already.
    pub fn is_registered(&self) -> bool {
        let next = self.record.current().map(|next| next.plugin.as_str());
        let inline = self.offer.inline();
        let there = |key: &String| self.map.binary_data.as_ref()?.get(key);
        next == Some(text(&self.map).as_str()) && inline.iter().all(|(key, bytes)| there(key) == Some(bytes))
    }

    /// Returns the ConfigMap as it will be.
    pub fn written(&self) -> ConfigMap {
        let mut map = self.map.clone();
        self.write(&mut map);
        map
    }

    /// Writes it onto the ConfigMap.
    pub fn write(&self, map: &mut ConfigMap) {
        self.record.write(map);
        let inline = self.offer.inline();
        if !inline.is_empty() {
            map.binary_data.get_or_insert_default().extend(inline);
        }
    }
}

fn decide(offer: &Offer, terms: &Terms, given: &Grants, known: &Grants) -> Result<Decision, ChangeError> {
    let request = Request {
        wanted: &offer.wanted,
        proposed: offer.proposal.grants.as_ref(),
        given,
        known,
        named: &terms.grants,
    };
    request.decide()
}
