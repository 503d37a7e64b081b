//! The client of the API server: none of its requests waits for ever.

mod call;
mod limits;

use std::sync::Arc;
use std::time::Duration;

use kube::client::ClientBuilder;
use kube::{Client, Config};
use tokio_util::sync::CancellationToken;

pub use self::call::Call;
pub use self::limits::Limits;
use crate::tenure::Tenure;

/// How long connecting may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the API server may be silent where somebody waits for the process: the kubelet with a pod,
/// or the API server itself.
const IMPATIENCE: Duration = Duration::from_secs(10);

/// A client for a process that asks for single objects and whose work others wait for.
///
/// # Errors
/// If the configuration cannot be used: certificates that cannot be read, for example.
pub fn impatient(config: Config) -> kube::Result<Client> {
    limited(config, IMPATIENCE)
}

fn limited(mut config: Config, silence: Duration) -> kube::Result<Client> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    let tenure = Arc::new(Tenure::new(CancellationToken::new()));
    Ok(ClientBuilder::try_from(config)?
        .with_layer(&Limits { silence, tenure })
        .build())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::PersistentVolume;
    use kube::Api;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_server_that_accepts_and_never_answers_is_not_waited_for() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let client = limited(Config::new(url.parse().unwrap()), Duration::from_millis(20)).unwrap();
        let volumes = Api::<PersistentVolume>::all(client);
        let error = volumes.get("a").await.unwrap_err().to_string();
        assert!(error.contains("did not answer within 20ms"), "{error}");
    }
}
