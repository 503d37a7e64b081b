//! The server, the plugin, and operators that can be started and killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wasser_chart::{Driver, KEY_BYTES, Recording, Renderer, SigningKey};
use wasser_engine::{Backoff, Rollouts, TenantRules};
use wasser_oci::{PublicKey, Registry as OciRegistry};
use wasser_plugin::{Digest, HostConfig, PluginHost, Registrar, Registry, Threads};
use wasser_test_api_server::ApiServer;
use wasser_test_registry::TestRegistry;

use super::common::Guest;
pub use super::package::chart;
use crate::context::{Context, ServedKind, Settings};
use crate::controllers::{self, ChangeBus};
use crate::health::Health;
use crate::left::Left;
use crate::metrics::Metrics;
use crate::registration::{Artifacts, Registrations};
use crate::supervisor::Supervisor;
use crate::unlisted::Unlisted;

/// The operator's namespace, and the name of its clients.
pub const OPERATOR: &str = "wasser-system";

/// An operator that asks for nothing for this long is at rest.
pub const QUIET: Duration = Duration::from_millis(200);

/// How long releases are observed after another build of the plugin.
const SETTLING: Duration = Duration::from_millis(100);

/// The chart of the plugin.
pub const STATEFUL_SET: &str = "apiVersion: apps/v1
kind: StatefulSet
metadata: {name: {{ .Release.Name }}-worker}
spec:
  replicas: 0
  serviceName: {{ .Release.Name }}-worker
  selector: {matchLabels: {app: {{ .Release.Name }}}}
  template:
    metadata: {labels: {app: {{ .Release.Name }}}}
    spec: {containers: [{name: worker, image: demo}]}
";

/// A server with registered plugins.
pub struct Scene {
    pub server: ApiServer,
    /// What operators that are started let Datasets do.
    pub tenant_rules: TenantRules,
    /// How records of releases are written.
    pub recording: Recording,
    /// How long a reconcile of theirs may take by itself.
    pub deadline: Duration,
    /// How often they ask running operations how far they are.
    pub progress_period: Duration,
    /// How often operators look at what no watch tells of.
    pub sync_period: Duration,
    /// How long a deletion waits before they say for what.
    pub patience: Duration,
    /// How long their Datasets wait for the first lists of all kinds.
    pub first_lists: Duration,
    /// The registry that artifacts are pulled from, and where they are kept.
    pub registry: OciRegistry,
    pub artifacts: Arc<tempfile::TempDir>,
    /// The keys of which one must have signed them, if there are any.
    pub keys: Vec<PublicKey>,
    /// The host of their plugins. By default that of all scenes.
    pub plugins: PluginHost,
    /// Where their reconciles run. By default with everything else, and so until they are killed.
    pub threads: Threads,
}

/// How records are written, with a key that is always the same.
pub fn recording(driver: Driver) -> Recording {
    Recording {
        driver,
        key: SigningKey::new(&[7; KEY_BYTES]),
    }
}

impl Scene {
    /// Returns a scene with a plugin for the kind `DemoRuntime` whose chart is one StatefulSet.
    pub fn new() -> Self {
        let component = Guest::default().answers("desired", b"{}").build();
        let chart = chart(&[("worker.yaml", STATEFUL_SET)]);
        Self::serving(&[
            crd(),
            registration(&component, &chart, "exec: [worker], kinds: [StatefulSet]", "{}"),
        ])
    }

    /// Returns a scene with these objects: registrations, and definitions that the repository does
    /// not have.
    pub fn serving(objects: &[Value]) -> Self {
        let server = ApiServer::new();
        server.namespace(OPERATOR);
        server.install_crds();
        for object in objects {
            server.create(object);
        }
        Self {
            server,
            tenant_rules: TenantRules::default(),
            recording: recording(Driver::Secret),
            deadline: controllers::DEADLINE,
            progress_period: Duration::from_secs(10),
            sync_period: Duration::from_secs(15),
            patience: Duration::from_secs(10),
            first_lists: Duration::from_secs(10),
            registry: OciRegistry::default(),
            artifacts: Arc::new(tempfile::tempdir().unwrap()),
            keys: Vec::new(),
            plugins: plugins(),
            threads: Threads::here(),
        }
    }

