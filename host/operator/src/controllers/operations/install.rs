//! From an operation to its release: the plan of the plugin or of the host, rendered and admitted.

use std::sync::Arc;

use futures::FutureExt;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersion};
use kube::{Api, ResourceExt};
use serde_json::Value;
use wasser_api::dataset::DatasetSpec;
use wasser_api::operations::OperationKind;
use wasser_api::reasons::events as reasons;
use wasser_api::{ObjectKey, labels};
use wasser_chart::{Change, Chart, Named, Policy, Powers, ReleaseError, ReleaseMeta, Rendered, Secrets};
use wasser_engine::operations::load::Client;
use wasser_engine::operations::operation::status;
use wasser_engine::operations::values::{Surroundings, config_map, of_live, values};
use wasser_engine::operations::{Operation, Plan, Refused, Spec, charts, load, process};
use wasser_engine::{EngineError, Owner, Request, powers, secrets};

use super::all::Operations;
use super::deletion;
use super::target::Target;

/// Why an operation was not installed.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It never can be as it is.
    #[error("{0}")]
    Refused(Refused),
    /// An attempt failed.
    #[error(transparent)]
    Failed(EngineError),
}

impl From<EngineError> for Problem {
    /// What has to be changed by a user is refused, the rest tried again.
    fn from(error: EngineError) -> Self {
        if error.is_refusal() {
            Self::Refused(Refused::new(reasons::DATA_OPERATION_NOT_VALID, error.to_string()))
        } else {
            Self::Failed(error)
        }
    }
}

/// Returns the first of the targets whose plugin can do the work, and what it runs.
pub async fn choose(
    operations: &Arc<Operations>,
    operation: &Operation,
    targets: Vec<Target>,
) -> Result<(Target, Plan), Problem> {
    let mut refused = None;
    for target in targets {
        match plan(operations, operation, &target).await {
            Ok(plan) => {
                check_written(operations, operation, &target)?;
                return Ok((target, plan));
            }
            Err(Problem::Refused(why)) if why.reason == reasons::DATA_OPERATION_NOT_SUPPORT => {
                refused = refused.or(Some(why));
            }
            Err(problem) => return Err(problem),
        }
    }
    let nobody = || {
        Refused::new(
            reasons::DATA_OPERATION_NOT_SUPPORT,
            "no runtime is there for it".to_owned(),
        )
    };
    Err(Problem::Refused(refused.unwrap_or_else(nobody)))
}

/// Checks that data can be written into the Dataset at the other end of a migration, which only its
/// volume leads to.
fn check_written(operations: &Operations, operation: &Operation, target: &Target) -> Result<(), Problem> {
    let Spec::Migrate(spec) = &operation.spec else {
        return Ok(());
    };
    let Some(to) = &spec.to.dataset else {
        return Ok(());
    };
    let key = operation.dataset_at(to);
    if key == ObjectKey::of(&*target.dataset) {
        return Ok(());
    }
    let written = operations.shared.caches.dataset(&key.namespace, &key.name);
    let directory = to.path.as_deref().unwrap_or_default();
    if !written.is_some_and(|written| written.spec.is_read_only_below(directory)) {
        return Ok(());
    }
    let message = format!(
        "{}.spec.to.dataset: {key} is written to through its volume, which is for reading only; give that Dataset the \
         accessModes [ReadWriteMany], and create the operation again",
        operation.kind
    );
    Err(Problem::Refused(Refused::new(
        reasons::DATA_OPERATION_NOT_VALID,
        message,
    )))
}

/// Returns what an operation runs.
async fn plan(operations: &Arc<Operations>, operation: &Operation, target: &Target) -> Result<Plan, Problem> {
    if let Spec::Process(spec) = &operation.spec {
        return Ok(process::plan(spec));
    }
    let wake = operations.waker(operation.kind, operation.key());
    let mut request = Request::new(
        operations.shared.clone(),
        target.plugin.clone(),
        target.resource.clone(),
        target.runtime.clone(),
        wake,
        operations.observer(&target.resource.kind),
    );
    request.installed().await?;
    if operation.kind == OperationKind::DataLoad {
        let workers = request.context.roles.iter().find(|role| role.name == "worker");
        if workers.is_some_and(|workers| workers.desired == 0) {
            let message = format!(
                "the {} has no workers to load data into; set its replicas, and create the DataLoad again",
                target.resource.kind
            );
            return Err(Problem::Refused(Refused::new(
                reasons::DATA_OPERATION_NOT_VALID,
                message,
            )));
        }
    }
    if target.plugin.has_operations() && !target.is_reference {
        let object = serde_json::to_string(&*operation.object).unwrap_or_default();
        let answered = request
            .implement
            .data_operation(&request.context, operation.kind.as_str(), &object)
            .await;
        if let Some(text) = request.answer("data-operation", answered)? {
            return serde_json::from_str(&text).map_err(|error| {
                Problem::Failed(EngineError::Failed {
                    method: "data-operation",
                    message: format!("the values do not fit: {error}"),
                })
            });
        }
    }
    if let Spec::Load(spec) = &operation.spec
        && let Some(client) = client(&request, &target.dataset.spec)
    {
        return Ok(load::plan(spec, &client));
    }
    let message = format!("a {} has no {}", target.resource.kind, operation.kind);
    Err(Problem::Refused(Refused::new(
        reasons::DATA_OPERATION_NOT_SUPPORT,
        message,
    )))
}

