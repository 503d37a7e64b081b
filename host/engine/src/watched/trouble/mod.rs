//! Why a pod does not run, as far as its status says it.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod, PodStatus};
use wasser_api::text::{bounded, masked};

/// The most bytes of what Kubernetes or a container says.
const SAID: usize = 500;
/// The most lines of what a container says of its end: they can be the last ones of its log.
const LINES: usize = 3;
/// The reason of a pod whose image is not there, whatever the kubelet is doing about it just now.
const IMAGE: &str = "ImagePullBackOff";
/// The reason of a pod with a container that ends again and again, also while it is running.
const CRASH: &str = "CrashLoopBackOff";

/// Why a pod, or a workload that has none, does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// One word of Kubernetes: `Unschedulable`, `ImagePullBackOff`, `FailedMount`.
    pub reason: String,
    /// What Kubernetes or the container says. Passwords in it are masked.
    pub message: String,
    remedy: Option<&'static str>,
}

impl Trouble {
    /// A trouble of this kind.
    pub fn new(reason: &str, message: &str) -> Self {
        let message = masked(message.trim().trim_end_matches(['.', ';'])).replace('\n', " ");
        Self {
            reason: reason.to_owned(),
            message: bounded(&message, SAID).into_owned(),
            remedy: None,
        }
    }

    /// Reads the status of a pod. One that is being deleted has no trouble.
    pub fn of(pod: &Pod) -> Option<Self> {
        let status = pod
            .status
            .as_ref()
            .filter(|_| pod.metadata.deletion_timestamp.is_none())?;
        if status.phase.as_deref() == Some("Failed") {
            let reason = status.reason.as_deref().unwrap_or("Failed");
            return Some(Self::new(reason, status.message.as_deref().unwrap_or_default()));
        }
        let containers = status
            .init_container_statuses
            .iter()
            .chain(&status.container_statuses)
            .flatten();
        unscheduled(status).or_else(|| containers.filter_map(in_container).next())
    }

    /// Whether the pod waits for the scheduler, which may only need a moment more.
    pub fn may_be_over_soon(&self) -> bool {
        matches!(self.reason.as_str(), "Unschedulable" | "SchedulingGated")
    }

    /// Keeps from an earlier look the cause that the kubelet leaves out while it waits for the next
    /// attempt to pull an image.
    pub(crate) fn or_earlier(self, earlier: Option<&Self>) -> Self {
        let names_no_cause = self.reason == IMAGE && self.message.starts_with("Back-off");
        match earlier {
            Some(earlier) if names_no_cause && earlier.reason == IMAGE => earlier.clone(),
            _ => self,
        }
    }

    /// What helps.
    fn remedy(&self) -> &'static str {
        self.remedy.unwrap_or(match self.reason.as_str() {
            "Unschedulable" => {
                "add or free nodes that fit, or correct node selectors, affinities, tolerations and resources, and \
                    then delete the pod"
            }
            "SchedulingGated" => "remove the scheduling gates of the pod",
            IMAGE | "ErrImageNeverPull" => "correct the image or its imagePullSecrets, and then delete the pod",
            "InvalidImageName" => "correct the image, and then delete the pod",
            "CreateContainerConfigError" | "FailedMount" | "FailedAttachVolume" => {
                "create what is missing, or \
                correct what refers to it"
            }
            CRASH => "correct what the container complains of; its log says more",
            "FailedCreate" => "correct what the API server refuses, such as a quota or a policy",
            _ => "`kubectl describe` says more",
        })
    }

    /// Describes the trouble of an object for users: `worker pod demo-worker-0`.
    ///
    /// `others` is how many more pods of the role are in trouble.
    pub fn describe(&self, object: &str, others: usize) -> String {
        let (reason, said) = (&self.reason, &self.message);
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {said}")
        };
        let others = match others {
            0 => String::new(),
            1 => " (and one more pod)".to_owned(),
            others => format!(" (and {others} more pods)"),
        };
        format!("{object}{others}: {reason}{said}; {}", self.remedy())
    }
}

/// What the scheduler says of a pod that has no node.
fn unscheduled(status: &PodStatus) -> Option<Trouble> {
    let condition = status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")?;
    let message = condition.message.as_deref().unwrap_or_default();
    condition.reason.as_deref().map(|reason| Trouble::new(reason, message))
}

/// What keeps a container from running, or has ended it.
fn in_container(container: &ContainerStatus) -> Option<Trouble> {
    let state = container.state.as_ref()?;
    let last = container
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    if let Some(waiting) = &state.waiting {
        let message = waiting.message.as_deref().unwrap_or_default();
        return match waiting.reason.as_deref().unwrap_or_default() {
            // One that ended and is about to be started again is not said to have ended.
            "" | "ContainerCreating" | "PodInitializing" => last.and_then(|last| ended(container, last)),
            CRASH => Some(last.map_or_else(|| Trouble::new(CRASH, message), |last| crashed(container, last))),
            "ErrImagePull" | IMAGE => {
                let cause = message
                    .split_once(": ErrImagePull: ")
                    .map_or(message, |(_, cause)| cause);
                Some(Trouble::new(IMAGE, cause))
            }
            reason => Some(Trouble::new(reason, message)),
        };
    }
    match &state.terminated {
        Some(terminated) => ended(container, terminated),
        None if container.ready => None,
        None => last.and_then(|last| ended(container, last)),
    }
}

/// A container that has ended with a failure.
fn ended(container: &ContainerStatus, terminated: &ContainerStateTerminated) -> Option<Trouble> {
    (terminated.exit_code != 0).then(|| crashed(container, terminated))
}

fn crashed(container: &ContainerStatus, terminated: &ContainerStateTerminated) -> Trouble {
    let reason = terminated.reason.as_deref().unwrap_or_default();
    // `Error` and `Completed` say no more than the exit code does.
    let why = match reason {
        "" | "Error" | "Completed" => String::new(),
        reason => format!(" ({reason})"),
    };
    let message = terminated.message.as_deref().unwrap_or_default();
    let mut lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = lines.split_off(lines.len().saturating_sub(LINES)).join(" | ");
    let said = if said.is_empty() { said } else { format!(": {said}") };
    let mut trouble = Trouble::new(
        CRASH,
        &format!(
            "the container {} ended with exit code {}{why}{said}",
            container.name, terminated.exit_code
        ),
    );
    trouble.remedy = (reason == "OOMKilled").then_some("raise the limit on memory of the container");
    trouble
}

#[cfg(test)]
mod tests;
