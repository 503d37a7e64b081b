//! Hooks: objects that are applied around an installation, an upgrade or a deletion, in the order
//! of their weights.
//!
//! As in Helm, Jobs and Pods are waited for and everything else counts as done once it is there.
//! One difference: where Helm deletes and recreates, for example a ConfigMap (policy
//! `before-hook-creation`, the default), Wasser applies in place, so that nobody finds it missing.
//! Jobs and Pods are recreated, since they would not run again; but those of an attempt that was
//! interrupted go on. A repair, which puts back what somebody has changed, runs no hooks.

use std::time::Duration;

use futures::FutureExt;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::DynamicObject;
use kube::core::NamespaceResourceScope;
use kube::runtime::wait::{await_condition, conditions};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Deserialize as _;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::error::ReleaseError;
use super::immutable::Live;
use super::kinds::Kinds;
use super::ownership::Ownership;
use super::reference::Reference;
use super::{apply, prune, survey};
use crate::hex::hex;
use crate::render::Hook;

/// How long a hook may take, as Helm's `--timeout` by default.
const LIMIT: Duration = Duration::from_secs(300);
/// The annotation of Jobs and Pods that says of which run they are.
const RUN: &str = "wasser.fluid.io/hook-run";

/// Hooks of one release.
pub struct Hooks<'a> {
    /// The API server.
    pub client: &'a Client,
    /// Where kinds are.
    pub kinds: &'a Kinds,
    /// What hooks may be, and whose their objects are.
    pub ownership: Ownership<'a>,
    /// Names what they are run for: see [`attempt`].
    pub attempt: String,
}

/// How a Job or Pod has ended. The error says how it failed.
type Outcome = Result<(), String>;

/// A kind whose objects run to an end.
trait Ending:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + std::fmt::Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl Ending for Job {}
impl Ending for Pod {}

/// A hook and its object.
pub struct Running<'a> {
    /// The hook.
    pub hook: &'a Hook,
    /// Its object.
    pub object: DynamicObject,
    /// Where that is.
    pub reference: Reference,
    display: String,
}

