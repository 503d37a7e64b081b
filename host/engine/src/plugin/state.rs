//! What plugins keep for a runtime: a ConfigMap of the runtime's, with one key for each of theirs.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Api;
use kube::api::Patch;
use serde_json::json;
use wasser_chart::ReleaseError;

use wasser_chart::{is_conflict, is_not_found};

/// Bytes that a plugin may keep for a runtime, over all keys.
const LIMIT: usize = 8 * 1024;
/// Attempts to write what others write at the same time.
const ATTEMPTS: u32 = 5;

/// Where the state of one runtime is.
pub struct State {
    /// The ConfigMaps of the runtime's namespace.
    pub api: Api<ConfigMap>,
    /// Kind, namespace and name, for messages.
    pub place: String,
    /// Name of the ConfigMap.
    pub name: String,
    /// The runtime.
    pub owner: OwnerReference,
    /// Labels of what belongs to the runtime.
    pub labels: BTreeMap<String, String>,
}

/// Why state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The ConfigMap is somebody else's.
    #[error(transparent)]
    Foreign(#[from] ReleaseError),
    /// It would be too much.
    #[error("{place} would take {size} bytes, and {LIMIT} are allowed; the plugin has to keep less")]
    TooLarge {
        /// The ConfigMap.
        place: String,
        /// What it would take.
        size: usize,
    },
    /// Every attempt met another writer.
    #[error("{place} is written by others all the time; the key could not be set")]
    Contended {
        /// The ConfigMap.
        place: String,
    },
    /// A request failed.
    #[error("{place}: {source}")]
    Kube {
        /// The ConfigMap.
        place: String,
        /// The answer.
        source: Box<kube::Error>,
    },
}

type Keys = BTreeMap<String, Vec<u8>>;

impl State {
    /// The value of a key.
    ///
    /// # Errors
    /// If the ConfigMap is somebody else's, or cannot be read.
    pub async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StateError> {
        Ok(self.read().await?.0.remove(key))
    }

    /// Sets a key, or removes it. A task and a reconcile of one runtime may do so at the same time,
    /// each for another key.
    ///
    /// # Errors
    /// If the ConfigMap is somebody else's, would be too large, or cannot be written.
    pub async fn set(&self, key: &str, value: Option<Vec<u8>>) -> Result<(), StateError> {
        for _ in 0..ATTEMPTS {
            let (mut keys, found) = self.read().await?;
            match &value {
                Some(value) => drop(keys.insert(key.to_owned(), value.clone())),
                None => drop(keys.remove(key)),
            }
            let size: usize = keys.iter().map(|(key, value)| key.len() + value.len()).sum();
            if size > LIMIT {
                let place = self.place.clone();
                return Err(StateError::TooLarge { place, size });
            }
            match self.write(key, value.clone(), found).await {
                Err(error) if is_conflict(&error) || is_not_found(&error) => {}
                Err(error) => return Err(self.failed(error)),
                Ok(()) => return Ok(()),
            }
        }
        let place = self.place.clone();
        Err(StateError::Contended { place })
    }

    async fn read(&self) -> Result<(Keys, Option<ObjectMeta>), StateError> {
        let Some(found) = self.api.get_opt(&self.name).await.map_err(|error| self.failed(error))? else {
            return Ok((Keys::default(), None));
        };
        wasser_chart::check_kept(&found.metadata, &self.owner, &self.labels)?;
        let keys = found.binary_data.unwrap_or_default();
        let keys = keys.into_iter().map(|(key, value)| (key, value.0)).collect();
        Ok((keys, Some(found.metadata)))
    }

