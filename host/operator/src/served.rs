//! How the API server serves the kinds of runtimes, whether a plugin serves them or not.

use kube::core::{ApiResource, GroupVersion};
use kube::{Client, discovery};
use wasser_engine::is_not_found;

/// Returns how the API server serves the kind of runtimes whose name `is_it`; `None` if it does not.
///
/// # Errors
/// The API server does not say it.
pub async fn resource(client: &Client, is_it: impl Fn(&str) -> bool) -> kube::Result<Option<ApiResource>> {
    let version = GroupVersion::gv(wasser_api::GROUP, wasser_api::VERSION);
    let group = match discovery::pinned_group(client, &version).await {
        Ok(group) => group,
        Err(error) if is_not_found(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut all = group.recommended_resources().into_iter();
    let found = all.find(|(resource, _)| is_it(&resource.kind));
    Ok(found.map(|(resource, _)| resource))
}
