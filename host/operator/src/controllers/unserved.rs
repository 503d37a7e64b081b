//! Datasets whose runtimes nobody serves. What is asked of the API server for one of them is known for
//! the next: a plugin that is taken away leaves all of its Datasets at once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::ListParams;
use kube::core::ApiResource;
use kube::{Api, Client, ResourceExt};
use parking_lot::Mutex;
use wasser_api::dataset::DatasetRuntime;
use wasser_engine::{EngineError, share};
use wasser_plugin::{PLUGIN_LABEL, VERDICT_ANNOTATION, VERDICT_MESSAGE_ANNOTATION};

use super::bound;

/// The verdicts under which a plugin serves.
const SERVING: [&str; 2] = ["loaded", "last-good"];
/// How long an answer of the API server counts for others.
const AS_NEW: Duration = Duration::from_secs(10);
/// When to look again for a runtime of a kind that nobody serves, and so nobody watches: between half
/// of this time and one and a half.
const UNWATCHED: Duration = Duration::from_secs(600);
/// How long the user of a Dataset is not told the same again: the API server keeps an event for that
/// time.
const REMEMBERED: Duration = Duration::from_secs(3600);

/// When to look again at this Dataset, at another time than at the others.
pub fn again(uid: &str) -> Duration {
    UNWATCHED.mul_f64(0.5 + share(uid))
}

/// What is known of the kinds and registrations that do not serve.
#[derive(Debug, Default)]
pub struct Unserved {
    resources: Mutex<HashMap<String, Answer<ApiResource>>>,
    registrations: Mutex<Option<Answer<Arc<[String]>>>>,
    told: Mutex<HashMap<String, Told>>,
}

#[derive(Debug, Clone)]
struct Answer<T> {
    value: T,
    at: Instant,
}

impl<T> Answer<T> {
    fn now(value: T) -> Self {
        Self {
            value,
            at: Instant::now(),
        }
    }

    fn is_new(&self) -> bool {
        self.at.elapsed() < AS_NEW
    }
}

/// What the user of a Dataset was told last.
#[derive(Debug)]
struct Told {
    text: u64,
    at: Instant,
}

impl Unserved {
    /// Returns whether the API server has the runtime that a Dataset is bound to.
    ///
    /// # Errors
    /// The API server does not say it.
    pub async fn has_runtime(&self, client: &Client, bound: &DatasetRuntime) -> Result<bool, EngineError> {
        let known = self.resources.lock().get(&bound.runtime_type).cloned();
        if let Some(known) = known.filter(Answer::is_new) {
            return bound::exists_as(client, bound, Some(&known.value)).await;
        }
        let resource = bound::resource(client, bound).await?;
        // That there is no such kind has to be true now: what the Dataset shows is forgotten.
        if let Some(resource) = &resource {
            let mut resources = self.resources.lock();
            resources.retain(|_, answer| answer.is_new());
            resources.insert(bound.runtime_type.clone(), Answer::now(resource.clone()));
        }
        bound::exists_as(client, bound, resource.as_ref()).await
    }

    /// The registrations that were judged and do not serve, each with the reason.
    ///
    /// # Errors
    /// The API server does not list the registrations.
    pub async fn registrations(&self, client: &Client, namespace: &str) -> Result<Arc<[String]>, EngineError> {
        let known = self.registrations.lock().clone();
        if let Some(known) = known.filter(Answer::is_new) {
            return Ok(known.value);
        }
        let found: Arc<[String]> = registrations(client, namespace).await?.into();
        *self.registrations.lock() = Some(Answer::now(found.clone()));
        Ok(found)
    }

    /// Notes that the runtime of the Dataset with this UID is served: should it cease to be, that is
    /// news.
    pub fn is_served(&self, uid: &str) {
        self.told.lock().remove(uid);
    }

    /// Whether the user of the Dataset with this UID was told something else until now, or nothing for
    /// as long as events are kept.
    pub fn is_news(&self, uid: &str, message: &str) -> bool {
        self.is_news_at(uid, message, Instant::now())
    }

