//! A `wasser run` of a test's own, in a namespace of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Event, Namespace};
use kube::api::{DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::word;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(25);

/// What the operator may say of a registration.
#[derive(Debug, Clone, Copy)]
pub enum Verdict {
    Loaded,
    Refused,
    LastGood,
    Waiting,
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Refused => "refused",
            Self::LastGood => "last-good",
            Self::Waiting => "waiting",
        }
    }
}

/// The process, and its namespace.
pub struct Operator {
    pub client: Client,
    pub namespace: String,
    pub maps: Api<ConfigMap>,
    options: Vec<String>,
    address: String,
    child: Child,
    log: PathBuf,
}

impl Operator {
    /// Starts it and waits until it is ready.
    pub async fn start(name: &str) -> Self {
        Self::start_with(name, &[]).await
    }

    pub async fn start_with(name: &str, options: &[&str]) -> Self {
        let client = Client::try_default().await.expect("these tests need a cluster: set KUBECONFIG");
        install_crds(&client).await;
        let namespace = format!("registration-{name}-{}", std::process::id());
        let object = Namespace {
            metadata: ObjectMeta {
                name: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        Api::<Namespace>::all(client.clone())
            .create(&Default::default(), &object)
            .await
            .unwrap();
        Self::spawn(client, namespace, options.iter().map(|option| (*option).to_owned()).collect(), 0).await
    }

    /// Another one in the same namespace.
    pub async fn replica(&self) -> Self {
        Self::spawn(self.client.clone(), self.namespace.clone(), self.options.clone(), 1).await
    }

    /// The same one again, after it has ended.
    pub async fn restart(&mut self) {
        *self = Self::spawn(self.client.clone(), self.namespace.clone(), self.options.clone(), 2).await;
    }

    async fn spawn(client: Client, namespace: String, options: Vec<String>, number: u32) -> Self {
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{namespace}-{number}.log"));
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wasser-cache");
        let child = Command::new(binary())
            .args(["run", "--namespace", &namespace, "--metrics-addr", &address, "--cache-dir"])
            .arg(cache)
            .args(&options)
            .stderr(File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("starting wasser; build it with `cargo build -p wasser`");
        let operator = Self {
            maps: Api::namespaced(client.clone(), &namespace),
            client,
            namespace,
            options,
            address,
            child,
            log,
        };
        operator
            .eventually("ready", || async {
                operator
                    .try_get("/readyz")
                    .await
                    .filter(|answer| answer.starts_with("HTTP/1.1 200"))
            })
            .await;
        operator
    }

    /// Registers the JuiceFS plugin, its plugin.yaml changed.
    pub async fn register(&self, name: &str, change: impl FnOnce(&mut String)) {
        let manifest = root().join("target/plugins/juicefs.yaml");
        let text = std::fs::read_to_string(&manifest).expect("reading the package; make it with `cargo xtask guests juicefs`");
        let mut map: ConfigMap = yaml_serde::from_str(&text).unwrap();
        map.metadata.name = Some(name.to_owned());
        change(map.data.as_mut().unwrap().get_mut("plugin.yaml").unwrap());
        self.maps
            .patch(name, &PatchParams::apply("test").force(), &Patch::Apply(&map))
            .await
            .unwrap();
    }

    /// Waits for a verdict.
    pub async fn verdict(&self, name: &str, verdict: Verdict) -> ConfigMap {
        let reached = || async { self.maps.get(name).await.ok().filter(|map| word(map) == Some(verdict.word())) };
        self.eventually(&format!("{verdict:?} of {name}"), reached).await
    }

    /// Waits for an event about an object.
    pub async fn event(&self, reason: &str, uid: &str) -> Event {
        let events = Api::<Event>::namespaced(self.client.clone(), &self.namespace);
        let about = |event: &Event| event.reason.as_deref() == Some(reason) && event.involved_object.uid.as_deref() == Some(uid);
        self.eventually(&format!("event {reason}"), || async {
            events.list(&ListParams::default()).await.unwrap().into_iter().find(about)
        })
        .await
    }

    /// Waits for a line of the metrics.
    pub async fn metric(&self, line: &str) {
        let there = || async {
            self.try_get("/metrics")
                .await
                .filter(|text| text.lines().any(|found| found == line))
        };
        self.eventually(line, there).await;
    }

    pub async fn get(&self, path: &str) -> String {
        self.try_get(path).await.expect("the operator does not answer")
    }

    async fn try_get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).await.ok()?;
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nhost: wasser\r\nconnection: close\r\n\r\n").as_bytes())
            .await
            .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }

    /// How many lines of the log contain this.
    pub fn log_lines(&self, text: &str) -> usize {
        std::fs::read_to_string(&self.log)
            .unwrap()
            .lines()
            .filter(|line| line.contains(text))
            .count()
    }

    /// Ends it as Kubernetes does.
    pub async fn terminate(&mut self) -> ExitStatus {
        let id = self.child.id().expect("it has ended by itself").to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().await.unwrap().success());
        tokio::time::timeout(PATIENCE, self.child.wait())
            .await
            .expect("it does not end")
            .unwrap()
    }

    /// Ends it and removes its namespace.
    pub async fn end(mut self) {
        assert!(self.terminate().await.success());
        Api::<Namespace>::all(self.client.clone())
            .delete(&self.namespace, &DeleteParams::background())
            .await
            .unwrap();
    }

    async fn eventually<T, F: Future<Output = Option<T>>>(&self, what: &str, mut attempt: impl FnMut() -> F) -> T {
        let attempts = async {
            loop {
                match attempt().await {
                    Some(found) => return found,
                    None => tokio::time::sleep(PAUSE).await,
                }
            }
        };
        let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
        tokio::time::timeout(PATIENCE, attempts)
            .await
            .unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}\n{}", log()))
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// `WASSER_BIN`, or what cargo built beside this test.
fn binary() -> PathBuf {
    std::env::var_os("WASSER_BIN").map_or_else(
        || Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("debug/wasser"),
        PathBuf::from,
    )
}

async fn install_crds(client: &Client) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition"));
    let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
    for file in std::fs::read_dir(root().join("crds")).unwrap() {
        let crd: DynamicObject = yaml_serde::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap();
        let name = crd.name_any();
        api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&crd))
            .await
            .unwrap();
    }
}