/// The client of a runtime, whose image has what reads its files.
fn client(request: &Request, dataset: &DatasetSpec) -> Option<Client> {
    let identity = &request.identity;
    let owner = Owner {
        namespace: &identity.namespace,
        name: &identity.name,
        uid: &request.uid,
    };
    let caches = &request.shared.caches;
    let roles = &request.plugin.description.roles;
    let of = |wanted: &'static str| roles.iter().filter(move |role| role.name == wanted);
    let mut found = of("fuse").chain(of("worker")).filter_map(|role| {
        let workload = format!("{}{}", identity.name, role.suffix);
        let facts = caches.own_facts(&role.workload, owner, &workload)?;
        let image = facts.image(&role.container)?.to_owned();
        Some(Client {
            app: identity.implementation.clone(),
            image,
            pull_secrets: facts
                .pull_secrets
                .iter()
                .filter_map(|secret| serde_json::to_value(secret).ok())
                .collect(),
            tolerations: dataset
                .tolerations
                .iter()
                .filter_map(|toleration| serde_json::to_value(toleration).ok())
                .collect(),
        })
    });
    found.next()
}

/// Where the operation ran that this one follows: as was noted when its turn came.
pub fn ran(operations: &Operations, operation: &Operation) -> Option<Value> {
    let (_, (kind, key)) = operation.followed()?;
    let noted = operation.status.node_affinity.clone();
    let shown = || {
        operations
            .object(kind, &key)
            .and_then(|other| status(&other).node_affinity)
    };
    let place = noted.or_else(shown)?;
    serde_json::to_value(place).ok()
}

/// Installs what an operation runs.
pub async fn install(
    operations: &Arc<Operations>,
    operation: &Operation,
    target: &Target,
    plan: &Plan,
) -> Result<(), Problem> {
    let (kind, namespace) = (operation.kind, &operation.namespace);
    let dataset = target.dataset.name_any();
    let id = labels::dataset_id(namespace, &dataset, &target.dataset.uid().unwrap_or_default());
    let ran = ran(operations, operation);
    let around = Surroundings {
        dataset: &dataset,
        dataset_id: &id,
        ran: ran.as_ref(),
    };
    let values = values(operation, plan, around);
    let is_users = kind == OperationKind::DataProcess;
    let allowed = Allowed {
        accounts: process::account(plan).filter(|_| is_users).map(str::to_owned),
        secrets: plan.of_host,
    };
    apply(operations, operation, target, &values, allowed).await
}

/// Records what runs for an operation as it is.
pub async fn record(operations: &Arc<Operations>, operation: &Operation, target: &Target) -> Result<(), Problem> {
    let get = async |api_version: &str, kind: &str, name: String| {
        let gvk = api_version
            .parse::<GroupVersion>()
            .unwrap_or_else(|_| GroupVersion::gv("", "v1"));
        let resource = ApiResource::from_gvk(&gvk.with_kind(kind));
        let client = operations.shared.client.clone();
        let api = Api::<DynamicObject>::namespaced_with(client, &operation.namespace, &resource);
        let attempt = format!("looking at {kind} {}/{name}", operation.namespace);
        let found = api.get_opt(&name).await.map_err(EngineError::kube(attempt))?;
        Ok::<_, EngineError>(found.filter(|found| operation.owns(&found.metadata)))
    };
    let kind = if operation.is_cron() { "CronJob" } else { "Job" };
    let Some(job) = get("batch/v1", kind, operation.job()).await? else {
        return Ok(());
    };
    let scripts = get("v1", "ConfigMap", config_map(operation)).await?;
    let uid = target.dataset.uid().unwrap_or_default();
    let id = labels::dataset_id(&operation.namespace, &target.dataset.name_any(), &uid);
    let values = of_live(operation, &id, &job, scripts.as_ref());
    let account = values.pointer("/job/spec/template/spec/serviceAccountName");
    let is_users = operation.kind == OperationKind::DataProcess;
    let allowed = Allowed {
        accounts: account.and_then(Value::as_str).filter(|_| is_users).map(str::to_owned),
        secrets: true,
    };
    apply(operations, operation, target, &values, allowed).await
}

