//! The version of the API server, which charts ask for.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::version::Info;
use kube::Client;

/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);

/// Returns the version of the API server, and waits for one that does not answer or cannot. A
/// process that ended instead would be started again after growing pauses, and so be away for
/// minutes after the API server is back.
///
/// # Errors
/// If the API server refuses to say it.
pub async fn version(client: &Client) -> kube::Result<String> {
    until_answered(PAUSE, || client.apiserver_version())
        .await
        .map(|info| info.git_version)
}

async fn until_answered(pause: Duration, ask: impl AsyncFn() -> kube::Result<Info>) -> kube::Result<Info> {
    loop {
        match ask().await {
            Err(error) if passes(&error) => {
                tracing::warn!(%error, "the API server does not say its version; it is asked again");
                tokio::time::sleep(pause).await;
            }
            answer => return answer,
        }
    }
}

/// Whether the same question may be answered later.
fn passes(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code >= 500 || status.code == 429,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
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
        let outcome = until_answered(Duration::ZERO, ask).await;
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
