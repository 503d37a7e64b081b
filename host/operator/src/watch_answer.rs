//! What the API server has answered to a watch that failed.

use kube::core::Status;
use kube::runtime::watcher;

/// Returns the answer of the API server, to a list or to a watch. None if there was none.
pub fn watch_answer(error: &watcher::Error) -> Option<&Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}