    /// Lets operators pull from this registry, without encryption and with little patience.
    pub fn pulling_from(mut self, registry: &TestRegistry) -> Self {
        self.registry.plain_hosts.push(registry.host().to_owned());
        self
    }

    /// Returns a scene whose Dataset is Bound, and its operator.
    pub async fn bound() -> (Self, Operator) {
        let scene = Self::new();
        let operator = scene.start().await;
        scene.create_runtime();
        scene.bind().await;
        (scene, operator)
    }

    /// Creates the Dataset and the runtime `default/demo`, with two workers.
    pub fn create_runtime(&self) {
        self.create_named("demo");
    }

    /// Creates them with another name.
    pub fn create_named(&self, name: &str) {
        self.create(name, json!([{"mountPoint": "demo://bucket", "name": "demo"}]));
    }

    /// Creates `default/demo` with these mounts.
    pub fn create_runtime_with(&self, mounts: Value) {
        self.create("demo", mounts);
    }

    fn create(&self, name: &str, mounts: Value) {
        let object = |kind: &str, spec: Value| {
            json!({
                "apiVersion": "data.fluid.io/v1alpha1", "kind": kind,
                "metadata": {"name": name, "namespace": "default"}, "spec": spec,
            })
        };
        self.server.create(&object("Dataset", json!({"mounts": mounts})));
        self.server.create(&object("DemoRuntime", json!({"replicas": 2})));
    }

    /// Exchanges the plugin for that of another registration.
    pub fn register(&self, registration: &Value) {
        self.server.edit("ConfigMap", OPERATOR, "demo", |map| {
            for field in ["data", "binaryData"] {
                map[field] = registration[field].clone();
            }
        });
    }

    /// Waits until workers are wanted, and makes them ready.
    pub async fn start_workers(&self) {
        self.start_workers_of("demo").await;
    }

    /// The same for the workers of a runtime of this name.
    pub async fn start_workers_of(&self, runtime: &str) {
        let name = format!("{runtime}-worker");
        let wanted = self
            .server
            .until("workers to start", |server| {
                let set = server.object("StatefulSet", "default", &name)?;
                set["spec"]["replicas"].as_i64().filter(|wanted| *wanted > 0)
            })
            .await;
        self.server.edit_status("StatefulSet", "default", &name, |status| {
            for field in [
                "replicas",
                "readyReplicas",
                "availableReplicas",
                "currentReplicas",
                "updatedReplicas",
            ] {
                status[field] = json!(wanted);
            }
        });
    }

    /// Lets the workload controller have seen what is wanted of the workers of a runtime.
    pub fn observe_workers_of(&self, runtime: &str) {
        let name = format!("{runtime}-worker");
        let set = self.server.object("StatefulSet", "default", &name);
        let seen = set.map(|set| set["metadata"]["generation"].clone());
        self.server.edit_status("StatefulSet", "default", &name, |status| {
            status["observedGeneration"] = json!(seen)
        });
    }

    /// Waits until the Dataset has a phase.
    pub async fn phase(&self, phase: &str) {
        self.phase_of("demo", phase).await;
    }

    /// The same for a Dataset of this name.
    pub async fn phase_of(&self, dataset: &str, phase: &str) {
        let is_it = |server: &ApiServer| {
            let dataset = server.object("Dataset", "default", dataset)?;
            (dataset["status"]["phase"] == phase).then_some(())
        };
        let what = format!("the Dataset {dataset} to be {phase}");
        self.server.until(&what, is_it).await;
    }

    /// Waits until the volume of the Dataset can be claimed.
    pub async fn volume(&self) {
        let look = |server: &ApiServer| {
            server.object("PersistentVolume", "", "default-demo")?;
            server.object("PersistentVolumeClaim", "default", "demo")
        };
        self.server.until("volume and claim", look).await;
    }

