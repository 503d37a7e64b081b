//! Why a step of a reconcile ended, whether to try again, and what the user reads.

use std::time::Duration;

use wasser_chart::{ChartError, Problem, ReleaseError, RenderError, Violation, is_conflict, is_outage};
use wasser_plugin::CallError;

/// How often a runtime is looked at that waits for its turn.
const TURN: Duration = Duration::from_secs(120);

/// What the controller does after a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Only a change of an object can help; there is no retry.
    AwaitChange,
    /// Try again after this time.
    After(Duration),
    /// What was read is no longer current: try again soon, and with growing delays if the watches are
    /// late.
    Conflict,
    /// Try again with growing delays.
    Backoff,
}

/// A failed step. The message is what users read in events and conditions.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The user's object cannot work as it is.
    #[error("{field}: {message}")]
    InvalidSpec {
        /// Path of the field, starting at the kind.
        field: String,
        /// What is wrong, and the remedy.
        message: String,
    },
    /// The Dataset belongs to another runtime.
    #[error("{field}: {message}")]
    Taken {
        /// Path of the field, starting at the kind.
        field: String,
        /// Whose it is, and the remedy.
        message: String,
    },
    /// The API server has refused the same a short while ago.
    #[error("{message}")]
    StillRefused {
        /// What it said then.
        message: String,
    },
    /// Something that the user's object refers to is not there, and nothing tells when it comes.
    #[error("{field}: {message}")]
    Missing {
        /// Path of the field that refers to it.
        field: String,
        /// What is missing, and the remedy.
        message: String,
        /// When to look again.
        after: Duration,
    },
    /// Pods use a volume that does not lead to what the clients mount by now.
    #[error("PersistentVolume {volume}: {message}")]
    OutdatedVolume {
        /// Its name.
        volume: String,
        /// How it differs, and the remedy.
        message: String,
        /// When to look again.
        after: Duration,
    },
    /// Something is expected to change soon.
    #[error("{message}")]
    NotYet {
        /// When to look again.
        after: Duration,
        /// What is being waited for.
        message: String,
    },
    /// The plugin answered that the attempt failed.
    #[error("{method} failed: {message}")]
    Failed {
        /// The method, as `docs/template-engine.md` lists it.
        method: &'static str,
        /// The plugin's words.
        message: String,
    },
    /// The system does not work, by its workloads or by the plugin's word.
    #[error("check-runtime-healthy failed: {message}")]
    Unhealthy {
        /// Which part does not work, and why if that is known.
        message: String,
    },
    /// The plugin itself failed: a trap, a limit, or an answer that is not valid.
    #[error("the plugin for {kind} failed: {source}")]
    Plugin {
        /// The kind that the plugin serves.
        kind: String,
        /// What happened.
        source: Box<CallError>,
    },
    /// The chart cannot be read.
    #[error("the chart of the plugin for {kind} cannot be used: {source}")]
    Chart {
        /// The kind that the plugin serves.
        kind: String,
        /// What is wrong with it.
        source: Box<ChartError>,
    },
    /// The chart did not render.
    #[error("rendering the chart of {release} failed: {source}; {}", remedy(.source))]
    Render {
        /// Namespace and name of the release.
        release: String,
        /// Helm's words.
        source: Box<RenderError>,
    },
    /// The chart rendered something that the plugin may not have.
    #[error("the chart of {release} asks for what is not granted: {source}")]
    NotGranted {
        /// Namespace and name of the release.
        release: String,
        /// Which object, and which grant.
        source: Violation,
    },
    /// Pods would get from a record that somebody else has written what nothing else gives them.
    #[error(
        "the release {release} is not upgraded: its Helm record {record} was not written by this installation, and \
            only there is said what pods would get ({asked}); if that is right, name it in the {kind}; if not, \
            delete the record, and the release is made from the {kind} and the Dataset alone"
    )]
    Unsigned {
        /// Namespace and name of the release.
        release: String,
        /// Name of the record.
        record: String,
        /// The kind of the runtime.
        kind: String,
        /// Which fields of which pods.
        asked: String,
    },
    /// Installing, upgrading or removing the release failed.
    #[error("the release {release} could not be applied: {source}")]
    Release {
        /// Namespace and name of the release.
        release: String,
        /// Which request, and the answer.
        source: Box<ReleaseError>,
    },
    /// The plugin answers with other values as soon as its values are installed, so that there
    /// would be no end of upgrades.
    #[error(
        "the release {release} is not upgraded: once its values are installed, the plugin {plugin} asks for others \
            at {paths}; correct the \
         plugin: for the same runtime, `desired` must keep what `installed` has"
    )]
    Unsettled {
        /// Namespace and name of the release.
        release: String,
        /// Namespace and name of the plugin's registration.
        plugin: String,
        /// Where the values differ.
        paths: String,
    },
    /// The release was upgraded too often without a cause.
    #[error(
        "the release {release} was upgraded too often without a change of the runtime, the Dataset, the plugin or what \
        it reads, and is left as it is for a while: {reason}"
    )]
    Repeated {
        /// Namespace and name of the release.
        release: String,
        /// Which values differ or which objects are missing, and the remedy.
        reason: String,
        /// The rest of the pause.
        after: Duration,
    },
    /// Another build of the plugin wants other values, and reaches other releases first.
    #[error(
        "the release {release} is not upgraded yet: another build of the plugin {plugin} comes to some releases first, \
            and to more once those are seen to work; the annotation wasser.fluid.io/rollout of its registration says \
            how far it is"
    )]
    AwaitsTurn {
        /// Namespace and name of the release.
        release: String,
        /// Name of the plugin's registration.
        plugin: String,
    },
    /// A request to the API server failed.
    #[error("{attempt} failed: {source}")]
    Kube {
        /// What was tried, on which object.
        attempt: String,
        /// The answer.
        source: Box<kube::Error>,
    },
}

