//! Records that this installation has not written: those of Fluid, of a user with `helm`, of an
//! installation whose key is lost, and forged ones.
//!
//! Plugins keep images and the like as they are installed, and pods of a release may be privileged.
//! So an upgrade may take from such a record only what the objects of the release say already, or
//! would say without any record, but for numbers: whoever may write Secrets need not be allowed such
//! pods. That a plugin returns the installed values as a whole, since it has nothing else to go by,
//! makes no difference.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;
use wasser_chart::{Preview, pod_specs};

use crate::error::EngineError;
use crate::release::Installed;
use crate::release::canonical::is_same;
use crate::release::powers::{Power, powers};
use crate::release::prepare::{Prepared, kind_and_name};
use crate::request::Request;

/// The most that a message names.
const NAMED: usize = 3;
/// Labels and annotations.
const METADATA: &str = "/metadata/";

impl Request {
    /// Refuses what only a record says that somebody else has written.
    pub(crate) async fn check_unsigned(&self, before: &Installed, prepared: &Prepared) -> Result<(), EngineError> {
        let Some(record) = before.unsigned() else {
            return Ok(());
        };
        let mut unknown = self.new_powers(prepared);
        let mut changed = self.changes(prepared).await?;
        if (!unknown.is_empty() || !changed.is_empty())
            && let Some(bare) = self.prepared_without_record(before).await
        {
            let of_bare = bare.rendered_objects().map(|object| powers(&object.data));
            let powers: BTreeSet<Power> = of_bare.flatten().collect();
            unknown.retain(|(_, power)| !powers.contains(power));
            changed.retain(|change| !change.is_of(&bare));
        }
        let unknown = unknown
            .iter()
            .map(|(object, power)| format!("{object}: {}", power.shown()));
        let unknown: Vec<String> = unknown.chain(changed.iter().map(ToString::to_string)).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let named: Vec<&str> = unknown.iter().take(NAMED).map(String::as_str).collect();
        Err(EngineError::Unsigned {
            release: self.identity.display(),
            record: record.to_owned(),
            kind: self.identity.kind.clone(),
            asked: named.join("; "),
        })
    }

    /// What the pods of the prepared objects have and the live ones have not, with the object.
    fn new_powers(&self, prepared: &Prepared) -> Vec<(String, Power)> {
        let mut found = Vec::new();
        for object in prepared.rendered_objects() {
            let (kind, name) = kind_and_name(object);
            let live = self.spec(&kind, &name).map(|spec| powers(&spec)).unwrap_or_default();
            let new = powers(&object.data).into_iter().filter(|power| !live.contains(power));
            found.extend(new.map(|power| (format!("{kind} {name}"), power)));
        }
        found
    }

    /// What would change of the objects without pods: files that pods read, and who may do what.
    async fn changes(&self, prepared: &Prepared) -> Result<Vec<Changed>, EngineError> {
        let preview = prepared.preview(&self.shared.releases).await;
        let preview = preview.map_err(|source| self.release_failed(source))?;
        let mut found = Vec::new();
        for object in prepared.rendered_objects() {
            let (kind, name) = kind_and_name(object);
            if pod_specs(&object.data).next().is_some() {
                continue;
            }
            let display = format!("{kind} {name}");
            let known = preview.iter().find(|(changed, _)| *changed == display);
            let fields = match known.map(|(_, preview)| preview) {
                Some(Preview::Changed(fields)) => fields.clone(),
                Some(Preview::Created) => vec![String::new()],
                // It is as it was. A hook is not in the preview.
                Some(Preview::Deleted) | None if prepared.is_hook(object) => vec![String::new()],
                Some(Preview::Deleted) | None => Vec::new(),
            };
            let said = fields.into_iter().filter(|field| !field.starts_with(METADATA));
            let changed = said.map(|field| Changed {
                kind: kind.clone(),
                name: name.clone(),
                value: object.data.pointer(&field).cloned().unwrap_or_default(),
                field,
            });
            found.extend(changed.filter(|changed| !changed.value.is_number()));
        }
        Ok(found)
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

/// A field of an object that would change.
struct Changed {
    kind: String,
    name: String,
    /// A JSON pointer; empty for all.
    field: String,
    value: Value,
}

impl Changed {
    /// Whether these objects have the same there.
    fn is_of(&self, bare: &Prepared) -> bool {
        let mut objects = bare.rendered_objects();
        objects.any(|object| {
            let (kind, name) = kind_and_name(object);
            let value = || object.data.pointer(&self.field).cloned().unwrap_or_default();
            (kind, name) == (self.kind.clone(), self.name.clone()) && is_same(&value(), &self.value)
        })
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() {
            "all of it"
        } else {
            &self.field
        };
        write!(out, "{} {}: {field}", self.kind, self.name)
    }
}
