//! Builds a release without a client: what a reconcile installs, and what `wasser render` prints.

use std::sync::Arc;

use futures::FutureExt;
use kube::api::DynamicObject;
use serde_json::Value;
use wasser_chart::{
    Change, Chart, Installer, Policy, Preview, ReleaseError, ReleaseMeta, Releases, Rendered, Renderer, Workers,
};
use wasser_plugin::Plugin;

use super::Installed;
use super::origin::installer;
use super::policy::{Surroundings, policy};
use super::workloads::{check_names, check_roles};
use crate::error::EngineError;
use crate::objects::identity::Identity;

/// The revision that templates see: its number, and whether it upgrades one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revision {
    /// `.Release.Revision`.
    pub number: u32,
    /// `.Release.IsUpgrade`.
    pub is_upgrade: bool,
}

impl Revision {
    /// A first installation.
    pub const FIRST: Self = Self {
        number: 1,
        is_upgrade: false,
    };

    /// An upgrade to the revision of this number.
    pub fn upgrade(number: u32) -> Self {
        Self {
            number,
            is_upgrade: true,
        }
    }
}

/// A release that was rendered, with the roles that the plugin describes, and is not admitted yet.
pub struct Draft {
    chart: Arc<Chart>,
    installer: Installer,
    meta: ReleaseMeta,
    values: Value,
    rendered: Rendered,
    objects: Vec<(String, String)>,
}

/// A release that may be installed: rendered and admitted. Nothing of it has been written.
pub struct Prepared {
    draft: Draft,
    policy: Policy,
}

/// Renders the chart with complete values, and admits what came of it.
///
/// # Errors
/// Those of [`draft`], or an object is not granted.
pub async fn prepare(
    plugin: &Plugin,
    chart: Arc<Chart>,
    renderer: &Renderer,
    identity: &Identity,
    around: &Surroundings,
    values: Value,
    revision: Revision,
) -> Result<Prepared, EngineError> {
    let draft = draft(plugin, chart, renderer, identity, values, revision).await?;
    let policy = draft.admit(plugin, identity, around)?;
    Ok(draft.admitted(policy))
}

/// Renders the chart with complete values.
///
/// # Errors
/// The name cannot be that of a release, the chart cannot be rendered, or none of the roles has a
/// workload.
pub async fn draft(
    plugin: &Plugin,
    chart: Arc<Chart>,
    renderer: &Renderer,
    identity: &Identity,
    values: Value,
    revision: Revision,
) -> Result<Draft, EngineError> {
    let meta = ReleaseMeta {
        name: identity.name.clone(),
        namespace: identity.namespace.clone(),
        revision: revision.number,
        is_upgrade: revision.is_upgrade,
    };
    meta.check().map_err(|invalid| EngineError::InvalidSpec {
        field: format!("{}.metadata.name", identity.kind),
        message: invalid.to_string(),
    })?;
    let rendered = renderer
        .render(&chart, &meta, &values)
        .await
        .map_err(|source| EngineError::Render {
            release: identity.display(),
            source: Box::new(source),
        })?;
    let objects: Vec<(String, String)> = rendered.objects.iter().map(kind_and_name).collect();
    check_roles(&plugin.description.roles, &objects, &identity.name)?;
    check_names(&objects, &identity.kind, &identity.name)?;
    Ok(Draft {
        chart,
        installer: installer(plugin),
        meta,
        values,
        rendered,
        objects,
    })
}

impl Draft {
    /// Returns the policy that admits it.
    ///
    /// # Errors
    /// An object is not granted.
    pub fn admit(&self, plugin: &Plugin, identity: &Identity, around: &Surroundings) -> Result<Policy, EngineError> {
        let policy = policy(plugin, identity, around);
        let admitted = policy.admit_release(&self.rendered);
        admitted.map(|()| policy).map_err(|source| EngineError::NotGranted {
            release: identity.display(),
            source,
        })
    }

    /// Returns what may be installed by the policy that has admitted it.
    pub fn admitted(self, policy: Policy) -> Prepared {
        Prepared { draft: self, policy }
    }
}

impl Prepared {
    /// The objects as they would be applied.
    pub fn objects(&self) -> Vec<DynamicObject> {
        self.draft.rendered.dressed(&self.policy, &self.draft.meta.name)
    }

    /// The objects as the chart has made them, and those of hooks after them.
    pub(crate) fn rendered_objects(&self) -> impl Iterator<Item = &DynamicObject> {
        let rendered = &self.draft.rendered;
        let hooks = rendered.hooks.iter().filter_map(|hook| hook.object.as_ref());
        rendered.objects.iter().chain(hooks)
    }

    /// Whether one of these is of a hook.
    pub(crate) fn is_hook(&self, object: &DynamicObject) -> bool {
        let mut hooks = self.draft.rendered.hooks.iter();
        hooks.any(|hook| {
            hook.object
                .as_ref()
                .is_some_and(|of_hook| std::ptr::eq(of_hook, object))
        })
    }

    /// The values that it was rendered with.
    pub fn values(&self) -> &Value {
        &self.draft.values
    }

    /// The objects that an upgrade to it would write or delete, each with how it would change.
    ///
    /// # Errors
    /// The upgrade would be refused.
    pub async fn preview(&self, releases: &Releases) -> Result<Vec<(String, Preview)>, ReleaseError> {
        releases.preview(&self.change(None, None)).boxed().await
    }

    /// Writes the release: the only way to what counts as installed. `workers` says how workers
    /// begin that are made, `damaged` which revision is written again although its record says that
    /// it was.
    ///
    /// # Errors
    /// Something is in the way, or the API server refused an object; what was applied before it
    /// stays, and the next attempt goes on.
    pub async fn install(
        self,
        releases: &Releases,
        workers: Option<Workers>,
        damaged: Option<u32>,
    ) -> Result<Installed, ReleaseError> {
        let change = self.change(workers.as_ref(), damaged);
        let release = if self.draft.meta.is_upgrade {
            releases.upgrade(&change).boxed().await?
        } else {
            releases.install(&change).boxed().await?
        };
        let Draft {
            values,
            objects,
            installer,
            ..
        } = self.draft;
        Ok(Installed::written(&values, objects, release.revision, Some(installer)))
    }

    /// Takes everything apart, so that nothing that is prepared can be forgotten here.
    fn change<'a>(&'a self, workers: Option<&'a Workers>, damaged: Option<u32>) -> Change<'a> {
        let Self { draft, policy } = self;
        let Draft {
            chart,
            meta,
            values,
            rendered,
            objects: _,
            installer,
        } = draft;
        Change {
            chart,
            meta,
            rendered,
            values,
            installer: Some(installer),
            policy,
            workers,
            damaged,
        }
    }
}

/// What of a rendered object the roles are found by.
pub(crate) fn kind_and_name(object: &DynamicObject) -> (String, String) {
    let kind = object
        .types
        .as_ref()
        .map(|types| types.kind.clone())
        .unwrap_or_default();
    (kind, object.metadata.name.clone().unwrap_or_default())
}