impl Hooks<'_> {
    /// Runs the hooks of an event, one after the other.
    pub async fn run(&self, hooks: &[Hook], event: &'static str) -> Result<(), ReleaseError> {
        let chosen = order(hooks, event);
        let mut done = Vec::new();
        for hook in chosen {
            let mut running = self.read(hook, event)?;
            self.start(&mut running, event).boxed().await?;
            if let Err(message) = self.wait(&running, event).boxed().await? {
                if running.has("hook-failed") {
                    self.delete(&running, event).boxed().await?;
                }
                return Err(ReleaseError::Hook {
                    event,
                    object: running.display,
                    message,
                });
            }
            done.push(running);
        }
        for running in done.iter().rev() {
            if running.has("hook-succeeded") {
                self.delete(running, event).boxed().await?;
            }
        }
        Ok(())
    }

    /// Reads the object of a hook.
    pub fn read<'h>(&self, hook: &'h Hook, event: &'static str) -> Result<Running<'h>, ReleaseError> {
        let failed = |message: String| ReleaseError::Hook {
            event,
            object: format!("{} {}/{}", hook.kind, self.ownership.policy.namespace, hook.name),
            message,
        };
        let object = match &hook.object {
            Some(object) => object.clone(),
            None => DynamicObject::deserialize(yaml_serde::Deserializer::from_str(&hook.manifest))
                .map_err(|error| failed(format!("cannot be read: {error}")))?,
        };
        let reference = Reference::of(&object).ok_or_else(|| failed("has no kind or no name".to_owned()))?;
        let display = reference.describe(&self.ownership.policy.namespace);
        Ok(Running {
            hook,
            object,
            reference,
            display,
        })
    }

    /// Makes the object of a hook. A Job or Pod that an interrupted attempt at the same revision has
    /// made goes on, unless it has failed.
    async fn start(&self, running: &mut Running<'_>, event: &'static str) -> Result<(), ReleaseError> {
        let mut live = survey::one(self.kinds, &self.ownership, &running.reference).await?;
        let run = running.run(&self.attempt, event);
        if running.ends() {
            let is_same = |live: &ObjectMeta| live.annotations.as_ref().and_then(|all| all.get(RUN)) == Some(&run);
            if live.as_ref().is_some_and(is_same) && !self.has_failed(running, event).await? {
                return Ok(());
            }
            running.object.annotations_mut().insert(RUN.to_owned(), run);
        }
        // One of another run that has ended would count as done.
        if running.ends()
            && live.is_some()
            && (running.has("before-hook-creation") || self.has_ended(running, event).await?)
            && let Some(earlier) = live.take()
        {
            self.delete_this(running, earlier, event).await?;
        }
        let live = live.map(Live::without_immutables);
        let Some(prepared) = apply::prepare(&running.object, &self.ownership, live.as_ref(), &[], None) else {
            return Ok(());
        };
        apply::one(self.kinds, &self.ownership, prepared).await.map(drop)
    }

    /// Whether a Job or Pod that is there has failed, or is gone by now.
    async fn has_failed(&self, running: &Running<'_>, event: &'static str) -> Result<bool, ReleaseError> {
        let outcome = self.outcome(running, event).await?;
        Ok(outcome.is_none_or(|outcome| matches!(outcome, Some(Err(_)))))
    }

    /// Whether a Job or Pod that is there has ended.
    async fn has_ended(&self, running: &Running<'_>, event: &'static str) -> Result<bool, ReleaseError> {
        Ok(self.outcome(running, event).await?.flatten().is_some())
    }

    /// How a Job or Pod has ended, if it has; none if it is not there.
    async fn outcome(
        &self,
        running: &Running<'_>,
        event: &'static str,
    ) -> Result<Option<Option<Outcome>>, ReleaseError> {
        let found = match running.key() {
            ("batch", "Job") => self.found(running, job_outcome).await,
            _ => self.found(running, pod_outcome).await,
        };
        found.map_err(|error| ReleaseError::Hook {
            event,
            object: running.display.clone(),
            message: format!("cannot be looked at: {error}"),
        })
    }

    async fn found<K: Ending>(
        &self,
        running: &Running<'_>,
        outcome: fn(&K) -> Option<Outcome>,
    ) -> Result<Option<Option<Outcome>>, kube::Error> {
        let found = self.api::<K>().get_opt(&running.reference.name).await?;
        Ok(found.as_ref().map(outcome))
    }

    /// Waits for a Job or Pod. The inner error says how it failed.
    async fn wait(&self, running: &Running<'_>, event: &'static str) -> Result<Outcome, ReleaseError> {
        match running.key() {
            ("batch", "Job") => self.end(running, event, job_outcome).boxed().await,
            ("", "Pod") => self.end(running, event, pod_outcome).boxed().await,
            _ => Ok(Ok(())),
        }
    }

    async fn end<K: Ending>(
        &self,
        running: &Running<'_>,
        event: &'static str,
        outcome: fn(&K) -> Option<Outcome>,
    ) -> Result<Outcome, ReleaseError> {
        let ended = |found: Option<&K>| found.is_none_or(|found| outcome(found).is_some());
        let waiting = await_condition(self.api::<K>(), &running.reference.name, ended).boxed();
        let found = bounded(waiting, event, running).await?;
        let outcome = found.as_ref().and_then(outcome);
        Ok(outcome.unwrap_or_else(|| Err("was deleted while it ran".to_owned())))
    }

    fn api<K: Ending>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.ownership.policy.namespace)
    }

    /// Deletes a hook's object.
    async fn delete(&self, running: &Running<'_>, event: &'static str) -> Result<(), ReleaseError> {
        match survey::one(self.kinds, &self.ownership, &running.reference).await {
            Ok(Some(found)) => self.delete_this(running, found, event).await,
            Ok(None) | Err(ReleaseError::Taken { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes the object that was found, and waits until a Job or Pod is gone so that the next can
    /// have its name.
    async fn delete_this(
        &self,
        running: &Running<'_>,
        found: ObjectMeta,
        event: &'static str,
    ) -> Result<(), ReleaseError> {
        let namespace = &self.ownership.policy.namespace;
        prune::same(self.kinds, namespace, &running.reference, found.uid.clone()).await?;
        let uid = found.uid.unwrap_or_default();
        match running.key() {
            ("batch", "Job") => self.gone::<Job>(running, event, &uid).await,
            ("", "Pod") => self.gone::<Pod>(running, event, &uid).await,
            _ => Ok(()),
        }
    }

    async fn gone<K: Ending>(&self, running: &Running<'_>, event: &'static str, uid: &str) -> Result<(), ReleaseError> {
        let waiting = await_condition(self.api::<K>(), &running.reference.name, conditions::is_deleted(uid));
        bounded(waiting, event, running).await.map(drop)
    }
}

impl Running<'_> {
    fn key(&self) -> (&str, &str) {
        (&self.reference.gvk.group, &self.reference.gvk.kind)
    }

    /// Names one run of it, whoever makes the attempt.
    fn run(&self, attempt: &str, event: &str) -> String {
        let digest = Sha256::new()
            .chain_update(attempt)
            .chain_update(event)
            .chain_update(&self.hook.manifest);
        let mut run = hex(&digest.finalize());
        run.truncate(32);
        run
    }

    /// Whether it runs to an end.
    fn ends(&self) -> bool {
        matches!(self.key(), ("batch", "Job") | ("", "Pod"))
    }

    fn has(&self, policy: &str) -> bool {
        let policies = &self.hook.delete_policies;
        policies.iter().any(|own| own == policy) || (policies.is_empty() && policy == "before-hook-creation")
    }
}

/// Names the number of a revision, its values and the version of its chart. A hook may use other
/// objects, such as a ConfigMap, that other values change.
pub fn attempt(revision: u32, (values, chart): (&Value, &str)) -> String {
    let digest = Sha256::new()
        .chain_update(revision.to_be_bytes())
        .chain_update(values.to_string())
        .chain_update(chart);
    hex(&digest.finalize())
}

/// The hooks of an event by weight, then by name.
pub fn order<'a>(hooks: &'a [Hook], event: &str) -> Vec<&'a Hook> {
    let mut chosen: Vec<&Hook> = hooks
        .iter()
        .filter(|hook| hook.events.iter().any(|own| own == event))
        .collect();
    chosen.sort_by(|a, b| (a.weight, &a.name).cmp(&(b.weight, &b.name)));
    chosen
}