    /// Makes the workers ready, and waits until the Dataset is Bound, has its volume, and the operator
    /// is at rest.
    pub async fn bind(&self) {
        self.start_workers().await;
        self.phase("Bound").await;
        self.volume().await;
        self.server.settled(QUIET).await;
    }

    /// Starts an operator, which serves the kind when this returns.
    pub async fn start(&self) -> Operator {
        self.start_as(true).await
    }

    /// Starts an operator that does not lead until it is told to.
    pub async fn start_behind(&self) -> Operator {
        self.start_as(false).await
    }

    async fn start_as(&self, leading: bool) -> Operator {
        let (operator, kinds) = self.begin(leading);
        let mut served = kinds.subscribe();
        let is_served = served.wait_for(|kinds| !kinds.is_empty());
        // Many scenes may begin at the same time.
        let in_time = tokio::time::timeout(Duration::from_secs(180), is_served).await;
        assert!(in_time.is_ok_and(|kinds| kinds.is_ok()), "no kind is served");
        operator
    }

    /// Starts an operator, which need not serve anything.
    pub fn start_unserved(&self) -> Operator {
        self.begin(true).0
    }

    fn begin(&self, leading: bool) -> (Operator, watch::Sender<Vec<ServedKind>>) {
        let client = self.server.client(OPERATOR);
        let metrics = Arc::new(Metrics::new());
        let health = Arc::new(Health::new(Instant::now(), metrics.clone()));
        let (registry, kinds) = (Arc::new(Registry::new()), watch::Sender::new(Vec::new()));
        let (leader, stop) = (watch::Sender::new(leading), CancellationToken::new());
        let (rollouts, unlisted) = (Arc::new(Rollouts::observing(SETTLING)), Arc::<Unlisted>::default());
        let artifacts = Artifacts::new(self.registry.clone(), self.artifacts.path(), client.clone(), OPERATOR)
            .signed_by(self.keys.clone());
        let left = Arc::<Left>::default();
        let registrations = Registrations {
            client: client.clone(),
            namespace: OPERATOR.to_owned(),
            registrar: Arc::new(Registrar::new(self.plugins.clone(), registry.clone()).with_keys(artifacts.keys())),
            artifacts,
            pauses: Backoff {
                first: Duration::from_millis(20),
                longest: Duration::from_millis(100),
            },
            registry: registry.clone(),
            health: health.clone(),
            metrics: metrics.clone(),
            rollouts: rollouts.told(),
            telling: SETTLING,
            unlisted: unlisted.reasons(),
            listed: unlisted.listed_kinds(),
            left: left.clone(),
            leader: leader.subscribe(),
            api_versions: watch::Sender::new(Vec::new()),
            kinds: kinds.clone(),
        };
        // Rendering and the calls of plugins take long on a busy machine, and ask for nothing.
        let (counted, ended) = (Arc::downgrade(&metrics), stop.clone());
        self.server.wait_for(move || {
            let is_at_work = |metrics: Arc<Metrics>| reconciles(&metrics.text());
            !ended.is_cancelled() && counted.upgrade().is_some_and(is_at_work)
        });
        let (supervisor, shown, serving) = (health.supervisor.clone(), metrics.clone(), registry.clone());
        let context = Context {
            client,
            registry,
            threads: self.threads.clone(),
            renderer: renderer(),
            rollouts,
            left,
            unlisted,
            metrics,
            health,
            settings: Settings {
                namespace: OPERATOR.to_owned(),
                workers: 4,
                deadline: self.deadline,
                sync_period: self.sync_period,
                progress_period: self.progress_period,
                patience: self.patience,
                first_lists: self.first_lists,
                mount_root: "/runtime-mnt".to_owned(),
                excluded_nodes: BTreeMap::new(),
                tenant_rules: self.tenant_rules,
                look_up_secrets: self.recording.driver == Driver::Secret,
            },
            recording: self.recording.clone(),
            kinds: kinds.subscribe(),
            leader: leader.subscribe(),
        };
        let change_bus = Arc::<ChangeBus>::default();
        let tasks = vec![
            tokio::spawn(registrations.run(stop.clone())),
            tokio::spawn({
                let (change_bus, stop) = (change_bus.clone(), stop.clone());
                async move { controllers::run(Arc::new(context), change_bus, stop).await.unwrap() }
            }),
        ];
        let operator = Operator {
            leader,
            change_bus,
            supervisor,
            metrics: shown,
            registry: serving,
            stop,
            tasks,
        };
        (operator, kinds)
    }

