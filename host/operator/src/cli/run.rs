//! `wasser run`: the operator.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::ArgAction;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wasser_chart::{Capabilities, Recording};
use wasser_engine::{Rollouts, Sharing, TenantRules};
use wasser_plugin::{Registrar, Registry};
use wasser_process::{Tenure, logs, signals};

use super::host::HostArgs;
use super::options::{self, HelmDriver};
use crate::context::{Context, Settings};
use crate::fluid::Alone;
use crate::health::{self, Addresses, Health};
use crate::leader::{self, Candidate};
use crate::left::Left;
use crate::metrics::Metrics;
use crate::registration::{PAUSES, Registrations, TELLING};
use crate::unlisted::Unlisted;
use crate::{client, controllers, record_key, version};

/// Most of the time is spent waiting for the API server; every thread costs memory.
const THREADS: usize = 2;
/// How long reconciles that are under way may take when the process is asked to stop: less than a
/// pod's grace period of 30 s.
const DRAIN: Duration = Duration::from_secs(20);
/// How long giving back the lease may take.
const RELEASE: Duration = Duration::from_secs(4);

/// Options, each also an environment variable.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The operator's own namespace, where plugins are registered [default: that of the pod, else
    /// fluid-system].
    #[arg(long, env = "WASSER_NAMESPACE")]
    namespace: Option<String>,
    #[command(flatten)]
    host: HostArgs,
    /// Address of /metrics; 0 for none.
    #[arg(long, env = "WASSER_METRICS_ADDR", default_value = ":8080", value_parser = options::listen)]
    metrics_addr: options::Listen,
    /// Address of /healthz and /readyz; 0 for none [default: that of the metrics].
    #[arg(long, env = "WASSER_HEALTH_ADDR", value_parser = options::listen)]
    health_addr: Option<options::Listen>,
    /// Write only while holding the Lease, as several replicas must.
    #[arg(long, env = "WASSER_LEADER_ELECT", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_value_t = false, default_missing_value = "true")]
    leader_elect: bool,
    /// Reconciles of one kind at the same time.
    #[arg(long, env = "WASSER_WORKERS", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
    /// How often the cache states of a bound dataset are read.
    #[arg(long, env = "FLUID_SYNC_RETRY_DURATION", default_value = "15s", value_parser = options::period)]
    sync_period: Duration,
    /// Directory of nodes below which file systems are mounted.
    #[arg(long, env = "MOUNT_ROOT", default_value = "/runtime-mnt")]
    mount_root: String,
    /// Nodes with all of these labels are left alone.
    #[arg(long, env = "WASSER_EXCLUDED_NODES", default_value = "", value_parser = options::labels,
        value_name = "KEY=VALUE,…")]
    excluded_nodes: std::collections::BTreeMap<String, String>,
    /// Who may refer to a Dataset of another namespace: every namespace, or those that the Dataset
    /// names in its annotation data.fluid.io/shared-with.
    #[arg(long, env = "WASSER_REFERENCES", value_enum, default_value_t = References::Everybody)]
    references: References,
    /// Whether Datasets may name directories of nodes.
    #[arg(long, env = "WASSER_DATASET_HOST_PATHS", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_value_t = true, default_missing_value = "true")]
    dataset_host_paths: bool,
    /// Where Helm's records of releases are kept. With `configmap`, the operator needs no right to
    /// Secrets outside of its own namespace, and `helm` finds releases with HELM_DRIVER=configmap.
    #[arg(long, env = "WASSER_HELM_DRIVER", value_enum, default_value_t = HelmDriver::Secret)]
    helm_driver: HelmDriver,
    /// Whether the Secrets that Datasets name are looked for, so that a missing one is told at once.
    #[arg(long, env = "WASSER_LOOK_UP_SECRETS", action = ArgAction::Set, num_args = 0..=1, require_equals = true,
        default_value_t = true, default_missing_value = "true")]
    look_up_secrets: bool,
    #[command(flatten)]
    logs: logs::Options,
}

/// How often running operations are asked how far they are.
const PROGRESS_PERIOD: Duration = Duration::from_secs(10);
/// How long a deletion may wait for something before its user learns of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long Datasets wait for the first lists of all kinds after a start.
const FIRST_LISTS: Duration = Duration::from_secs(10);

/// Who may refer to a Dataset of another namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum References {
    Everybody,
    Shared,
}

impl From<References> for Sharing {
    fn from(references: References) -> Self {
        match references {
            References::Everybody => Self::Everybody,
            References::Shared => Self::Shared,
        }
    }
}

impl Args {
    fn settings(&self) -> Settings {
        Settings {
            namespace: options::namespace(self.namespace.clone()),
            workers: self.workers,
            deadline: controllers::DEADLINE,
            sync_period: self.sync_period,
            progress_period: PROGRESS_PERIOD,
            patience: PATIENCE,
            first_lists: FIRST_LISTS,
            mount_root: self.mount_root.clone(),
            excluded_nodes: BTreeMap::clone(&self.excluded_nodes),
            tenant_rules: TenantRules {
                references: self.references.into(),
                host_paths: self.dataset_host_paths,
            },
            look_up_secrets: self.look_up_secrets,
        }
    }

