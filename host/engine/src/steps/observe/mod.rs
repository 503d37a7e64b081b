//! Why pods of a runtime do not run: what their statuses say and, where those say nothing, the
//! newest event of the pod or of the workload that has none.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::ListParams;

use crate::request::Request;
use crate::request::roles::{RoleState, RoleTrouble};
use crate::watched::pods::PodInfo;
use crate::watched::trouble::Trouble;

/// How long the scheduler may need.
const SCHEDULING: Duration = Duration::from_secs(5);
/// How long a pod may be missing, or without its containers.
const CREATING: Duration = Duration::from_secs(10);
/// How long containers may run before they are ready.
const STARTING: Duration = Duration::from_secs(30);
/// How long a role may be without a ready pod.
const IDLE: Duration = Duration::from_secs(15);
/// How many events of one object are read.
const EVENTS: u32 = 100;

/// Something that is wrong with a role once it has lasted for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// By what the time is kept.
    key: String,
    /// How long it may last.
    grace: Duration,
    /// The object, for users: `worker pod demo-worker-0`.
    object: String,
    cause: Cause,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Cause {
    /// The pod's status says it; so many other pods have one as well.
    Known(Trouble, usize),
    /// The events of the object with this UID may say it.
    Unknown(String),
}

/// Looks at the pods of a role. `uid` is that of its workload.
fn examine(state: &RoleState, uid: Option<&str>, pods: &[PodInfo]) -> Option<Finding> {
    let role = &state.role.name;
    let grace = |trouble: &Trouble| {
        if trouble.may_be_over_soon() {
            SCHEDULING
        } else {
            Duration::ZERO
        }
    };
    let troubled = || pods.iter().filter_map(|pod| Some((pod, pod.trouble.as_ref()?)));
    if let Some((pod, trouble)) = troubled().min_by_key(|(_, trouble)| grace(trouble)) {
        return Some(Finding {
            key: format!("{}/{}", pod.uid, trouble.reason),
            grace: grace(trouble),
            object: format!("{role} pod {}", pod.name),
            cause: Cause::Known(trouble.clone(), troubled().count() - 1),
        });
    }
    let unready = pods.iter().find(|pod| !pod.ready && !pod.deleting);
    if let Some(pod) = unready {
        return Some(Finding {
            key: pod.uid.clone(),
            grace: if pod.started_at == 0 { CREATING } else { STARTING },
            object: format!("{role} pod {}", pod.name),
            cause: Cause::Unknown(pod.uid.clone()),
        });
    }
    let present = pods.iter().filter(|pod| !pod.deleting).count();
    let uid = uid.filter(|_| state.exists && i32::try_from(present).is_ok_and(|present| present < state.desired))?;
    // A StatefulSet waits for the pod of the same name.
    if let Some(pod) = pods.iter().find(|pod| pod.deleting) {
        return Some(Finding {
            key: format!("{}/deleted", pod.uid),
            grace: STARTING,
            object: format!("{role} pod {}", pod.name),
            cause: Cause::Known(Trouble::new("Terminating", "it is still being deleted"), 0),
        });
    }
    // The watch of pods may be behind that of workloads, or the pods may not be watched.
    if state.current >= state.desired {
        return None;
    }
    Some(Finding {
        key: uid.to_owned(),
        grace: CREATING,
        object: format!("{role} {} {}", state.role.workload, state.workload),
        cause: Cause::Unknown(uid.to_owned()),
    })
}

/// The trouble that the newest event reports. An older warning is no longer true.
fn newest(events: &[Event]) -> Option<Trouble> {
    let is_warning = |event: &Event| event.type_.as_deref() == Some("Warning");
    let newest = events.iter().max_by_key(|event| (time(event), is_warning(event)))?;
    let reason = newest.reason.as_deref().filter(|_| is_warning(newest))?;
    Some(Trouble::new(reason, newest.note.as_deref().unwrap_or_default()))
}

