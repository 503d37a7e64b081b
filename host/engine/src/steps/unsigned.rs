//! Records that this installation has not written: those of Fluid, of a user with `helm`, of an
//! installation whose key is lost, and forged ones.
//!
//! Plugins keep images and the like as they are installed, and pods of a release may be privileged.
//! So an upgrade may take from such a record only what pods of the release have already, or would
//! have without any record: whoever may write Secrets need not be allowed such pods.

use std::collections::BTreeSet;

use crate::error::EngineError;
use crate::release::Installed;
use crate::release::powers::{Power, powers};
use crate::release::prepare::{Prepared, kind_and_name};
use crate::request::Request;

/// The most that a message names.
const NAMED: usize = 3;

impl Request {
    /// Refuses what only a record says that somebody else has written.
    pub(crate) async fn check_unsigned(&self, before: &Installed, prepared: &Prepared) -> Result<(), EngineError> {
        let Some(record) = before.unsigned() else {
            return Ok(());
        };
        let mut unknown = self.new_powers(prepared);
        if !unknown.is_empty()
            && let Some(bare) = self.prepared_without_record(before).await
        {
            let of_bare = bare.rendered_objects().map(|object| powers(&object.data));
            let bare: BTreeSet<Power> = of_bare.flatten().collect();
            unknown.retain(|(_, power)| !bare.contains(power));
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let named = unknown
            .iter()
            .take(NAMED)
            .map(|((kind, name), (what, text))| format!("{kind} {name}: {what} {text}"));
        Err(EngineError::Unsigned {
            release: self.identity.display(),
            record: record.to_owned(),
            kind: self.identity.kind.clone(),
            asked: named.collect::<Vec<_>>().join("; "),
        })
    }

    /// What the prepared objects have and their live ones have not, with kind and name of the object.
    fn new_powers(&self, prepared: &Prepared) -> Vec<((String, String), Power)> {
        let mut found = Vec::new();
        for object in prepared.rendered_objects() {
            let (kind, name) = kind_and_name(object);
            let live = self.spec(&kind, &name).map(|spec| powers(&spec)).unwrap_or_default();
            let new = powers(&object.data).into_iter().filter(|power| !live.contains(power));
            found.extend(new.map(|power| ((kind.clone(), name.clone()), power)));
        }
        found
    }

    /// What would be installed if there were no record. None if that cannot be said.
    async fn prepared_without_record(&self, before: &Installed) -> Option<Prepared> {
        let mut context = self.context.clone();
        context.installed = None;
        let values = self.imagined_instance().desired(&context).await.ok()?.ok()?;
        let values = self.complete(&values).ok()?;
        let chart = self.shared.chart(&self.plugin).ok()?;
        let revision = self.next_revision(Some(before));
        self.own_time.wait(self.prepare(&chart, values, revision)).await.ok()
    }
}
