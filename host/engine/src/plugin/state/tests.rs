use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

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
    /// How often it was read.
    reads: Arc<AtomicU32>,
    copies: Arc<StateCopies>,
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
        if method == Method::GET {
            self.reads.fetch_add(1, Ordering::Relaxed);
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

    /// The state as it is reached from now on, while the watch shows what is there now.
    fn state(&self) -> State {
        let server = self.clone();
        let shown = self.now();
        let shown = shown.and_then(|map| Some(map["metadata"]["resourceVersion"].as_str()?.to_owned()));
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
            copies: self.copies.clone(),
            shown,
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
    let first = state.set("a", Some(b"x".to_vec()), None).await.unwrap();
    state.set("b", Some(b"y".to_vec()), None).await.unwrap();
    assert_eq!(state.keys().await.unwrap(), ["a", "b"]);
    let entry = state.get("a").await.unwrap().unwrap();
    assert_eq!((entry.value.as_slice(), &entry.version), (b"x".as_slice(), &first));
    state.set("a", None, Some(&first)).await.unwrap();
    assert_eq!(state.keys().await.unwrap(), ["b"]);
    let map = server.now().unwrap();
    assert_eq!(map["metadata"]["ownerReferences"][0]["uid"], "own");
    assert_eq!(map["metadata"]["labels"]["fluid.io/dataset-id"], "ns-demo");
}

#[tokio::test]
async fn a_write_that_does_not_follow_what_is_there_is_refused() {
    let server = Server::default();
    let state = server.state();
    let refused = |outcome: Result<String, StateError>| {
        let error = outcome.unwrap_err();
        assert!(matches!(error, StateError::Changed { .. }), "{error}");
        assert!(matches!(BackendError::from(error), BackendError::Conflict(_)));
    };
    refused(state.set("a", None, Some("v")).await);
    assert!(server.now().is_none(), "nothing is made for nothing");
    let first = state.set("a", Some(b"x".to_vec()), None).await.unwrap();
    // Two have read the first value, and the second of them to write starts again.
    let second = state.set("a", Some(b"y".to_vec()), Some(&first)).await.unwrap();
    refused(state.set("a", Some(b"z".to_vec()), Some(&first)).await);
    refused(state.set("a", Some(b"z".to_vec()), None).await);
    refused(state.set("a", None, Some(&first)).await);
    assert_eq!(state.get("a").await.unwrap().unwrap().version, second);
    // The same between the look and the write.
    server.rivals.lock().unwrap().push(own(json!({"a": "eg=="})));
    refused(state.set("a", Some(b"z".to_vec()), Some(&second)).await);
    assert_eq!(state.get("a").await.unwrap().unwrap().value, b"z");
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
        server.state().set("a", Some(b"x".to_vec()), None).await.unwrap();
        assert_eq!(server.now().unwrap()["binaryData"], json!({"a": "eA==", "b": "eQ=="}));
    }
    let server = Server::with(own(json!({})));
    server.rivals.lock().unwrap().extend((0..9).map(|_| own(json!({}))));
    let refused = server.state().set("a", Some(b"x".to_vec()), None).await.unwrap_err();
    assert!(matches!(refused, StateError::Contended { .. }), "{refused}");
}

#[tokio::test]
async fn the_map_of_somebody_else_is_neither_read_nor_written() {
    let theirs = json!({"metadata": {"name": "demo-alluxio-state", "namespace": "ns"}, "binaryData": {"a": "eA=="}});
    let server = Server::with(theirs.clone());
    let before = server.now();
    let state = server.state();
    for refused in [
        state.get("a").await.map(drop).unwrap_err(),
        state.set("a", Some(b"y".to_vec()), None).await.map(drop).unwrap_err(),
        state.set("a", None, Some("v")).await.map(drop).unwrap_err(),
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
    let refused = server.state().set("b", Some(b"y".to_vec()), None).await.unwrap_err();
    assert!(matches!(refused, StateError::Foreign(_)), "{refused}");
    assert_eq!(server.now().unwrap()["binaryData"], json!({"a": "eA=="}));
}

#[tokio::test]
async fn what_is_known_is_not_read_again() {
    let server = Server::default();
    let reads = || server.reads.load(Ordering::Relaxed);
    let before = server.state();
    assert_eq!(before.get("a").await.unwrap(), None);
    let first = before.set("a", Some(b"x".to_vec()), None).await.unwrap();
    // The watch is behind, and then no longer.
    for state in [&before, &server.state()] {
        assert_eq!(state.get("a").await.unwrap().unwrap().version, first);
        assert_eq!(state.keys().await.unwrap(), ["a"]);
    }
    let second = before.set("a", Some(b"y".to_vec()), Some(&first)).await.unwrap();
    assert_eq!(reads(), 0);
    // Somebody has edited it, which the watch shows.
    let mut edited = server.now().unwrap();
    edited["binaryData"]["a"] = json!("eg==");
    server.put(edited);
    let state = server.state();
    assert_eq!(state.get("a").await.unwrap().unwrap().value, b"z");
    assert_eq!(state.get("a").await.unwrap().unwrap().value, b"z");
    assert_eq!(reads(), 1);
    let refused = state.set("a", None, Some(&second)).await.unwrap_err();
    assert!(matches!(refused, StateError::Changed { .. }), "{refused}");
    // Another process has never read it, and does not take its watch's word for what it writes over.
    let other = Server {
        copies: Arc::default(),
        ..server.clone()
    };
    let mut behind = other.state();
    behind.shown = None;
    behind.set("b", Some(b"y".to_vec()), None).await.unwrap();
    assert_eq!(server.now().unwrap()["binaryData"], json!({"a": "eg==", "b": "eQ=="}));
}

#[tokio::test]
async fn a_map_that_was_deleted_is_made_again() {
    let server = Server::default();
    let state = server.state();
    let first = state.set("a", Some(b"x".to_vec()), None).await.unwrap();
    *server.map.lock().unwrap() = None;
    // Its keys are gone with it.
    let refused = state.set("a", Some(b"y".to_vec()), Some(&first)).await.unwrap_err();
    assert!(matches!(refused, StateError::Changed { .. }), "{refused}");
    state.set("a", Some(b"y".to_vec()), None).await.unwrap();
    assert_eq!(server.now().unwrap()["binaryData"], json!({"a": "eQ=="}));
}

#[tokio::test]
async fn a_plugin_keeps_little() {
    let server = Server::default();
    let refused = server
        .state()
        .set("a", Some(vec![0; LIMIT]), None)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("ConfigMap ns/demo-alluxio-state would take 8193 bytes, and 8192 are allowed"),
        "{refused}"
    );
    assert!(server.now().is_none());
}
