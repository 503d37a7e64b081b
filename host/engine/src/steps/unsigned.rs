//! Records that this installation has not written: those of Fluid, of a user with `helm`, of an
//! installation whose key is lost, and forged ones.
//!
//! Plugins keep images and the like as they are installed, and pods of a release may be privileged.
//! So an upgrade may take from such a record only what pods of the release have already, or would
//! have without any record: whoever may write Secrets need not be allowed such pods.

use std::collections::BTreeSet;

use kube::api::DynamicObject;

use crate::error::EngineError;
use crate::release::Installed;
use crate::release::powers::{Power, powers, powers_in};
use crate::release::prepare::{Prepared, prepare};
use crate::request::Request;

/// The most that a message names.
const NAMED: usize = 3;

impl Request {
    /// Refuses what only a record says that somebody else has written.
    pub(crate) async fn check_unsigned(&self, before: &Installed, prepared: &Prepared) -> Result<(), EngineError> {
        if before.is_signed() {
            return Ok(());
        }
        let mut unknown = new_powers(prepared, |object| self.live_powers(object));
        if !unknown.is_empty()
            && let Some(bare) = self.prepared_without_record().await
        {
            let bare: BTreeSet<Power> = bare.powers().into_iter().map(|(_, power)| power).collect();
            unknown.retain(|(_, power)| !bare.contains(power));
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let named = unknown
            .iter()
            .take(NAMED)
            .map(|(object, (what, text))| format!("{object}: {what} {text}"));
        Err(EngineError::Unsigned {
            release: self.identity.display(),
            record: before.record().to_owned(),
            kind: self.identity.kind.clone(),
            asked: named.collect::<Vec<_>>().join("; "),
        })
    }

    fn live_powers(&self, object: &DynamicObject) -> BTreeSet<Power> {
        let kind = object
            .types
            .as_ref()
            .map(|types| types.kind.as_str())
            .unwrap_or_default();
        let name = object.metadata.name.as_deref().unwrap_or_default();
        self.spec(kind, name).map(|spec| powers_in(&spec)).unwrap_or_default()
    }

    /// What would be installed if there were no record. None if that cannot be said.
    async fn prepared_without_record(&self) -> Option<Prepared> {
        let mut context = self.context.clone();
        context.installed = None;
        let values = self.imagined_instance().setup_master(&context).await.ok()?.ok()?;
        let values = self.complete(&values).ok()?;
        let chart = self.shared.chart(&self.plugin).ok()?;
        let (renderer, identity) = (&self.shared.renderer, &self.identity);
        let preparing = prepare(&self.plugin, chart, renderer, identity, &self.uid, values, true);
        self.own_time.wait(preparing).await.ok()
    }
}

/// What the prepared objects have and their live ones have not, with kind and name of the object.
fn new_powers(prepared: &Prepared, live: impl Fn(&DynamicObject) -> BTreeSet<Power>) -> Vec<(String, Power)> {
    let mut found = prepared.powers();
    let live: BTreeSet<(String, Power)> = prepared
        .rendered_objects()
        .flat_map(|object| {
            let name = display(object);
            live(object).into_iter().map(move |power| (name.clone(), power))
        })
        .collect();
    found.retain(|power| !live.contains(power));
    found
}

impl Prepared {
    /// What gives pods power over their nodes, with kind and name of the object.
    fn powers(&self) -> Vec<(String, Power)> {
        let of = |object: &DynamicObject| {
            let name = display(object);
            powers(object).into_iter().map(move |power| (name.clone(), power))
        };
        self.rendered_objects().flat_map(of).collect()
    }
}

fn display(object: &DynamicObject) -> String {
    let kind = object
        .types
        .as_ref()
        .map(|types| types.kind.as_str())
        .unwrap_or_default();
    format!("{kind} {}", object.metadata.name.as_deref().unwrap_or_default())
}