/// When an event happened last.
fn time(event: &Event) -> Option<Timestamp> {
    let repeated = event.series.as_ref().map(|series| series.last_observed_time.0);
    let last = event.deprecated_last_timestamp.as_ref().map(|time| time.0);
    let first = event.event_time.as_ref().map(|time| time.0);
    repeated.max(last).max(first)
}

impl Request {
    /// Looks at the pods of all roles, and notes those that do not run.
    pub async fn observe_pods(&mut self) {
        let now = Instant::now();
        let (mut waits, mut troubles) = (BTreeSet::new(), Vec::new());
        for state in self.roles.clone() {
            let finding = examine(&state, state.uid.as_deref(), &self.pods_of(&state));
            let described = match finding {
                Some(finding) => self.consider(finding, &mut waits, now).await,
                None => None,
            };
            let role = state.role.name.clone();
            troubles.extend(described.map(|(reason, text)| RoleTrouble { role, reason, text }));
            if is_idle(&state) {
                waits.insert(idle_key(&state));
                self.shared.unready.age(&self.uid, &idle_key(&state), now);
            }
        }
        self.shared.unready.keep(&self.uid, &waits);
        self.troubles = troubles;
    }

    /// The pods of a role as the watches show them.
    pub(crate) fn pods_of(&self, state: &RoleState) -> Vec<PodInfo> {
        let pods = |uid: &String| {
            self.shared
                .caches
                .pods_of(&self.identity.namespace, &state.workload, uid)
        };
        state.uid.as_ref().map(pods).unwrap_or_default()
    }

    /// The trouble of a role.
    pub(crate) fn trouble(&self, role: &str) -> Option<&RoleTrouble> {
        self.troubles.iter().find(|trouble| trouble.role == role)
    }

    /// Whether a role that has no ready pod may still be without one: for a moment, if nothing else
    /// is known.
    pub(crate) fn may_be_idle(&mut self, state: &RoleState) -> bool {
        let age = self.shared.unready.age(&self.uid, &idle_key(state), Instant::now());
        let rest = IDLE.saturating_sub(age);
        let may = self.trouble(&state.role.name).is_none() && rest > Duration::ZERO;
        if may {
            self.look_again_in(rest);
        }
        may
    }

    /// The reason and the text of a finding that has lasted.
    async fn consider(
        &mut self,
        finding: Finding,
        waits: &mut BTreeSet<String>,
        now: Instant,
    ) -> Option<(String, String)> {
        let Finding {
            key,
            grace,
            object,
            cause,
        } = finding;
        waits.insert(key.clone());
        let rest = grace.saturating_sub(self.shared.unready.age(&self.uid, &key, now));
        if rest > Duration::ZERO {
            self.look_again_in(rest);
            return None;
        }
        let uid = match cause {
            Cause::Known(trouble, others) => return Some((trouble.reason.clone(), trouble.describe(&object, others))),
            Cause::Unknown(uid) => uid,
        };
        if self.shared.unready.is_due(&self.uid, &key, now) {
            match self.newest_event(&uid).await {
                Ok(found) => self.shared.unready.found(&self.uid, &key, found),
                Err(error) => {
                    tracing::debug!(runtime = self.identity.display(), object, %error, "its events could not be read")
                }
            }
        }
        let (said, again) = self.shared.unready.said(&self.uid, &key, now);
        self.look_again_in(again);
        said.map(|trouble| (trouble.reason.clone(), trouble.describe(&object, 0)))
    }

    async fn newest_event(&self, uid: &str) -> kube::Result<Option<Trouble>> {
        let api = Api::<Event>::namespaced(self.shared.client.clone(), &self.identity.namespace);
        let of_object = ListParams::default()
            .fields(&format!("regarding.uid={uid}"))
            .limit(EVENTS);
        Ok(newest(&api.list(&of_object).await?.items))
    }
}

fn is_idle(state: &RoleState) -> bool {
    state.exists && state.fails_dataset()
}

fn idle_key(state: &RoleState) -> String {
    format!("idle/{}", state.role.name)
}

#[cfg(test)]
mod tests;
