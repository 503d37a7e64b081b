//! The CRDs that come with plugins. Those that somebody else has made are left as they are.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, Preconditions};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::conditions::{is_crd_established, is_deleted};
use kube::runtime::wait::await_condition;
use kube::{Api, ResourceExt};
use serde_json::json;

use super::crd_spec::is_same;
use super::desk::Desk;
use super::error::ChangeError;
use super::record::{MANAGED_BY, MANAGER};
use super::runtimes::Alive;
use crate::cli::data::problem::{Attempt, Problem};

/// The annotation with the kind for whose plugin a CRD was applied.
const INSTALLED_FOR: &str = "wasser.fluid.io/installed-for";
/// How long a CRD is waited for that is deleted. It has no objects, so that only somebody's finalizer
/// takes time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A CRD of an artifact, and whether it is in the cluster.
pub struct Planned {
    /// The CRD.
    pub crd: CustomResourceDefinition,
    /// What becomes of it.
    pub plan: Plan,
    /// Whether it stays although that of the plugin is another one.
    pub is_other: bool,
}

/// What becomes of a CRD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// It is created, once one that is being deleted is gone.
    Create,
    /// It was created by these commands for the same kind, and is brought up to date.
    Update,
    /// Somebody else has created it, and it stays as it is.
    Leave,
}

/// Returns what becomes of the CRDs of a plugin for a kind.
///
/// # Errors
/// The API server does not say which there are.
pub async fn plan(desk: &Desk, crds: &[CustomResourceDefinition], kind: &str) -> Result<Vec<Planned>, ChangeError> {
    let mut all = Vec::new();
    for crd in crds {
        let name = crd.name_any();
        let live = look(desk, &name).await?;
        let plan = match &live {
            Some(live) if live.metadata.deletion_timestamp.is_some() => Plan::Create,
            None => Plan::Create,
            Some(live) if is_ours(live, kind) => Plan::Update,
            Some(_) => Plan::Leave,
        };
        let is_other = plan == Plan::Leave && live.is_some_and(|live| !is_same(&live.spec, &crd.spec));
        let crd = crd.clone();
        all.push(Planned { crd, plan, is_other });
    }
    Ok(all)
}

/// Applies what is to be created or brought up to date, and waits until it is served.
///
/// # Errors
/// The API server refuses a CRD, does not serve it in time, or still has one that is being deleted.
pub async fn apply(desk: &Desk, planned: &[Planned], kind: &str, limit: Duration) -> Result<(), ChangeError> {
    for Planned { crd, plan, .. } in planned.iter().filter(|planned| planned.plan != Plan::Leave) {
        let name = crd.name_any();
        if *plan == Plan::Create
            && let Some(live) = look(desk, &name).await?
            && live.metadata.deletion_timestamp.is_some()
        {
            gone(desk, &live, limit).await?;
        }
        let (mut labels, mut annotations) = (crd.labels().clone(), crd.annotations().clone());
        labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
        annotations.insert(INSTALLED_FOR.to_owned(), kind.to_owned());
        let wanted = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": name, "labels": labels, "annotations": annotations}, "spec": crd.spec,
        });
        // Without force: what others have set meanwhile is theirs.
        let applied = api(desk)
            .patch(&name, &PatchParams::apply(MANAGER), &Patch::Apply(&wanted))
            .await;
        applied.map_err(|error| problem(&error, "patch", format!("applying the CRD {name}")))?;
        let established = await_condition(api(desk), &name, is_crd_established());
        match tokio::time::timeout(limit, established).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(unwatched(&error, format!("waiting for the CRD {name}"))),
            Err(_) => {
                let seconds = limit.as_secs();
                let look = desk.kubectl(&format!("describe crd {name}"));
                return Err(ChangeError::NotEstablished {
                    crd: name,
                    seconds,
                    look,
                });
            }
        }
    }
    Ok(())
}

/// Returns the CRDs that these commands have created for a kind. None of them has an object.
///
/// # Errors
/// One of them has, or the API server does not say it.
pub async fn removable(desk: &Desk, kind: &str) -> Result<Vec<CustomResourceDefinition>, ChangeError> {
    let ours = ListParams::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
    let listed = api(desk).list(&ours).await;
    let listed = listed.map_err(|error| problem(&error, "list", "listing the CRDs of plugins".to_owned()))?;
    let mut found = listed.items;
    found.retain(|crd| is_ours(crd, kind));
    for crd in &found {
        empty(desk, crd).await?;
    }
    Ok(found)
}