fn job_outcome(job: &Job) -> Option<Outcome> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions
        .iter()
        .filter(|condition| condition.status == "True")
        .find_map(|condition| match condition.type_.as_str() {
            "Complete" => Some(Ok(())),
            "Failed" => Some(Err(format!(
                "failed: {}",
                condition.message.as_deref().unwrap_or("see the log of its pod")
            ))),
            _ => None,
        })
}

fn pod_outcome(pod: &Pod) -> Option<Outcome> {
    match pod.status.as_ref()?.phase.as_deref()? {
        "Succeeded" => Some(Ok(())),
        "Failed" => Some(Err("failed; see its log".to_owned())),
        _ => None,
    }
}

async fn bounded<T>(
    wait: impl Future<Output = Result<T, kube::runtime::wait::Error>>,
    event: &'static str,
    running: &Running<'_>,
) -> Result<T, ReleaseError> {
    let failed = |message: String| ReleaseError::Hook {
        event,
        object: running.display.clone(),
        message,
    };
    let limit = LIMIT.as_secs();
    let outcome = tokio::time::timeout(LIMIT, wait)
        .await
        .map_err(|_| failed(format!("did not end within {limit} s")))?;
    outcome.map_err(|error| failed(format!("could not be watched: {error}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hook(name: &str, event: &str, weight: i32) -> Hook {
        Hook {
            name: name.to_owned(),
            events: vec![event.to_owned()],
            weight,
            ..Hook::default()
        }
    }

    #[test]
    fn other_values_are_another_attempt() {
        let of = |revision, values, chart| attempt(revision, (&values, chart));
        let one = of(2, json!({"a": 1}), "1.0.0");
        assert_eq!(one, of(2, json!({"a": 1}), "1.0.0"));
        let others = [
            of(3, json!({"a": 1}), "1.0.0"),
            of(2, json!({"a": 2}), "1.0.0"),
            of(2, json!({"a": 1}), "1.0.1"),
        ];
        assert!(!others.contains(&one));
    }

    #[test]
    fn hooks_of_an_event_come_by_weight_then_name() {
        let hooks = [
            hook("b", "pre-install", 0),
            hook("late", "pre-install", 5),
            hook("a", "pre-install", 0),
            hook("other", "post-install", -9),
        ];
        let names: Vec<_> = order(&hooks, "pre-install")
            .iter()
            .map(|hook| hook.name.as_str())
            .collect();
        assert_eq!(names, ["a", "b", "late"]);
    }

    #[test]
    fn the_end_of_jobs_and_pods_is_told() {
        let job = |status: serde_json::Value| {
            job_outcome(&serde_json::from_value(json!({"metadata": {}, "status": status})).unwrap())
        };
        assert_eq!(job(json!({"active": 1})), None);
        assert_eq!(
            job(json!({"conditions": [{"type": "Complete", "status": "False"}]})),
            None
        );
        let met = json!([{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}]);
        assert_eq!(job(json!({"conditions": met})), Some(Ok(())));
        let failed = json!([{"type": "Failed", "status": "True", "message": "BackoffLimitExceeded"}]);
        assert_eq!(
            job(json!({"conditions": failed})),
            Some(Err("failed: BackoffLimitExceeded".to_owned()))
        );

        let pod = |phase: &str| {
            let pod = json!({"metadata": {}, "status": {"phase": phase}});
            pod_outcome(&serde_json::from_value(pod).unwrap()).map(|outcome| outcome.is_ok())
        };
        assert_eq!(
            (pod("Running"), pod("Succeeded"), pod("Failed")),
            (None, Some(true), Some(false))
        );
    }
}