/// What the pods of an operation may have besides what its objects name.
struct Allowed {
    /// The account.
    accounts: Option<String>,
    /// Whether they may have any Secret.
    secrets: bool,
}

/// Applies the chart of an operation with these values.
async fn apply(
    operations: &Arc<Operations>,
    operation: &Operation,
    target: &Target,
    values: &Value,
    allowed: Allowed,
) -> Result<(), Problem> {
    let (kind, shared) = (operation.kind, &operations.shared);
    let (namespace, dataset) = (&operation.namespace, target.dataset.name_any());
    let id = labels::dataset_id(namespace, &dataset, &target.dataset.uid().unwrap_or_default());
    let chart = charts::chart(kind).map_err(|source| EngineError::Chart {
        kind: kind.as_str().to_owned(),
        source: Box::new(source),
    })?;
    let (meta, rendered) = render(operations, operation, &chart, values, 1).await?;
    let is_users = kind == OperationKind::DataProcess;
    // A user's pod gets no power over its node that the user might not have.
    let granted = if is_users {
        Powers::default()
    } else {
        powers(&target.plugin)
    };
    let mut theirs = vec![
        serde_json::to_value(&*operation.object).unwrap_or_default(),
        serde_json::to_value(&*target.dataset).unwrap_or_default(),
        target.runtime.object(),
    ];
    // Data is moved between Datasets, whose data sources may need Secrets each.
    for end in ["/spec/from/dataset/name", "/spec/to/dataset/name"] {
        let name = theirs
            .first()
            .and_then(|object| object.pointer(end))
            .and_then(Value::as_str);
        let found = name.and_then(|name| shared.caches.dataset(namespace, name));
        theirs.extend(found.and_then(|dataset| serde_json::to_value(&*dataset).ok()));
    }
    let policy = Policy {
        powers: granted,
        named: Named::of(&theirs),
        secrets: Secrets {
            all: allowed.secrets || (!is_users && target.plugin.grants.secrets),
            ..secrets(&target.plugin)
        },
        accounts: allowed.accounts.into_iter().collect(),
        labels: [(labels::DATASET_ID.to_owned(), id.clone())].into(),
        ..deletion::policy(kind, &operation.object)
    };
    policy
        .admit_release(&rendered)
        .map_err(|source| EngineError::NotGranted {
            release: format!("{namespace}/{}", meta.name),
            source,
        })?;
    if !shared.caches.has_record(namespace, &meta.name) && !operations.has_installed(&operation.object) {
        shared.releases.take_for_absent(namespace, &meta.name);
    }
    operations.note_install(&operation.object);
    let releases = &shared.releases;
    let change = |meta, rendered| Change {
        chart: &chart,
        meta,
        rendered,
        values,
        installer: None,
        policy: &policy,
        workers: None,
        damaged: None,
    };
    let outcome = match releases.install(&change(&meta, &rendered)).boxed().await {
        // An operator that ended has begun with it.
        Err(ReleaseError::Overtaken { next, .. }) => {
            let (meta, rendered) = render(operations, operation, &chart, values, next).await?;
            releases.install(&change(&meta, &rendered)).boxed().await
        }
        outcome => outcome,
    };
    outcome.map(drop).map_err(|source| {
        let wake = operations.waker(kind, operation.key());
        shared
            .releases
            .wake_when_free(&meta.name, &policy, &source, move || wake());
        operations.forget_install(&operation.object);
        let refused = source.is_refusal() && !source.is_taken();
        let error = EngineError::Release {
            release: format!("{namespace}/{}", meta.name),
            source: Box::new(source),
        };
        if refused {
            Problem::from(error)
        } else {
            Problem::Failed(error)
        }
    })
}

/// Renders what an operation runs, as a revision of this number.
async fn render(
    operations: &Operations,
    operation: &Operation,
    chart: &Chart,
    values: &Value,
    revision: u32,
) -> Result<(ReleaseMeta, Rendered), EngineError> {
    let meta = ReleaseMeta {
        name: operation.release(),
        namespace: operation.namespace.clone(),
        revision,
        is_upgrade: false,
    };
    let rendered = operations.shared.renderer.render(chart, &meta, values).await;
    let rendered = rendered.map_err(|source| EngineError::Render {
        release: format!("{}/{}", meta.namespace, meta.name),
        source: Box::new(source),
    })?;
    Ok((meta, rendered))
}
