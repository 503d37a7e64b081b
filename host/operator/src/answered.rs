//! What the process asks for at its start, while the API server may not answer yet.

use std::time::Duration;

use wasser_engine::is_outage;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// Asks the API server, and waits for one that does not answer or cannot. A process that ended
/// instead would be started again after growing pauses, and so be away for minutes after the API
/// server is back. `what` is asked for.
///
/// # Errors
/// If the API server refuses.
pub async fn until_answered<T>(what: &str, ask: impl AsyncFn() -> kube::Result<T>) -> kube::Result<T> {
    until_answered_with(PAUSE, what, ask).await
}

async fn until_answered_with<T>(
    pause: Duration,
    what: &str,
    ask: impl AsyncFn() -> kube::Result<T>,
) -> kube::Result<T> {
    loop {
        match ask().await {
            Err(error) if is_outage(&error) => {
                tracing::warn!(%error, "the API server does not answer when asked for {what}; it is asked again");
                tokio::time::sleep(pause).await;
            }
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::version::Info;
    use kube::core::Status;
    use parking_lot::Mutex;

    use super::*;

    fn refused(code: u16) -> kube::Error {
        kube::Error::Api(Box::new(Status::failure("no", "No").with_code(code)))
    }

    async fn asked(answers: Vec<kube::Result<Info>>) -> (kube::Result<Info>, usize) {
        let answers = Mutex::new(answers.into_iter());
        let ask = || {
            let answer = answers.lock().next();
            async move { answer.unwrap() }
        };
        let outcome = until_answered_with(Duration::ZERO, "it", ask).await;
        let rest = answers.lock().len();
        (outcome, rest)
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_waited_for() {
        let away = || kube::Error::Service("connection refused".into());
        let answers = vec![Err(away()), Err(refused(503)), Err(refused(429)), Ok(Info::default())];
        let (outcome, rest) = asked(answers).await;
        assert!(outcome.is_ok() && rest == 0, "{outcome:?}");
    }

    #[tokio::test]
    async fn a_server_that_refuses_is_not_asked_again() {
        let (outcome, rest) = asked(vec![Err(refused(403)), Ok(Info::default())]).await;
        assert!(outcome.is_err() && rest == 1, "{outcome:?}");
    }
}
