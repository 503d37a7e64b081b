//! Stopping what an operation runs. Its Job is gone once its pods are, and not before: until then they
//! read and write.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::batch::v1::{CronJob, Job, JobSpec};
use kube::api::{DeleteParams, DynamicObject, Preconditions};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use wasser_api::ObjectKey;
use wasser_api::operations::OperationKind;
use wasser_engine::operations::run::{self, Run};
use wasser_engine::{EngineError, OrGone, Owner, Shared};

use super::all::Operations;

/// The wait for pods that end.
const PODS: &str = "pods";
/// Seconds that the pods of a Job may take beyond those that they are given for their end. Those on a node
/// that is cut off do not end before it is back.
const CUT_OFF: u64 = 60;
/// Seconds that Kubernetes gives pods that say nothing else.
const GRACE: u64 = 30;
/// When to look again at pods that end. The watch of Jobs tells sooner.
const ENDING: Duration = Duration::from_secs(5);

/// Deletes the Job or the CronJob of an operation. Returns when to look again if its pods still end.
///
/// # Errors
/// A request fails.
pub async fn stop(
    operations: &Operations,
    kind: OperationKind,
    object: &DynamicObject,
) -> Result<Option<Duration>, EngineError> {
    let ObjectKey { namespace, name } = ObjectKey::of(object);
    let (shared, job_name, release) = (&operations.shared, kind.job(&name), kind.release(&name));
    let uid = object.uid().unwrap_or_default();
    let owner = Owner {
        namespace: &namespace,
        name: &release,
        uid: &uid,
    };
    let mut pause = None;
    let schedule = operations.cron_job(&namespace, &job_name);
    if let Some(schedule) = schedule.filter(|found| owner.owns(&found.metadata)) {
        let newest = operations.newest_job(&schedule);
        let is_active = newest.is_some_and(|job| is_active(&job));
        let spec = schedule.spec.as_ref().and_then(|spec| spec.job_template.spec.as_ref());
        let api = Api::<CronJob>::namespaced(shared.client.clone(), &namespace);
        pause = delete(shared, &api, &*schedule, is_active, grace(spec)).await?;
    }
    let mut job = operations.job(&namespace, &job_name);
    let api = Api::<Job>::namespaced(shared.client.clone(), &namespace);
    if job.is_none() && operations.has_installed(object) {
        // No watch need have shown it.
        let attempt = format!("looking for the Job {namespace}/{job_name}");
        let found = api.get_opt(&job_name).await.map_err(EngineError::kube(attempt))?;
        job = found.map(Into::into);
    }
    if let Some(job) = job.filter(|found| owner.owns(&found.metadata)) {
        pause = delete(shared, &api, &*job, is_active(&job), grace(job.spec.as_ref())).await?;
    }
    Ok(pause)
}

/// Deletes an object and waits for its pods, if there are any that run.
async fn delete<K>(
    shared: &Shared,
    api: &Api<K>,
    found: &K,
    is_active: bool,
    grace: u64,
) -> Result<Option<Duration>, EngineError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let is_ending = found.meta().deletion_timestamp.is_some();
    let rest = is_ending.then(|| rest(shared.waited(&found.uid().unwrap_or_default(), PODS), grace));
    let params = match rest {
        Some(Some(rest)) => return Ok(Some(rest)),
        // The name is free, and the pods end without anybody who waits for them.
        Some(None) => DeleteParams::background(),
        None if is_active => DeleteParams::foreground(),
        None => DeleteParams::background(),
    };
    let only = Preconditions {
        uid: found.uid(),
        resource_version: None,
    };
    let attempt = format!("deleting {} {}", K::kind(&()), ObjectKey::of(found));
    let deleted = api.delete(&found.name_any(), &params.preconditions(only)).await;
    let deleted = deleted.or_another().map_err(EngineError::kube(attempt))?;
    let ends = deleted.is_some_and(|deleted| deleted.is_left());
    Ok((ends && is_active && rest.is_none()).then_some(ENDING))
}

fn is_active(job: &Job) -> bool {
    matches!(run::of(job), Run::Active { .. })
}

/// Seconds that the pods of a Job are given for their end.
fn grace(spec: Option<&JobSpec>) -> u64 {
    let own = spec.and_then(|spec| spec.template.spec.as_ref()?.termination_grace_period_seconds);
    own.map_or(GRACE, |own| u64::try_from(own).unwrap_or_default())
}

/// Returns when to look again at pods that were waited for this long. None if they need not be waited for
/// any longer.
fn rest(waited: Duration, grace: u64) -> Option<Duration> {
    let rest = Duration::from_secs(grace.saturating_add(CUT_OFF)).saturating_sub(waited);
    (!rest.is_zero()).then(|| rest.min(ENDING))
}

/// Forgets how long the pods of a Job or CronJob were waited for, which is gone.
pub fn forget(shared: &Shared, uid: &str) {
    shared.wait_is_over(uid, PODS);
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::just_begun(0, 30, Some(5))]
    #[case::about_to_be_over(88, 30, Some(2))]
    #[case::cut_off(90, 30, None)]
    #[case::long_grace(90, 600, Some(5))]
    #[case::absurd_grace(90, u64::MAX, Some(5))]
    fn pods_are_waited_for_as_long_as_they_may_take(
        #[case] waited: u64,
        #[case] grace: u64,
        #[case] expected: Option<u64>,
    ) {
        assert_eq!(
            rest(Duration::from_secs(waited), grace),
            expected.map(Duration::from_secs)
        );
    }
}