    /// Kills the operator: what it has begun is not finished.
    pub fn kill(&self, operator: Operator) {
        self.server.disconnect(OPERATOR);
        Self::end(operator);
    }

    /// Ends an operator beside which another one works: its connections cannot be told from those
    /// of the other.
    pub fn end(operator: Operator) {
        operator.stop.cancel();
        operator.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Whether an operator that shows these metrics reconciles something.
fn reconciles(metrics: &str) -> bool {
    let mut running = metrics
        .lines()
        .filter(|line| line.starts_with("wasser_reconciles_running{"));
    running.any(|line| !line.ends_with(" 0"))
}

/// A running operator.
pub struct Operator {
    leader: watch::Sender<bool>,
    /// By which its controllers learn of changes.
    pub change_bus: Arc<ChangeBus>,
    /// Watches over its tasks.
    pub supervisor: Arc<Supervisor>,
    /// What it shows.
    pub metrics: Arc<Metrics>,
    /// The plugins that serve.
    pub registry: Arc<Registry>,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Operator {
    /// Waits until its controllers have ended. Returns whether that was as it should be.
    pub async fn ended(&mut self) -> bool {
        match self.tasks.pop() {
            Some(controllers) => controllers.await.is_ok(),
            None => true,
        }
    }

    /// Lets it lead.
    pub fn lead(&self) {
        self.leader.send_replace(true);
    }

    /// Asks it to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Helm's engine, compiled once for all runs.
pub fn renderer() -> Arc<Renderer> {
    static RENDERER: OnceLock<Arc<Renderer>> = OnceLock::new();
    let open = || Arc::new(Renderer::open(&temporary("helm-in-process")).unwrap());
    RENDERER.get_or_init(open).clone()
}

/// The host of all plugins: each reserves terabytes of address space, and compiles what it loads.
pub fn plugins() -> PluginHost {
    static PLUGINS: OnceLock<PluginHost> = OnceLock::new();
    let open = || PluginHost::new(HostConfig::new(temporary("plugins-in-process"))).unwrap();
    PLUGINS.get_or_init(open).clone()
}

/// A directory next to that of the test programs, where cargo has that of integration tests as
/// well.
fn temporary(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target: PathBuf = program.ancestors().nth(3).unwrap().into();
    target.join("tmp").join(name)
}

/// The definition of `DemoRuntime`.
pub fn crd() -> Value {
    definition("DemoRuntime")
}

/// The definition of a kind of runtimes whose fields are free.
pub fn definition(kind: &str) -> Value {
    let (singular, plural) = (kind.to_lowercase(), format!("{}s", kind.to_lowercase()));
    let free = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("{plural}.data.fluid.io")},
        "spec": {
            "group": "data.fluid.io", "scope": "Namespaced",
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular},
            "versions": [{
                "name": "v1alpha1", "served": true, "storage": true, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": free, "status": free}}},
            }],
        },
    })
}

/// The registration of a plugin for `DemoRuntime`, with grants and settings in YAML.
pub fn registration(component: &[u8], chart: &[u8], grants: &str, settings: &str) -> Value {
    let plugin = format!(
        "runtime: DemoRuntime\ncomponent: {{inline: demo.wasm}}\ndigest: {}\nchart: {{inline: demo.tgz}}\n\
         grants: {{{grants}}}\nsettings: {settings}\n",
        Digest::of(component)
    );
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "demo", "namespace": OPERATOR, "labels": {"wasser.fluid.io/plugin": "true"}},
        "data": {"plugin.yaml": plugin},
        "binaryData": {"demo.wasm": STANDARD.encode(component), "demo.tgz": STANDARD.encode(chart)},
    })
}
