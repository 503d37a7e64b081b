//! The version of the API server, which charts ask for.

use kube::Client;

use crate::answered::until_answered;

/// Returns the version of the API server.
///
/// # Errors
/// If the API server refuses to say it.
pub async fn version(client: &Client) -> kube::Result<String> {
    until_answered("the version of the API server", || client.apiserver_version())
        .await
        .map(|info| info.git_version)
}
