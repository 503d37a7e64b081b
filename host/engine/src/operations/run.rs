//! What a Job says about the run of an operation.

use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::jiff::Timestamp;
use wasser_api::k8s::Time;
use wasser_api::operations::OperationCondition;
use wasser_api::text;

/// How far the run of a Job is.
#[derive(Debug, Clone, PartialEq)]
pub enum Run {
    /// It goes on.
    Active {
        /// Pods that have succeeded.
        succeeded: i32,
        /// Pods that have to succeed.
        wanted: i32,
        /// Pods that have failed, and were or will be replaced.
        failed: i32,
    },
    /// It has ended.
    Ended {
        /// Whether it has succeeded.
        complete: bool,
        /// The condition of the operation.
        condition: OperationCondition,
        /// How long it took.
        duration: String,
        /// The same in seconds.
        seconds: i64,
    },
}

/// Reads a Job.
pub fn of(job: &Job) -> Run {
    let status = job.status.clone().unwrap_or_default();
    let conditions = status.conditions.unwrap_or_default();
    let ended = conditions
        .iter()
        .find(|condition| condition.status == "True" && (condition.type_ == "Complete" || condition.type_ == "Failed"));
    let Some(found) = ended else {
        return Run::Active {
            succeeded: status.succeeded.unwrap_or_default(),
            wanted: job.spec.as_ref().and_then(|spec| spec.completions).unwrap_or(1),
            failed: status.failed.unwrap_or_default(),
        };
    };
    let created = job.metadata.creation_timestamp.as_ref();
    let at = found.last_transition_time.as_ref();
    let seconds = match (created, at) {
        (Some(from), Some(to)) => (to.0.as_second() - from.0.as_second()).max(0),
        _ => 0,
    };
    Run::Ended {
        complete: found.type_ == "Complete",
        condition: condition(found),
        duration: duration(seconds),
        seconds,
    }
}

fn condition(found: &JobCondition) -> OperationCondition {
    OperationCondition {
        condition_type: found.type_.clone(),
        status: found.status.clone(),
        reason: found.reason.clone(),
        message: found.message.as_deref().map(text::shown),
        last_probe_time: found.last_probe_time.clone(),
        last_transition_time: found
            .last_transition_time
            .clone()
            .or_else(|| Some(Time(Timestamp::now()))),
    }
}

/// Returns a number of seconds as people read it: `42s`, `3m12s`, `2h5m`, `1d3h`.
pub fn duration(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let two = |large: i64, letter: char, small: i64, other: char| {
        if small == 0 {
            format!("{large}{letter}")
        } else {
            format!("{large}{letter}{small}{other}")
        }
    };
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => two(seconds / 60, 'm', seconds % 60, 's'),
        3600..86_400 => two(seconds / 3600, 'h', seconds % 3600 / 60, 'm'),
        _ => two(seconds / 86_400, 'd', seconds % 86_400 / 3600, 'h'),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn job(status: Value) -> Job {
        serde_json::from_value(json!({
            "metadata": {"creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {"completions": 2, "template": {}},
            "status": status,
        }))
        .unwrap()
    }

    #[rstest]
    #[case(0, "0s")]
    #[case(-3, "0s")]
    #[case(42, "42s")]
    #[case(60, "1m")]
    #[case(192, "3m12s")]
    #[case(7500, "2h5m")]
    #[case(97_200, "1d3h")]
    fn durations_are_for_people(#[case] seconds: i64, #[case] text: &str) {
        assert_eq!(duration(seconds), text);
    }

    #[test]
    fn a_job_has_ended_once_a_condition_says_so() {
        let active = of(&job(json!({"succeeded": 1, "failed": 2})));
        assert_eq!(
            active,
            Run::Active {
                succeeded: 1,
                wanted: 2,
                failed: 2
            }
        );
        let waiting = json!({"type": "FailureTarget", "status": "True"});
        assert!(matches!(of(&job(json!({"conditions": [waiting]}))), Run::Active { .. }));
        let failed = json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
            "message": "see redis://u:secret@host", "lastTransitionTime": "2026-01-01T00:03:12Z"});
        let Run::Ended {
            complete,
            condition,
            duration,
            seconds,
        } = of(&job(json!({"conditions": [failed]})))
        else {
            panic!("it has ended");
        };
        assert_eq!((complete, duration.as_str(), seconds), (false, "3m12s", 192));
        assert_eq!(condition.message.as_deref(), Some("see redis://u:****@host"));
        assert_eq!(condition.reason.as_deref(), Some("BackoffLimitExceeded"));
    }
}