    /// Writes the key into the object that was read, or makes the object. A conflict if that has
    /// changed since, or somebody has made one.
    async fn write(&self, key: &str, value: Option<Vec<u8>>, found: Option<ObjectMeta>) -> Result<(), kube::Error> {
        let value = value.map(ByteString);
        if let Some(found) = found {
            let mut metadata = json!({"resourceVersion": found.resource_version});
            if found.owner_references.is_none() {
                metadata["ownerReferences"] = json!([self.owner]);
            }
            let patch = json!({"metadata": metadata, "binaryData": {key: value}});
            let params = crate::patch_params();
            return self
                .api
                .patch_metadata(&self.name, &params, &Patch::Merge(&patch))
                .await
                .map(drop);
        }
        let Some(value) = value else { return Ok(()) };
        let map = ConfigMap {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                labels: Some(self.labels.clone()),
                owner_references: Some(vec![self.owner.clone()]),
                ..ObjectMeta::default()
            },
            binary_data: Some(BTreeMap::from([(key.to_owned(), value)])),
            ..ConfigMap::default()
        };
        self.api.create(&crate::post_params(), &map).await.map(drop)
    }

    fn failed(&self, error: kube::Error) -> StateError {
        let place = self.place.clone();
        let source = Box::new(error);
        StateError::Kube { place, source }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use http::{Method, Request, Response, StatusCode};
    use http_body_util::BodyExt as _;
    use kube::Client;
    use kube::client::Body;
    use serde_json::Value;

    use super::*;

    /// An API server with at most one ConfigMap, which refuses writes of another version than its
    /// own as a real one does.
    #[derive(Clone, Default)]
    struct Server {
        map: Arc<Mutex<Option<Value>>>,
        /// Writes that somebody else makes just before ours.
        rivals: Arc<Mutex<Vec<Value>>>,
    }

    fn status(code: StatusCode, reason: &str) -> (StatusCode, Value) {
        let body =
            json!({"kind": "Status", "status": "Failure", "code": code.as_u16(), "reason": reason, "message": reason});
        (code, body)
    }

    fn merge(into: &mut Value, patch: &Value) {
        let (Some(fields), Some(changes)) = (into.as_object_mut(), patch.as_object()) else {
            *into = patch.clone();
            return;
        };
        for (key, change) in changes {
            if change.is_null() {
                fields.remove(key);
            } else {
                merge(fields.entry(key.as_str()).or_insert_with(|| json!({})), change);
            }
        }
    }

    impl Server {
        fn with(map: Value) -> Self {
            let server = Self::default();
            server.put(map);
            server
        }

        /// Stores a map as its next version.
        fn put(&self, mut map: Value) -> Value {
            let mut stored = self.map.lock().unwrap();
            let version = stored
                .as_ref()
                .and_then(|map| map["metadata"]["resourceVersion"].as_str()?.parse::<u32>().ok());
            map["metadata"]["resourceVersion"] = json!((version.unwrap_or(0) + 1).to_string());
            map["metadata"]["uid"] = json!("u");
            *stored = Some(map.clone());
            map
        }

        fn now(&self) -> Option<Value> {
            self.map.lock().unwrap().clone()
        }

        fn answer(&self, method: &Method, body: &Value) -> (StatusCode, Value) {
            let rival = (method != Method::GET).then(|| self.rivals.lock().unwrap().pop());
            if let Some(rival) = rival.flatten() {
                self.put(rival);
            }
            match (method, self.now()) {
                (&Method::GET, Some(map)) => (StatusCode::OK, map),
                (&Method::POST, None) => (StatusCode::CREATED, self.put(body.clone())),
                (&Method::PATCH, Some(mut map))
                    if body["metadata"]["resourceVersion"] == map["metadata"]["resourceVersion"] =>
                {
                    merge(&mut map, body);
                    (StatusCode::OK, self.put(map))
                }
                (_, None) => status(StatusCode::NOT_FOUND, "NotFound"),
                (_, Some(_)) => status(StatusCode::CONFLICT, "Conflict"),
            }
        }

        fn state(&self) -> State {
            let server = self.clone();
            let service = tower::service_fn(move |request: Request<Body>| {
                let server = server.clone();
                async move {
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await?.to_bytes();
                    let body = serde_json::from_slice(&body).unwrap_or_default();
                    let (code, answer) = server.answer(&parts.method, &body);
                    let answer = Response::builder()
                        .status(code)
                        .body(Body::from(answer.to_string().into_bytes()));
                    Ok::<_, kube::Error>(answer.unwrap())
                }
            });
            State {
                api: Api::namespaced(Client::new(service, "ns"), "ns"),
                place: "ConfigMap ns/demo-alluxio-state".to_owned(),
                name: "demo-alluxio-state".to_owned(),
                owner: crate::objects::owner::owner_reference("AlluxioRuntime", "demo", "own"),
                labels: BTreeMap::from([("fluid.io/dataset-id".to_owned(), "ns-demo".to_owned())]),
            }
        }
    }

    fn own(data: Value) -> Value {
        let owner = crate::objects::owner::owner_reference("AlluxioRuntime", "demo", "own");
        json!({"metadata": {"name": "demo-alluxio-state", "namespace": "ns", "ownerReferences": [owner]},
            "binaryData": data})
    }

    #[tokio::test]
    async fn keys_are_set_read_and_removed() {
        let server = Server::default();
        let state = server.state();
        assert_eq!(state.get("a").await.unwrap(), None);
        state.set("a", None).await.unwrap();
        assert!(server.now().is_none(), "nothing is made for nothing");
        state.set("a", Some(b"x".to_vec())).await.unwrap();
        state.set("b", Some(b"y".to_vec())).await.unwrap();
        state.set("a", None).await.unwrap();
        assert_eq!(
            (state.get("a").await.unwrap(), state.get("b").await.unwrap()),
            (None, Some(b"y".to_vec()))
        );
        let map = server.now().unwrap();
        assert_eq!(map["metadata"]["ownerReferences"][0]["uid"], "own");
        assert_eq!(map["metadata"]["labels"]["fluid.io/dataset-id"], "ns-demo");
    }

    #[tokio::test]
    async fn a_write_of_somebody_else_in_between_is_not_lost() {
        // One has made the object, another has set a second key.
        for before in [None, Some(own(json!({"c": "eg=="})))] {
            let server = Server::default();
            if let Some(before) = before {
                server.put(before);
            }
            server.rivals.lock().unwrap().push(own(json!({"b": "eQ=="})));
            server.state().set("a", Some(b"x".to_vec())).await.unwrap();
            assert_eq!(server.now().unwrap()["binaryData"], json!({"a": "eA==", "b": "eQ=="}));
        }
        let server = Server::with(own(json!({})));
        server.rivals.lock().unwrap().extend((0..9).map(|_| own(json!({}))));
        let refused = server.state().set("a", Some(b"x".to_vec())).await.unwrap_err();
        assert!(matches!(refused, StateError::Contended { .. }), "{refused}");
    }

    #[tokio::test]
    async fn the_map_of_somebody_else_is_neither_read_nor_written() {
        let theirs =
            json!({"metadata": {"name": "demo-alluxio-state", "namespace": "ns"}, "binaryData": {"a": "eA=="}});
        let server = Server::with(theirs.clone());
        let before = server.now();
        let state = server.state();
        for refused in [
            state.get("a").await.map(drop).unwrap_err(),
            state.set("a", Some(b"y".to_vec())).await.unwrap_err(),
            state.set("a", None).await.unwrap_err(),
        ] {
            let message = refused.to_string();
            assert!(
                message.starts_with("ConfigMap ns/demo-alluxio-state exists already and is not this runtime's; "),
                "{message}"
            );
        }
        assert_eq!(server.now(), before);
        // Nor one that somebody makes between the look and the write.
        let server = Server::default();
        server.rivals.lock().unwrap().push(theirs);
        let refused = server.state().set("b", Some(b"y".to_vec())).await.unwrap_err();
        assert!(matches!(refused, StateError::Foreign(_)), "{refused}");
        assert_eq!(server.now().unwrap()["binaryData"], json!({"a": "eA=="}));
    }

    #[tokio::test]
    async fn a_plugin_keeps_little() {
        let server = Server::default();
        let refused = server
            .state()
            .set("a", Some(vec![0; LIMIT]))
            .await
            .unwrap_err()
            .to_string();
        assert!(
            refused.starts_with("ConfigMap ns/demo-alluxio-state would take 8193 bytes, and 8192 are allowed"),
            "{refused}"
        );
        assert!(server.now().is_none());
    }
}