    fn addresses(&self) -> Addresses {
        Addresses {
            metrics: self.metrics_addr.0,
            health: self.health_addr.unwrap_or(self.metrics_addr).0,
        }
    }
}

/// Runs until stopped by a signal, or until another replica leads.
pub fn run(args: Args, started: Instant) -> Result<ExitCode> {
    args.logs.start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("starting the async runtime")?;
    let code = runtime.block_on(operate(args, started));
    // What is still running now, has had its time.
    runtime.shutdown_background();
    code
}

async fn operate(args: Args, started: Instant) -> Result<ExitCode> {
    let (stop, lost, election_over) = (
        CancellationToken::new(),
        CancellationToken::new(),
        CancellationToken::new(),
    );
    // Whatever ends the process, its tasks do not end too early then.
    let _stopping = stop.clone().drop_guard();
    let signalled = signals::on_signal(stop.clone())?;
    let settings = args.settings();
    let metrics = Arc::new(Metrics::new());
    let health = Arc::new(Health::new(started, metrics.clone()));
    let addresses = args.addresses();
    health::serve(addresses, health.clone(), metrics.clone(), lost.clone())
        .with_context(|| format!("listening on {addresses:?}"))?;

    let config = kube::Config::infer()
        .await
        .context("finding a cluster: neither KUBECONFIG, ~/.kube/config nor a pod's service account is usable")?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), server = %config.cluster_url,
        namespace = settings.namespace, "starting");
    let tenure = Arc::new(Tenure::new(lost.clone()));
    let client =
        client::client(config.clone(), &metrics, &tenure).context("setting up the client of the API server")?;
    let leader = watch::Sender::new(false);
    let alone = Alone::begin(client.clone(), &settings.namespace, health.fluid(), lost.clone());
    let election = if args.leader_elect {
        let voter = leader::client(config).context("setting up the client of the election")?;
        let candidate = Candidate {
            namespace: settings.namespace.clone(),
            identity: Candidate::identity(),
            terms: leader::TERMS,
        };
        let running = leader::run(voter, candidate, leader.clone(), tenure, election_over.clone());
        Some(tokio::spawn(alone.then(election_over.clone(), running)))
    } else {
        let leader = leader.clone();
        tokio::spawn(alone.then(election_over.clone(), async move {
            leader.send_replace(true);
        }));
        None
    };
    follow_leader(leader.subscribe(), metrics.clone());

    let artifacts = args.host.artifacts(client.clone(), &settings.namespace)?;
    let plugins = args.host.plugins()?;
    let (registry, kinds) = (Arc::new(Registry::new()), watch::Sender::new(Vec::new()));
    let api_versions = watch::Sender::new(Vec::new());
    let (instances, serving) = (plugins.clone(), registry.clone());
    metrics.measure("plugin_instances", move || instances.instances());
    metrics.measure("plugins", move || serving.all().len());
    let threads = plugins.threads();
    let (rollouts, unlisted, left) = (
        Arc::<Rollouts>::default(),
        Arc::<Unlisted>::default(),
        Arc::<Left>::default(),
    );
    let registrations = Registrations {
        client: client.clone(),
        namespace: settings.namespace.clone(),
        registrar: Arc::new(Registrar::new(plugins, registry.clone()).with_keys(artifacts.keys())),
        artifacts,
        pauses: PAUSES,
        registry: registry.clone(),
        health: health.clone(),
        metrics: metrics.clone(),
        rollouts: rollouts.told(),
        telling: TELLING,
        unlisted: unlisted.reasons(),
        listed: unlisted.listed_kinds(),
        left: left.clone(),
        leader: leader.subscribe(),
        api_versions: api_versions.clone(),
        kinds: kinds.clone(),
    };
    health
        .supervisor
        .spawn("the watch of registrations", &stop, registrations.run(stop.clone()));

    let version = async {
        let version = version::version(&client).await;
        version.context("asking the API server for its version")
    };
    let key = record_key::load(&client, &settings.namespace);
    let (version, renderer, key) = tokio::select! {
        all = async { tokio::try_join!(version, args.host.renderer(), key) } => all?,
        () = lost.cancelled() => return Ok(ExitCode::FAILURE),
        () = stop.cancelled() => {
            resign(election, &election_over).await;
            return Ok(ExitCode::SUCCESS);
        }
    };
    let capabilities = Capabilities {
        kube_version: Some(version),
        api_versions: api_versions.subscribe(),
    };
    let renderer = renderer.giving_way(threads.others()).with_capabilities(capabilities);
    let renderer = Arc::new(renderer);
    let shown = renderer.clone();
    metrics.helm.show(move |work| shown.done(work));
    metrics.tasks.show(health.supervisor.clone());
    metrics.rollouts.show(rollouts.clone());
    let context = Arc::new(Context {
        client,
        registry,
        threads,
        renderer,
        recording: Recording {
            driver: args.helm_driver.into(),
            key,
        },
        rollouts,
        left,
        unlisted,
        metrics,
        health: health.clone(),
        settings,
        kinds: kinds.subscribe(),
        leader: leader.subscribe(),
    });
    let change_bus = Arc::<controllers::ChangeBus>::default();
    let mut controllers = tokio::spawn(controllers::run(context, change_bus, stop.clone()));
    let code = tokio::select! {
        // Whoever leads now may be writing already.
        () = lost.cancelled() => return Ok(ExitCode::FAILURE),
        ended = &mut controllers => return ended.context("a controller ended \
            unexpectedly")?.map(|()| ExitCode::SUCCESS),
        () = stop.cancelled() => ExitCode::SUCCESS,
    };
    health.stopping();
    tracing::info!("stopping: finishing what is under way");
    tokio::select! {
        ended = tokio::time::timeout(DRAIN, controllers) => match ended {
            Ok(ended) => ended.context("a controller ended unexpectedly")??,
            Err(_) => tracing::warn!(seconds = DRAIN.as_secs(), "some reconciles are still under way; they go on \
                after the next start"),
        },
        () = lost.cancelled() => return Ok(ExitCode::FAILURE),
        () = signalled.again() => tracing::warn!("stopping at once"),
    }
    resign(election, &election_over).await;
    Ok(code)
}

