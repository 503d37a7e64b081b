//! Hooks of a deletion, which are read from a record.

use super::error::ReleaseError;
use super::hooks::{Hooks, Running, order};
use super::reference::Reference;
use super::release::Release;
use super::survey;
use crate::policy::{gives_access, kinds};

/// Leaves out the hooks of a record that somebody else has written: their pods would be that
/// one's.
pub fn leave_out(release: &mut Release) {
    if !release.hooks.is_empty() {
        tracing::warn!(
            record = release.place().object(),
            hooks = release.hooks.len(),
            "this installation has not written the record of a release, and runs none of its hooks"
        );
        release.hooks.clear();
    }
}

impl Hooks<'_> {
    /// Runs the hooks of a deletion. Those are read from a record, which others can write: what the
    /// policy refuses is not run. Nor is one whose name somebody else has, or whose kind is gone: a
    /// deletion has to end.
    pub async fn run_recorded(&self, release: &Release, event: &'static str) -> Result<(), ReleaseError> {
        let mut chosen = Vec::new();
        for hook in order(&release.hooks, event) {
            chosen.push(self.read(hook, event)?);
        }
        if chosen.is_empty() {
            return Ok(());
        }
        let own = self.own_access(release, &chosen).await?;
        let mut admitted = Vec::new();
        for running in chosen {
            let allowed = match self
                .ownership
                .policy
                .admit_beside(&running.object, own.iter().map(Reference::key))
            {
                Ok(()) => survey::one(self.kinds, &self.ownership, &running.reference)
                    .await
                    .map(drop),
                Err(violation) => Err(violation.into()),
            };
            match allowed {
                Ok(()) => admitted.push(running.hook.clone()),
                Err(
                    error @ (ReleaseError::NotGranted(_)
                    | ReleaseError::Taken { .. }
                    | ReleaseError::UnknownKind { .. }),
                ) => {
                    tracing::warn!(release = self.ownership.release, event, %error, "a hook is left out");
                }
                Err(error) => return Err(error),
            }
        }
        self.run(&admitted, event).await
    }

    /// The roles and accounts that a recorded hook may refer to: of those that the record names,
    /// the ones that are the runtime's, and those that the hooks themselves are about to make. That
    /// a record names one says nothing.
    async fn own_access(&self, release: &Release, chosen: &[Running<'_>]) -> Result<Vec<Reference>, ReleaseError> {
        let hooks = release.hooks.iter().filter_map(|hook| self.read(hook, "recorded").ok());
        let named = release
            .objects
            .iter()
            .cloned()
            .chain(hooks.map(|running| running.reference));
        let named = named.filter(|reference| {
            let (group, kind, name) = reference.key();
            gives_access(group, kind) && kinds::is_plain(name) && kinds::is_plain(&reference.gvk.version)
        });
        let mut own = Vec::new();
        for reference in named {
            match survey::one(self.kinds, &self.ownership, &reference).await {
                Ok(Some(_)) => own.push(reference),
                Ok(None) if chosen.iter().any(|running| running.reference.key() == reference.key()) => {
                    own.push(reference)
                }
                Ok(None) | Err(ReleaseError::Taken { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(own)
    }
}
