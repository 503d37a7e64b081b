//! A `wasser run` for one test, in a separate namespace.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DynamicObject, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use kube::{Api, Client, ResourceExt};
use serde_json::Value;
use wasser_test_cluster::http::get;
use wasser_test_cluster::operator::{OperatorCommand, OperatorProcess};

use crate::metrics::Metrics;
use crate::user::{Logs, User};
use crate::{environment, sweep};

/// How long the operator may take to end, in which it finishes what it has begun.
const ENDS_WITHIN: Duration = Duration::from_secs(30);

/// Between two looks at whether the operator has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// The process, and its namespace.
pub struct Operator {
    /// The namespace where its plugins are registered, and where the test has its objects.
    user: User,
    /// The ConfigMaps there.
    pub maps: Api<ConfigMap>,
    options: Vec<String>,
    process: OperatorProcess,
    /// How many operators there were in this namespace before.
    number: u32,
}

impl Operator {
    /// Starts an operator and waits until it is ready.
    pub async fn start(name: &str) -> Self {
        Self::start_with(name, &[]).await
    }

    /// Starts an operator with the JuiceFS plugin, and waits until that serves.
    pub async fn start_serving(name: &str) -> Self {
        let operator = Self::start(name).await;
        operator.serve_juicefs().await;
        operator
    }

    /// Starts an operator with more options.
    pub async fn start_with(name: &str, options: &[&str]) -> Self {
        let client = Client::try_default()
            .await
            .expect("these tests need a cluster: run them with `cargo xtask test e2e`, or set KUBECONFIG");
        sweep::leftovers(&client).await;
        install_crds(&client).await;
        let user = User::new(client, name, Logs::File(PathBuf::new())).await;
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Self::spawn(user.client.clone(), user.namespace, options, 0).await
    }

    /// Starts another operator in the same namespace, in addition to this one.
    pub async fn replica(&self) -> Self {
        Self::spawn(
            self.client.clone(),
            self.namespace.clone(),
            self.options.clone(),
            self.number + 1,
        )
        .await
    }

    /// Starts the operator again, after it has ended.
    pub async fn restart(&mut self) {
        *self = Self::spawn(
            self.client.clone(),
            self.namespace.clone(),
            self.options.clone(),
            self.number + 1,
        )
        .await;
    }

    async fn spawn(client: Client, namespace: String, options: Vec<String>, number: u32) -> Self {
        let scratch = environment::scratch();
        let log = scratch.join(format!("{namespace}-{number}.log"));
        let levels = ["--log", "info,wasser=debug,wasser_engine=debug"].map(str::to_owned);
        let command = OperatorCommand {
            program: &environment::wasser(),
            kubeconfig: None,
            namespace: &namespace,
            cache: &scratch.join("cache"),
            log: &log,
            arguments: &[levels.as_slice(), &options].concat(),
            has_own_group: false,
        };
        let process = command
            .start()
            .expect("starting wasser; build it with `cargo build -p wasser`");
        let maps = Api::namespaced(client.clone(), &namespace);
        let user = User {
            client,
            namespace,
            logs: Logs::File(log),
        };
        let operator = Self {
            user,
            maps,
            options,
            process,
            number,
        };
        // The very first compiles Helm's engine, without optimisation.
        let ready = || operator.try_get("/readyz");
        operator.eventually("the operator is ready", ready).await;
        operator
    }

    /// Returns the path of its log.
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// Counts the lines of the log that contain this.
    pub fn log_lines(&self, text: &str) -> usize {
        let log = std::fs::read_to_string(self.log()).expect("reading the log");
        log.lines().filter(|line| line.contains(text)).count()
    }

    /// Returns its metrics.
    pub async fn metrics(&self) -> Metrics {
        Metrics::parse(&self.get("/metrics").await)
    }

    /// Waits for a line of the metrics.
    pub async fn metric(&self, line: &str) {
        let there = || async {
            self.try_get("/metrics")
                .await
                .filter(|text| Metrics::parse(text).has(line))
        };
        self.eventually(line, there).await;
    }

    /// Returns the body of its answer.
    pub async fn get(&self, path: &str) -> String {
        self.try_get(path).await.expect("the operator does not answer")
    }

    /// Returns the body of an answer with the status 200.
    async fn try_get(&self, path: &str) -> Option<String> {
        let (address, path) = (self.process.address(), path.to_owned());
        // Servers in the test must not wait for the answer.
        let asked = tokio::task::spawn_blocking(move || get(address, &path)).await;
        let (status, body) = asked.expect("asking the operator").ok()?;
        (status == 200).then_some(body)
    }

    /// Ends the operator as Kubernetes does.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.process.terminate().expect("asking the operator to end");
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.ended().expect("waiting for the operator") {
                return status;
            }
            assert!(began.elapsed() < ENDS_WITHIN, "it does not end");
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends the operator as a crash does.
    pub async fn kill(&mut self) {
        self.process.kill().expect("killing the operator");
    }

    /// Ends the operator and removes its namespace.
    pub async fn end(mut self) {
        assert!(self.terminate().await.success(), "the operator ended with an error");
        self.leave().await;
    }

    /// Applies objects that were accepted before the CRDs had rules, and are refused now.
    pub async fn apply_without_rules(&self, objects: &[Value]) -> Vec<DynamicObject> {
        relax_crds(&self.client).await;
        let mut applied = Vec::new();
        for object in objects {
            let accepted = || async { self.try_apply(object).await.ok() };
            applied.push(
                self.eventually("the API server knows the CRDs without rules", accepted)
                    .await,
            );
        }
        install_crds(&self.client).await;
        applied
    }
}

impl Deref for Operator {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

/// Installs the checked-in CRDs.
pub async fn install_crds(client: &Client) {
    apply_crds(client, |_| ()).await;
}

/// Installs the checked-in CRDs without their rules, as Fluid's are. They stay so until
/// [`install_crds`].
pub async fn relax_crds(client: &Client) {
    let without_rules = |crd: &mut DynamicObject| {
        for version in crd.data["spec"]["versions"].as_array_mut().into_iter().flatten() {
            if let Some(schema) = version
                .pointer_mut("/schema/openAPIV3Schema")
                .and_then(Value::as_object_mut)
            {
                schema.remove("x-kubernetes-validations");
            }
        }
    };
    apply_crds(client, without_rules).await;
}

/// Installs the checked-in CRDs, changed, and waits until they are served.
async fn apply_crds(client: &Client, change: impl Fn(&mut DynamicObject)) {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
    ));
    let api = Api::<DynamicObject>::all_with(client.clone(), &resource);
    for file in std::fs::read_dir(environment::root().join("crds")).expect("reading the directory crds") {
        let path = file.expect("reading the directory crds").path();
        let text = std::fs::read_to_string(&path).expect("reading a CRD");
        let mut crd: DynamicObject = yaml_serde::from_str(&text).expect("a CRD");
        change(&mut crd);
        let name = crd.name_any();
        api.patch(&name, &PatchParams::apply("test").force(), &Patch::Apply(&crd))
            .await
            .expect("installing a CRD");
        let established = || async {
            let conditions = api
                .get(&name)
                .await
                .ok()?
                .data
                .pointer("/status/conditions")?
                .as_array()?
                .clone();
            conditions
                .iter()
                .any(|condition| condition["type"] == "Established" && condition["status"] == "True")
                .then_some(())
        };
        crate::expect::within(
            crate::expect::PATIENCE,
            "the CRD is established",
            async || name.clone(),
            established,
        )
        .await;
    }
}