/// Gives the lease back, if this process takes part in the election.
async fn resign(election: Option<JoinHandle<()>>, over: &CancellationToken) {
    over.cancel();
    if let Some(election) = election
        && tokio::time::timeout(RELEASE, election).await.is_err()
    {
        tracing::warn!("the lease could not be given back in time");
    }
}

/// Shows in the metrics whether this process leads.
fn follow_leader(mut leader: watch::Receiver<bool>, metrics: Arc<Metrics>) {
    tokio::spawn(async move {
        loop {
            metrics.leading(*leader.borrow_and_update());
            if leader.changed().await.is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use wasser_chart::Renderer;
    use wasser_plugin::PluginHost;

    use super::*;

    /// What an operator has by docs/scale.md for 5,000 Datasets, and artifacts that are pulled.
    const OWN: u64 = 200 << 20;
    const PULLED: u64 = 144 << 20;

    #[test]
    fn the_container_has_the_memory_that_others_may_take_together() {
        let chart = include_str!("../../../../charts/wasser/values.yaml");
        let values: serde_json::Value = yaml_serde::from_str(chart).unwrap();
        let limit = values["operator"]["resources"]["limits"]["memory"].as_str().unwrap();
        let limit: u64 = limit.strip_suffix("Mi").unwrap().parse().unwrap();
        let renders = u64::try_from(Renderer::MOST_MEMORY).unwrap();
        let all = PluginHost::MOST_MEMORY + renders + OWN + PULLED;
        assert!(all <= limit << 20, "{} MiB of {limit}", all >> 20);
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(options: &[&str]) -> Result<Args, String> {
        Line::try_parse_from(["run"].iter().chain(options))
            .map(|line| line.args)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_fluids() {
        let args = parse(&[]).unwrap();
        assert_eq!(
            (args.sync_period, args.mount_root.as_str(), args.leader_elect),
            (Duration::from_secs(15), "/runtime-mnt", false)
        );
        assert_eq!(args.addresses().metrics.unwrap().port(), 8080);
        assert_eq!(args.addresses().health, args.addresses().metrics);
    }

    #[test]
    fn options_are_read() {
        let args = parse(&[
            "--namespace",
            "mine",
            "--leader-elect",
            "--sync-period",
            "1m30s",
            "--health-addr",
            "0",
            "--workers",
            "3",
            "--excluded-nodes",
            "a=b",
        ])
        .unwrap();
        assert!(args.leader_elect);
        assert_eq!(args.settings().namespace, "mine");
        assert_eq!(args.settings().workers, 3);
        assert_eq!(args.settings().excluded_nodes.get("a").map(String::as_str), Some("b"));
        assert_eq!(
            (args.sync_period, args.addresses().health),
            (Duration::from_secs(90), None)
        );
        assert!(!parse(&["--leader-elect=false"]).unwrap().leader_elect);
    }

    #[test]
    fn wrong_options_say_what_is_right() {
        assert!(parse(&["--sync-period", "15"]).err().unwrap().contains("15s"));
        assert!(parse(&["--workers", "0"]).err().unwrap().contains("1..=256"));
        assert!(parse(&["--metrics-addr", "x"]).err().unwrap().contains(":8080"));
    }
}