/// Deletes a CRD that has no objects, unless it is another one by now, and waits until it is gone: one
/// that is created meanwhile would go with it. Returns whether it was deleted.
///
/// # Errors
/// It has objects, the API server refuses it, or it is still there after a while.
pub async fn remove(desk: &Desk, crd: &CustomResourceDefinition) -> Result<bool, ChangeError> {
    empty(desk, crd).await?;
    let (name, only) = (
        crd.name_any(),
        Preconditions {
            uid: crd.uid(),
            resource_version: None,
        },
    );
    match api(desk)
        .delete(&name, &DeleteParams::default().preconditions(only))
        .await
    {
        Ok(_) => gone(desk, crd, PATIENCE).await.map(|()| true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
        Err(error) => Err(problem(&error, "delete", format!("deleting the CRD {name}"))),
    }
}

/// Waits until a CRD that is being deleted is gone.
async fn gone(desk: &Desk, crd: &CustomResourceDefinition, limit: Duration) -> Result<(), ChangeError> {
    let (name, uid) = (crd.name_any(), crd.uid().unwrap_or_default());
    let deleted = await_condition(api(desk), &name, is_deleted(&uid));
    match tokio::time::timeout(limit, deleted).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(unwatched(&error, format!("waiting until the CRD {name} is gone"))),
        Err(_) => Err(ChangeError::NotGone {
            seconds: limit.as_secs(),
            look: desk.kubectl(&format!("get crd {name} -o yaml")),
            crd: name,
        }),
    }
}

/// Returns whether there is a CRD of this name.
///
/// # Errors
/// The API server does not say it.
pub async fn is_there(desk: &Desk, name: &str) -> Result<bool, ChangeError> {
    Ok(look(desk, name).await?.is_some())
}

async fn look(desk: &Desk, name: &str) -> Result<Option<CustomResourceDefinition>, ChangeError> {
    let live = api(desk).get_opt(name).await;
    live.map_err(|error| problem(&error, "get", format!("looking for the CRD {name}")))
}

/// Checks that a CRD has no objects.
async fn empty(desk: &Desk, crd: &CustomResourceDefinition) -> Result<(), ChangeError> {
    let Some(version) = crd.spec.versions.iter().find(|version| version.served) else {
        return Ok(());
    };
    let gvk = GroupVersionKind::gvk(&crd.spec.group, &version.name, &crd.spec.names.kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, &crd.spec.names.plural);
    let alive = Alive::of(&Api::<DynamicObject>::all_with(desk.client.clone(), &resource)).await;
    let alive = alive.map_err(|error| {
        let name = crd.name_any();
        let attempt = Attempt {
            verb: "list",
            resource: &name,
            namespace: None,
            what: format!("looking for objects of the CRD {name}"),
        };
        ChangeError::from(Problem::of(&error, &attempt))
    })?;
    if alive.is_none() {
        return Ok(());
    }
    Err(ChangeError::ObjectsLeft {
        crd: crd.name_any(),
        count: alive.count(),
        some: alive.some(),
    })
}

fn is_ours(crd: &impl ResourceExt, kind: &str) -> bool {
    let is_made_here = crd.labels().get(MANAGED_BY).is_some_and(|manager| manager == MANAGER);
    is_made_here && crd.annotations().get(INSTALLED_FOR).is_some_and(|of| of == kind)
}

fn api(desk: &Desk) -> Api<CustomResourceDefinition> {
    Api::all(desk.client.clone())
}

fn attempt(verb: &'static str, what: String) -> Attempt<'static> {
    Attempt {
        verb,
        resource: "customresourcedefinitions.apiextensions.k8s.io",
        namespace: None,
        what,
    }
}

fn unwatched(error: &kube::runtime::wait::Error, attempt: String) -> ChangeError {
    let message = crate::cli::data::problem::chain(error);
    Problem::Request { attempt, message }.into()
}

fn problem(error: &kube::Error, verb: &'static str, what: String) -> ChangeError {
    Problem::of(error, &attempt(verb, what)).into()
}
