//! What a change would write, without writing it.

use super::apply;
use super::differences::{Additions, changes};
use super::error::ReleaseError;
use super::reference::{self, Reference};
use super::{Change, Releases};

/// How an object of a release would change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// It would be made.
    Created,
    /// These fields would change, as JSON pointers.
    Changed(Vec<String>),
    /// It would be deleted.
    Deleted,
}

impl Releases {
    /// Returns the objects that a change would write or delete, as kind and name, each with how it
    /// would change. Reads the cluster, and writes nothing.
    ///
    /// # Errors
    /// As [`Releases::upgrade`] before its first write: the change would be refused.
    pub async fn preview(&self, change: &Change<'_>) -> Result<Vec<(String, Preview)>, ReleaseError> {
        change.check()?;
        let before = self.before(change).await?;
        let ready = self.make_ready(change, before).await?;
        let ownership = change.ownership(ready.before.as_ref());
        let earlier = ready.before.as_ref().map_or(&[][..], |before| &before.release.objects);
        let (mut all, mut now) = (Vec::new(), Vec::new());
        for object in &change.rendered.objects {
            let Some(reference) = Reference::of(object) else {
                continue;
            };
            let live = ready.seen.live(&reference);
            let prepared = apply::prepare(object, &ownership, live, earlier, change.workers);
            let (Some(wanted), namespace) = (prepared, &ownership.policy.namespace) else {
                continue;
            };
            let api = self.kinds.api(&reference, namespace).await?;
            let attempt = format!("reading {}", reference.describe(namespace));
            let found = match live {
                Some(_) => api
                    .get_opt(&reference.name)
                    .await
                    .map_err(ReleaseError::kube(attempt))?,
                None => None,
            };
            let preview = match found {
                None => Some(Preview::Created),
                Some(found) => {
                    let fields = changes(&wanted.content(), &found, Additions::Count);
                    (!fields.is_empty()).then_some(Preview::Changed(fields))
                }
            };
            all.extend(preview.map(|preview| (display(&reference), preview)));
            now.push(reference);
        }
        for dropped in reference::dropped(earlier, &now) {
            all.push((display(dropped), Preview::Deleted));
        }
        Ok(all)
    }
}

fn display(reference: &Reference) -> String {
    format!("{} {}", reference.gvk.kind, reference.name)
}
