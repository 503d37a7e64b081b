//! Between the types of the WIT and those of the SDK.

use std::collections::BTreeMap;

use super::bindings::wasser::context::context as wit;
use super::types;
use crate::{Context, Error, Implement, Measure, Method, Mount, RawContext, RoleStatus, UfsChange, Want};

/// Reads a context.
pub fn context<T: Implement>(ctx: &wit::Context) -> crate::Result<Context<T::Spec>> {
    let roles = ctx.roles().into_iter().map(|role| RoleStatus {
        name: role.name,
        desired: role.desired,
        ready: role.ready,
    });
    let granted = ctx.granted().into_iter().map(|want| Want {
        capability: want.capability,
        scope: want.scope,
    });
    Context::parse(RawContext {
        namespace: ctx.namespace(),
        name: ctx.name(),
        dataset_id: ctx.dataset_id(),
        runtime: ctx.runtime(),
        dataset: ctx.dataset(),
        mount_path: ctx.mount_path(),
        fuse_label: ctx.fuse_label(),
        images: ctx.images(),
        settings: ctx.settings(),
        installed: ctx.installed(),
        roles: roles.collect(),
        now_ms: ctx.now(),
        granted: granted.collect(),
    })
}

impl From<Error> for types::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::NotSupported => types::Error::NotSupported,
            Error::InvalidSpec { field, message } => types::Error::InvalidSpec(types::InvalidField { field, message }),
            Error::RetryAfter { seconds, message } => types::Error::RetryAfter(types::Delay { seconds, message }),
            Error::Failed(message) => types::Error::Failed(message),
            Error::Other { code, message } => types::Error::Other((code, message)),
        }
    }
}

impl From<crate::Description> for types::Description {
    fn from(d: crate::Description) -> Self {
        types::Description {
            name: d.name,
            version: d.version,
            api_versions: d.api_versions,
            methods: d
                .methods
                .into_iter()
                .map(|method: Method| method.name().into())
                .collect(),
            kind: d.kind,
            plural: d.plural,
            engine: d.engine,
            implementation: d.implementation,
            roles: d.roles.into_iter().map(Into::into).collect(),
            fuse: types::Fuse {
                mount_type: d.fuse.mount_type,
                directory: d.fuse.directory,
            },
            wants: d
                .wants
                .into_iter()
                .map(|w| types::Want {
                    capability: w.capability,
                    scope: w.scope,
                })
                .collect(),
        }
    }
}

/// A mount as it crosses the boundary.
fn mount(path: &str, mount: &Mount) -> crate::Result<types::Mount> {
    let spec =
        serde_json::to_string(mount).map_err(|e| Error::failed(format!("cannot write the mount at {path}: {e}")))?;
    Ok(types::Mount {
        path: path.to_owned(),
        spec,
    })
}

fn mounts(mounts: &BTreeMap<String, Mount>) -> crate::Result<Vec<types::Mount>> {
    mounts.iter().map(|(path, of)| mount(path, of)).collect()
}

/// A mount that has crossed the boundary.
fn read(mount: &types::Mount) -> crate::Result<(String, Mount)> {
    let read = serde_json::from_str(&mount.spec);
    let read = read.map_err(|e| Error::failed(format!("cannot read the mount at {}: {e}", mount.path)))?;
    Ok((mount.path.clone(), read))
}

impl TryFrom<UfsChange> for types::UfsChange {
    type Error = Error;

    fn try_from(change: UfsChange) -> crate::Result<Self> {
        let changed = change.changed.iter().map(|(path, (old, new))| {
            Ok(types::ChangedMount {
                old: mount(path, old)?,
                new: mount(path, new)?,
            })
        });
        Ok(types::UfsChange {
            added: mounts(&change.added)?,
            removed: mounts(&change.removed)?,
            changed: changed.collect::<crate::Result<_>>()?,
        })
    }
}

impl TryFrom<types::UfsChange> for UfsChange {
    type Error = Error;

    fn try_from(change: types::UfsChange) -> crate::Result<Self> {
        let changed = change.changed.iter().map(|changed| {
            let (path, new) = read(&changed.new)?;
            Ok((path, (read(&changed.old)?.1, new)))
        });
        Ok(UfsChange {
            added: change.added.iter().map(read).collect::<crate::Result<_>>()?,
            removed: change.removed.iter().map(read).collect::<crate::Result<_>>()?,
            changed: changed.collect::<crate::Result<_>>()?,
        })
    }
}

impl From<Measure> for types::Measure {
    fn from(measure: Measure) -> Self {
        match measure {
            Measure::Bytes(bytes) => types::Measure::Bytes(bytes),
            Measure::Share(share) => types::Measure::Share(share),
            Measure::Unknown => types::Measure::Unknown,
            Measure::Other(text) => types::Measure::Other(text),
        }
    }
}

impl From<crate::Role> for types::Role {
    fn from(r: crate::Role) -> Self {
        types::Role {
            name: r.name,
            workload: r.workload,
            suffix: r.suffix,
            container: r.container,
            needed_for_bound: r.needed_for_bound,
            starts_at_zero: r.starts_at_zero,
            replicas: r.replicas,
            default_replicas: r.default_replicas,
        }
    }
}