impl EngineError {
    /// A failed request, with what was tried: `creating PersistentVolume default-demo`.
    pub fn kube(attempt: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let attempt = attempt.into();
        move |source| Self::Kube {
            attempt,
            source: Box::new(source),
        }
    }

    /// Whether and when the step is worth another try.
    pub fn retry(&self) -> Retry {
        match self {
            Self::InvalidSpec { .. }
            | Self::Taken { .. }
            | Self::StillRefused { .. }
            | Self::Chart { .. }
            | Self::NotGranted { .. }
            | Self::Unsigned { .. } => Retry::AwaitChange,
            Self::Render { source, .. } if source.is_passing() => Retry::Backoff,
            Self::Render { .. } => Retry::AwaitChange,
            Self::NotYet { after, .. }
            | Self::Missing { after, .. }
            | Self::OutdatedVolume { after, .. }
            | Self::Repeated { after, .. } => Retry::After(*after),
            // Whoever makes room wakes it.
            Self::AwaitsTurn { .. } => Retry::After(TURN),
            conflict if is_conflict_of(conflict) => Retry::Conflict,
            Self::Release { source, .. } if source.is_refusal() => Retry::AwaitChange,
            Self::Failed { .. }
            | Self::Unhealthy { .. }
            | Self::Plugin { .. }
            | Self::Unsettled { .. }
            | Self::Release { .. }
            | Self::Kube { .. } => Retry::Backoff,
        }
    }

    /// Whether the user's object or the chart has to change before another try makes sense.
    pub fn is_refusal(&self) -> bool {
        self.retry() == Retry::AwaitChange
    }

    /// Whether the API server refuses what the release is to become, for good or for a while.
    pub fn refuses_release(&self) -> bool {
        matches!(self, Self::Release { source, .. } if source.is_refusal() || source.is_denied())
    }

