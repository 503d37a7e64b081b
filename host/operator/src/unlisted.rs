//! The kinds of runtimes that cannot be listed, though a plugin is registered for them and their CRD
//! is there. They count as not served: whoever waited for their list would wait for ever.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use kube::Api;
use kube::api::DynamicObject;
use kube::core::{ApiResource, Status};
use kube::runtime::watcher::{self, Event, watcher};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::client::watch_config;
use crate::watch_answer::watch_answer;

/// After so many failures in a row that the API server itself has answered, a kind is given up
/// until it is listed. With the pauses between them, they take some 15 s.
const FAILURES: u32 = 5;

/// The kinds that cannot be listed, each with the reason.
pub type Reasons = BTreeMap<String, String>;

/// What is known of the lists of all kinds.
#[derive(Default)]
pub struct Unlisted {
    failures: Mutex<BTreeMap<String, u32>>,
    reasons: watch::Sender<Reasons>,
    listed: watch::Sender<BTreeSet<String>>,
}

impl Unlisted {
    /// Notes that a kind could not be listed or watched.
    pub fn failed(&self, resource: &ApiResource, error: &watcher::Error) {
        let (kind, plural) = (&resource.kind, &resource.plural);
        let reason = if let Some(status) = refusal(error) {
            format!(
                "the operator may not list {plural}: set rbac.runtimes.{kind}=true in the values of Wasser's chart ({})",
                status.message
            )
        // A server that does not answer says nothing of the kind.
        } else if let watcher::Error::InitialListFailed(kube::Error::Api(status)) = error {
            let mut failures = self.failures.lock();
            let count = failures.entry(kind.clone()).or_default();
            *count += 1;
            if *count < FAILURES {
                return;
            }
            format!(
                "the API server does not list {plural}: {}; look at the CRD of the kind",
                status.message
            )
        } else {
            return;
        };
        self.reasons
            .send_if_modified(|reasons| reasons.insert(kind.clone(), reason.clone()).as_ref() != Some(&reason));
    }

    /// Notes that a kind was listed.
    pub fn listed(&self, kind: &str) {
        self.relist(kind);
        self.listed.send_if_modified(|listed| listed.insert(kind.to_owned()));
    }

    /// Notes that a kind is not served any more.
    pub fn forget(&self, kind: &str) {
        self.relist(kind);
        self.listed.send_if_modified(|listed| listed.remove(kind));
    }

    fn relist(&self, kind: &str) {
        self.failures.lock().remove(kind);
        self.reasons.send_if_modified(|reasons| reasons.remove(kind).is_some());
    }

    /// The kinds that were listed since they are served, now and from now on.
    pub fn listed_kinds(&self) -> watch::Receiver<BTreeSet<String>> {
        self.listed.subscribe()
    }

    /// The kinds that cannot be listed, now and from now on.
    pub fn reasons(&self) -> watch::Receiver<Reasons> {
        self.reasons.subscribe()
    }
}

/// Watches a kind, and lists it again after a refusal: a watch goes on where it was once it is
/// permitted again, and nothing shows that it is.
pub fn watch(api: Api<DynamicObject>) -> impl Stream<Item = watcher::Result<Event<DynamicObject>>> + Send + 'static {
    let next = move |watching: Option<BoxStream<'static, watcher::Result<Event<DynamicObject>>>>| {
        let begin = || watcher(api.clone(), watch_config()).boxed();
        let mut watching = watching.unwrap_or_else(begin);
        async move {
            let event = watching.next().await?;
            let is_refused = event.as_ref().is_err_and(|error| refusal(error).is_some());
            Some((event, (!is_refused).then_some(watching)))
        }
    };
    futures::stream::unfold(None, next).boxed()
}

fn refusal(error: &watcher::Error) -> Option<&Status> {
    watch_answer(error).filter(|status| status.is_forbidden())
}

#[cfg(test)]
mod tests {
    use kube::core::GroupVersionKind;

    use super::*;

    fn listing(code: u16, reason: &str) -> watcher::Error {
        let status = Status::failure("that is so", reason).with_code(code);
        watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
    }

    #[test]
    fn a_refusal_counts_at_once_and_other_answers_in_a_row() {
        let unlisted = Unlisted::default();
        let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("data.fluid.io", "v1alpha1", "MyRuntime"));
        let reasons = unlisted.reasons();
        let reason = |kind: &str| reasons.borrow().get(kind).cloned();
        unlisted.failed(&kind, &listing(403, "Forbidden"));
        let refused = reason("MyRuntime").unwrap();
        assert!(
            refused.contains("may not list myruntimes") && refused.contains("rbac.runtimes"),
            "{refused}"
        );
        assert!(unlisted.listed_kinds().borrow().is_empty());
        unlisted.listed("MyRuntime");
        assert_eq!(reason("MyRuntime"), None);
        assert!(unlisted.listed_kinds().borrow().contains("MyRuntime"));
        unlisted.forget("MyRuntime");
        assert!(unlisted.listed_kinds().borrow().is_empty());

        let away = watcher::Error::InitialListFailed(kube::Error::Service("connection refused".into()));
        for _ in 1..FAILURES {
            unlisted.failed(&kind, &listing(500, "InternalError"));
            unlisted.failed(&kind, &away);
        }
        assert_eq!(reason("MyRuntime"), None);
        unlisted.failed(&kind, &listing(500, "InternalError"));
        assert!(reason("MyRuntime").unwrap().contains("that is so"));
    }
}
