//! What a reconcile of a runtime tells of it and of its Dataset, in Fluid's metrics.

use wasser_api::ObjectKey;
use wasser_engine::{EngineError, Request};

use super::Metrics;

/// What the metrics want to know of a reconcile that has ended.
struct Seen<'a> {
    kind: &'a str,
    /// The runtime type: `juicefs`.
    runtime_type: &'a str,
    /// `namespace/name`, of the Dataset as well.
    runtime: &'a str,
    /// Whether it was set up when the reconcile began.
    was_set_up: bool,
    /// Whether its volume could not be made.
    volume_failed: bool,
    /// Whether the reconcile was one of its deletion.
    deleting: bool,
    /// Number of files and bytes of the Dataset, once they are known.
    contents: Option<(u64, u64)>,
    error: Option<&'a EngineError>,
}

impl Metrics {
    /// A reconcile of a runtime has ended. `was_set_up` is how it stood at the beginning.
    pub fn reconciled(&self, request: &Request, was_set_up: bool, error: Option<&EngineError>) {
        self.saw(&Seen {
            kind: &request.identity.kind,
            runtime_type: &request.identity.runtime_type,
            runtime: &request.identity.display(),
            was_set_up,
            volume_failed: request.volume_failed,
            deleting: request.runtime.metadata.deletion_timestamp.is_some(),
            contents: request.contents(),
            error,
        });
    }

    /// A runtime is gone, however it went.
    pub fn gone(&self, of_kind: &str, runtime: &ObjectKey) {
        let kind = of_kind.to_lowercase();
        let runtime_type = kind.strip_suffix("runtime").unwrap_or(&kind);
        let runtime = runtime.to_string();
        self.forget_dataset(&runtime);
        self.forget_runtime(runtime_type, &runtime);
        self.standings.set(of_kind, &runtime, None);
    }

    fn saw(&self, seen: &Seen<'_>) {
        if seen.volume_failed {
            self.volume_error(seen.runtime_type, seen.runtime);
        }
        // Nothing is wrong with a runtime that waits for its turn.
        let wrong = |error: &&EngineError| !matches!(error, EngineError::AwaitsTurn { .. });
        let error = seen.error.filter(wrong);
        self.standings
            .set(seen.kind, seen.runtime, error.map(EngineError::label));
        match error {
            Some(error) => {
                self.reconciles.failed(seen.kind, error.label());
                if matches!(error, EngineError::Unhealthy { .. }) {
                    self.health_error(seen.runtime_type, seen.runtime);
                } else if !seen.was_set_up && !seen.deleting {
                    self.setup_error(seen.runtime_type, seen.runtime);
                }
            }
            None if seen.deleting => {
                self.forget_dataset(seen.runtime);
                self.forget_runtime(seen.runtime_type, seen.runtime);
            }
            None => {}
        }
        if !seen.deleting
            && let Some((files, bytes)) = seen.contents
        {
            self.dataset_ufs(seen.runtime, files, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn failed() -> EngineError {
        EngineError::Failed {
            method: "desired",
            message: "no".to_owned(),
        }
    }

    fn unhealthy() -> EngineError {
        EngineError::Unhealthy {
            message: "no".to_owned(),
        }
    }

    fn see(
        metrics: &Metrics,
        was_set_up: bool,
        deleting: bool,
        contents: Option<(u64, u64)>,
        error: Option<&EngineError>,
    ) {
        metrics.saw(&Seen {
            kind: "DemoRuntime",
            runtime_type: "demo",
            runtime: "default/a",
            was_set_up,
            volume_failed: false,
            deleting,
            contents,
            error,
        });
    }

    #[rstest]
    #[case::setup(false, failed(), "failed", "runtime_setup_error_total")]
    #[case::health(true, unhealthy(), "unhealthy", "runtime_sync_healthcheck_error_total")]
    fn a_failure_counts_where_it_belongs(
        #[case] was_set_up: bool,
        #[case] error: EngineError,
        #[case] label: &str,
        #[case] counter: &str,
    ) {
        let metrics = Metrics::new();
        see(&metrics, was_set_up, false, None, Some(&error));
        let text = metrics.text();
        let counted: Vec<&str> = text.lines().filter(|line| line.starts_with("runtime_")).collect();
        assert_eq!(
            counted,
            [format!(r#"{counter}{{runtime_type="demo",runtime="default/a"}} 1"#)]
        );
        assert!(
            text.contains(&format!(
                r#"wasser_reconcile_errors_total{{kind="DemoRuntime",error="{label}"}} 1"#
            )),
            "{text}"
        );
    }

    #[test]
    fn a_volume_that_cannot_be_made_is_counted_until_the_runtime_goes() {
        let metrics = Metrics::new();
        let error = failed();
        let seen = Seen {
            kind: "DemoRuntime",
            runtime_type: "demo",
            runtime: "default/a",
            was_set_up: true,
            volume_failed: true,
            deleting: false,
            contents: None,
            error: Some(&error),
        };
        metrics.saw(&seen);
        let line = r#"wasser_create_volume_errors_total{runtime_type="demo",runtime="default/a"} 1"#;
        assert!(metrics.text().contains(line), "{}", metrics.text());
        metrics.saw(&Seen {
            volume_failed: false,
            deleting: true,
            error: None,
            ..seen
        });
        assert!(!metrics.text().contains("default/a"));
    }

    #[test]
    fn nothing_is_counted_any_more_of_a_runtime_that_was_removed_by_force() {
        let metrics = Metrics::new();
        see(&metrics, false, false, Some((7, 1536)), Some(&failed()));
        assert!(metrics.text().contains("default/a"));
        metrics.gone("DemoRuntime", &ObjectKey::new("default", "a"));
        assert!(!metrics.text().contains("default/a"));
    }

    #[test]
    fn contents_are_shown_once_they_are_known_and_go_with_the_runtime() {
        let metrics = Metrics::new();
        see(&metrics, true, false, None, None);
        assert!(!metrics.text().contains("dataset_ufs_file_num{"));
        see(&metrics, true, false, Some((7, 1537)), None);
        let text = metrics.text();
        assert!(
            text.contains(r#"dataset_ufs_file_num{dataset="default/a"} 7"#),
            "{text}"
        );
        assert!(
            text.contains(r#"dataset_ufs_total_size{dataset="default/a"} 1537"#),
            "{text}"
        );
        see(&metrics, true, true, Some((7, 1537)), None);
        assert!(!metrics.text().contains("default/a"));
    }
}