    /// Whether a container with powers over its node would run an image that nobody has named.
    pub fn is_about_image(&self) -> bool {
        matches!(self, Self::NotGranted { source, .. } if matches!(source.problem, Problem::Image { .. }))
    }

    /// Whether a pod would have a Secret that nobody has named.
    pub fn is_about_secret(&self) -> bool {
        matches!(self, Self::NotGranted { source, .. } if matches!(source.problem, Problem::Secret { .. }))
    }

    /// Whether the API server did not answer, or could not. It is the same for all objects, and
    /// passes.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Kube { source, .. } => is_outage(source),
            _ => false,
        }
    }

    /// A short name for metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::InvalidSpec { .. } => "invalid_spec",
            Self::Taken { .. } => "invalid_spec",
            Self::StillRefused { .. } => "release",
            Self::Missing { .. } => "missing",
            Self::OutdatedVolume { .. } => "outdated_volume",
            Self::NotYet { .. } => "not_yet",
            Self::Failed { .. } => "failed",
            Self::Unhealthy { .. } => "unhealthy",
            Self::Plugin { .. } => "plugin",
            Self::Chart { .. } => "chart",
            Self::Render { .. } => "render",
            Self::NotGranted { .. } => "not_granted",
            Self::Unsigned { .. } => "not_granted",
            Self::Release { .. } => "release",
            Self::Unsettled { .. } => "unsettled",
            Self::Repeated { .. } => "repeated",
            Self::AwaitsTurn { .. } => "awaits_turn",
            Self::Kube { .. } => "kube",
        }
    }

    /// Whether the release is left as it is on purpose, so that what is installed can be attended
    /// to.
    pub fn leaves_release(&self) -> bool {
        matches!(
            self,
            Self::Unsettled { .. } | Self::Repeated { .. } | Self::AwaitsTurn { .. }
        )
    }

    /// Whether nothing is wrong, and something is waited for.
    pub fn is_wait(&self) -> bool {
        matches!(self, Self::NotYet { .. } | Self::AwaitsTurn { .. })
    }
}

/// What to do about a chart that did not render.
fn remedy(source: &RenderError) -> &'static str {
    if source.is_passing() {
        "it is tried again; if it goes on, correct the chart of the plugin"
    } else {
        "correct the values that the manifest leads to, or the chart of the plugin"
    }
}

/// Whether a step failed only because what it read was no longer current.
pub fn is_conflict_of(error: &EngineError) -> bool {
    match error {
        EngineError::Kube { source, .. } => is_conflict(source),
        EngineError::Release { source, .. } => source.is_overtaken(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use wasser_chart::TemplateError;

    use super::*;

    fn template() -> RenderError {
        RenderError::Template(TemplateError {
            chart: "demo".to_owned(),
            file: None,
            line: None,
            message: "no such value".to_owned(),
        })
    }

    #[rstest]
    #[case::chart(RenderError::Chart(ChartError { message: "no".to_owned() }), Retry::AwaitChange, "correct the values")]
    #[case::template(template(), Retry::AwaitChange, "correct the values")]
    #[case::slow(RenderError::Deadline { chart: "demo".to_owned(), limit: Duration::from_secs(10) }, Retry::Backoff,
        "it is tried again")]
    #[case::memory(RenderError::Crashed { chart: "demo".to_owned(), message: "no memory".to_owned() }, Retry::Backoff,
        "it is tried again")]
    #[case::thread(RenderError::Engine { message: "starting a thread: EAGAIN".to_owned() }, Retry::Backoff,
        "it is tried again")]
    fn a_render_that_the_machine_failed_is_tried_again(
        #[case] source: RenderError,
        #[case] retry: Retry,
        #[case] remedy: &str,
    ) {
        let error = EngineError::Render {
            release: "default/demo".to_owned(),
            source: Box::new(source),
        };
        assert_eq!(error.retry(), retry);
        assert!(error.to_string().contains(remedy), "{error}");
    }
}
