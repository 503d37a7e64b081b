//! Pods that the API server admits and does not keep.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use serde_json::{Value, json};
use wasser_test_cluster::Cluster;
use wasser_test_cluster::http::{get, post};
use wasser_test_cluster::machine::ports::free_ports;
use wasser_test_cluster::machine::process::wait;
use wasser_test_cluster::metrics::{Metrics, added};
use wasser_test_cluster::webhook::{SIDECAR_LABEL, STEERED_LABEL};

use crate::objects::NAMESPACE;
use crate::report::{hundredths, milliseconds};

/// The Datasets whose claims the pods name, by turns.
pub const DATASETS: u32 = 20;
/// How much is asked.
#[derive(Debug, Clone, Copy)]
pub struct Admissions {
    /// Pods of each kind.
    pub count: u32,
    /// How many are created at a time.
    pub clients: u32,
}

/// What the webhook annotates whatever it changes with.
const CHANGED: &str = "fluid.io/datasets-in-use";
/// The histogram of the API server, by the name of the webhook.
const ADMISSIONS: &str = "apiserver_admission_webhook_admission_duration_seconds";
/// How long something that was started may take until it works.
const PATIENCE: Duration = Duration::from_secs(30);

/// A kind of pods.
pub struct Kind {
    name: &'static str,
    /// By which the webhook is asked about them.
    label: Option<&'static str>,
}

/// Those that the webhook is not asked about.
pub const UNASKED: Kind = Kind {
    name: "unasked",
    label: None,
};
/// Those that it steers.
pub const STEERED: Kind = Kind {
    name: "steered",
    label: Some(STEERED_LABEL),
};
/// Those that get a client before their containers.
pub const SIDECAR: Kind = Kind {
    name: "sidecar",
    label: Some(SIDECAR_LABEL),
};

/// Creates pods through a `kubectl proxy`, to which clients speak without TLS.
pub struct Pods {
    proxy: Child,
    address: SocketAddr,
}

impl Pods {
    /// Starts the proxy.
    pub fn start(cluster: &Cluster) -> Result<Self> {
        let [port] = free_ports(Ipv4Addr::LOCALHOST)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = cluster.kubectl_command();
        let proxy = command
            .args(["proxy", "--port", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("starting kubectl proxy")?;
        let pods = Self { proxy, address };
        let answers = wait(PATIENCE, || get(address, "/readyz").is_ok());
        ensure!(answers, "kubectl proxy does not answer at {address}");
        Ok(pods)
    }

    /// Waits until the API server asks the webhook.
    pub fn wait_asked(&self) -> Result<()> {
        let mut last = None;
        wait(PATIENCE, || {
            last = self.create_one(&STEERED, 0).err();
            last.is_none()
        });
        last.map_or(Ok(()), |error| {
            Err(error.context("the API server does not come to the webhook"))
        })
    }

    /// Creates pods of a kind. Returns how many milliseconds each took, in no order.
    ///
    /// # Errors
    /// If a pod is refused, or not changed although it has the label.
    pub fn create(&self, kind: &Kind, load: Admissions) -> Result<Vec<f64>> {
        let next = AtomicU32::new(0);
        let client = || -> Result<Vec<f64>> {
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= load.count {
                    return Ok(times);
                }
                times.push(milliseconds(self.create_one(kind, number)?));
            }
        };
        let outcomes: Vec<Result<Vec<f64>>> = thread::scope(|scope| {
            let clients: Vec<_> = (0..load.clients).map(|_| scope.spawn(client)).collect();
            let ended = clients.into_iter().map(thread::ScopedJoinHandle::join);
            ended
                .map(|outcome| outcome.unwrap_or_else(|_| Err(anyhow!("a client has panicked"))))
                .collect()
        });
        let times = outcomes.into_iter().collect::<Result<Vec<_>>>()?;
        Ok(times.concat())
    }

    fn create_one(&self, kind: &Kind, number: u32) -> Result<Duration> {
        let pod = pod(kind, number).to_string();
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods?dryRun=All");
        let began = Instant::now();
        let (status, answer) = post(self.address, &path, &pod)?;
        let took = began.elapsed();
        ensure!(status == 201, "a pod is answered with {status}: {answer}");
        ensure!(
            answer.contains(CHANGED) == kind.label.is_some(),
            "the webhook should change pods with its labels, and no others: {answer}"
        );
        Ok(took)
    }
}

impl Drop for Pods {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}

/// The API server's own figures of admissions.
pub fn admissions(cluster: &Cluster) -> Result<Metrics> {
    let text = cluster.kubectl(&["get", "--raw=/metrics"])?;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(ADMISSIONS)).collect();
    Metrics::parse(&lines.join("\n"))
}

/// Returns the milliseconds that an admission took on average between two scrapes, by the name of the
/// webhook.
pub fn mean_milliseconds(before: &Metrics, after: &Metrics) -> BTreeMap<String, f64> {
    let between = |part: &str| {
        let of = |metrics: &Metrics| metrics.sums(&format!("{ADMISSIONS}_{part}"), &["name"]);
        added(&of(before), &of(after))
    };
    let (seconds, counts) = (between("sum"), between("count"));
    let mean = |(name, count): (String, f64)| {
        let seconds = seconds.get(&name)?;
        Some((name, hundredths(seconds * 1e3 / count)))
    };
    counts
        .into_iter()
        .filter(|(_, count)| *count > 0.0)
        .filter_map(mean)
        .collect()
}

fn pod(kind: &Kind, number: u32) -> Value {
    let claim = format!("data-{:04}", number % DATASETS);
    let mut metadata = json!({"name": format!("{}-{number}", kind.name)});
    if let Some(label) = kind.label {
        metadata["labels"] = json!({label: "true"});
    }
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": metadata,
        "spec": {
            "containers": [{"name": "app", "image": "nginx", "volumeMounts": [{"name": "data", "mountPath": "/data"}]}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_have_the_label_of_their_kind_and_claims_by_turns() {
        let pod = pod(&SIDECAR, DATASETS + 3);
        assert_eq!(pod["metadata"]["labels"], json!({SIDECAR_LABEL: "true"}));
        let claim = &pod["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"];
        assert_eq!(claim, "data-0003");
        assert_eq!(super::pod(&UNASKED, 0)["metadata"].get("labels"), None);
    }

    #[test]
    fn the_mean_is_of_what_came_between() {
        let scrape = |sum: f64, count: u32| {
            let labels = "{name=\"sidecar.fuse.fluid.io\",operation=\"CREATE\",rejected=\"false\",type=\"admit\"}";
            let text = format!("{ADMISSIONS}_sum{labels} {sum}\n{ADMISSIONS}_count{labels} {count}\n");
            Metrics::parse(&text).unwrap()
        };
        let mean = mean_milliseconds(&scrape(1.0, 10), &scrape(1.5, 110));
        assert_eq!(mean, BTreeMap::from([("sidecar.fuse.fluid.io".to_owned(), 5.0)]));
        assert!(mean_milliseconds(&scrape(1.0, 10), &scrape(1.0, 10)).is_empty());
    }
}