    fn is_news_at(&self, uid: &str, message: &str, now: Instant) -> bool {
        let mut hasher = DefaultHasher::new();
        message.hash(&mut hasher);
        let text = hasher.finish();
        let mut told = self.told.lock();
        let is_new = |told: &Told| now.duration_since(told.at) < REMEMBERED;
        let is_news = told
            .get(uid)
            .is_none_or(|before| before.text != text || !is_new(before));
        if is_news {
            told.insert(uid.to_owned(), Told { text, at: now });
            told.retain(|_, told| is_new(told));
        }
        is_news
    }
}

async fn registrations(client: &Client, namespace: &str) -> Result<Vec<String>, EngineError> {
    let api = Api::<ConfigMap>::namespaced(client.clone(), namespace);
    let all = api
        .list_metadata(&ListParams::default().labels(&format!("{PLUGIN_LABEL}=true")))
        .await
        .map_err(EngineError::kube(format!("listing the registrations in {namespace}")))?;
    let unserved = all.items.iter().filter_map(|map| {
        let verdict = map.annotations().get(VERDICT_ANNOTATION)?;
        let message = map
            .annotations()
            .get(VERDICT_MESSAGE_ANNOTATION)
            .map(String::as_str)
            .unwrap_or_default();
        (!SERVING.contains(&verdict.as_str())).then(|| format!("{} is {verdict} ({message})", map.name_any()))
    });
    Ok(unserved.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wasser_test_api_server::ApiServer;

    use super::*;

    #[tokio::test]
    async fn many_datasets_ask_once_but_for_their_own_runtimes() {
        let server = ApiServer::new();
        server.install_crds();
        let client = server.client("operator");
        let unserved = Unserved::default();
        let bound = |name: &str| DatasetRuntime {
            name: name.to_owned(),
            namespace: "default".to_owned(),
            runtime_type: "thin".to_owned(),
            ..DatasetRuntime::default()
        };
        server.create(&json!({
            "apiVersion": "data.fluid.io/v1alpha1", "kind": "ThinRuntime",
            "metadata": {"name": "1", "namespace": "default"}, "spec": {"profileName": "files"},
        }));
        server.take_requests();
        let mut found = Vec::new();
        for name in 0..5 {
            assert!(unserved.registrations(&client, "default").await.unwrap().is_empty());
            found.push(unserved.has_runtime(&client, &bound(&name.to_string())).await.unwrap());
        }
        assert_eq!(found, [false, true, false, false, false]);
        let requests = server.take_requests();
        let of_kind = |resource: &str| requests.clone().resource(resource).0.len();
        assert_eq!((of_kind("configmaps"), of_kind("thinruntimes")), (1, 5));
        // A kind that is not there now may be there at the next look.
        let other = DatasetRuntime {
            runtime_type: "other".to_owned(),
            ..bound("1")
        };
        assert!(!unserved.has_runtime(&client, &other).await.unwrap());
        assert!(!unserved.resources.lock().contains_key("other"));
    }

    #[test]
    fn a_dataset_is_told_once_until_the_text_changes() {
        let (unserved, now) = (Unserved::default(), Instant::now());
        assert!(unserved.is_news_at("a", "text", now));
        assert!(unserved.is_news_at("b", "text", now));
        let later = now + REMEMBERED / 2;
        assert!(!unserved.is_news_at("a", "text", later));
        assert!(unserved.is_news_at("a", "other", later));
        assert!(unserved.is_news_at("a", "text", later));
        // One that was served meanwhile, and one whose event has been deleted since.
        unserved.is_served("a");
        assert!(unserved.is_news_at("a", "text", later));
        assert!(unserved.is_news_at("b", "text", now + REMEMBERED));
        // One that is gone is forgotten.
        assert!(unserved.is_news_at("c", "text", later + REMEMBERED));
        let mut left: Vec<String> = unserved.told.lock().keys().cloned().collect();
        left.sort();
        assert_eq!(left, ["b", "c"]);
    }

    #[test]
    fn datasets_are_not_looked_at_all_at_once() {
        let uids: Vec<String> = (0..1000).map(|uid| uid.to_string()).collect();
        let pauses: Vec<Duration> = uids.iter().map(|uid| again(uid)).collect();
        for tenth in 0..10 {
            let begin = UNWATCHED / 2 + UNWATCHED * tenth / 10;
            let within = begin..begin + UNWATCHED / 10;
            let due = pauses.iter().filter(|pause| within.contains(*pause)).count();
            assert!((60..140).contains(&due), "{due} in {within:?}");
        }
    }
}
