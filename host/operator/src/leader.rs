//! Leader election through a Lease: of several replicas, one writes.
//!
//! A replica that does not lead keeps its caches and plugins warm, and takes over within the
//! lease's duration. One that cannot renew its lease stops before another may take it: the requests
//! of the election have short timeouts and a client of their own.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::{Api, Client, Config};
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Name of the Lease in the operator's namespace.
const LEASE: &str = "wasser.data.fluid.io";
/// How long a lease holds, in seconds.
const DURATION: u64 = 15;
/// How long before its end it is renewed, in seconds.
const GRACE: u64 = 10;
/// How long renewing may fail until this replica no longer trusts its lease: less than [`GRACE`],
/// by two requests' timeouts.
const PATIENCE: Duration = Duration::from_secs(4);
/// Of every request of the election.
const TIMEOUT: Duration = Duration::from_secs(3);
/// How often a replica that does not lead looks whether the lease was given back.
const LOOK: Duration = Duration::from_secs(2);
/// Between two attempts after a failure.
const PAUSE: Duration = Duration::from_millis(500);

/// How a replica takes part.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The operator's namespace.
    pub namespace: String,
    /// Who this is. A pod has its name, so that a container that was restarted goes on with the
    /// lease that it had.
    pub identity: String,
}

impl Candidate {
    /// The name of the pod, else of the machine and the process.
    pub fn identity() -> String {
        let named = |key| std::env::var(key).ok().filter(|value| !value.is_empty());
        named("POD_NAME").unwrap_or_else(|| {
            let host = named("HOSTNAME").unwrap_or_else(|| "wasser".to_owned());
            let millis = jiff::Timestamp::now().as_millisecond();
            format!("{host}-{}-{millis}", std::process::id())
        })
    }
}

/// Takes part in the election until stopped, and then gives the lease back. `leading` says
/// whether this replica leads; once it no longer does, `lost` is cancelled and there is no way back
/// but a new start: what was read as a leader may be out of date.
pub async fn run(
    config: Config,
    candidate: Candidate,
    leading: watch::Sender<bool>,
    stop: CancellationToken,
    lost: CancellationToken,
) {
    let Some((mut manager, leases)) = open(&config, &candidate, &stop).await else {
        return;
    };
    let mut failing: Option<Instant> = None;
    loop {
        let leads = *leading.borrow();
        let changed = tokio::select! {
            () = stop.cancelled() => break,
            changed = manager.changed() => changed,
            // The manager sleeps until the lease ends, even if its holder has given it back in the
            // meantime; a new one looks.
            () = given_back(&leases), if !leads => match open(&config, &candidate, &stop).await {
                Some(opened) => {
                    manager = opened.0;
                    continue;
                }
                None => break,
            },
        };
        match changed {
            Ok(true) => {
                failing = None;
                tracing::info!(identity = candidate.identity, "this replica leads");
                leading.send_replace(true);
            }
            Ok(false) if leads => {
                tracing::error!(
                    identity = candidate.identity,
                    "another replica has taken the lease; this one stops"
                );
                break;
            }
            Ok(false) => failing = None,
            Err(error) => {
                // The time of the first failure is that of the attempt, not of its timeout.
                let since =
                    *failing.get_or_insert_with(|| Instant::now().checked_sub(TIMEOUT).unwrap_or_else(Instant::now));
                if leads && since.elapsed() > PATIENCE + TIMEOUT {
                    tracing::error!(%error, "the lease could not be renewed; this replica stops before another takes \
                        over");
                    break;
                }
                tracing::warn!(%error, "the lease could not be read or renewed");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    if stop.is_cancelled() {
        // The controllers still finish what they have begun; the caller ends this once they have.
        if *leading.borrow()
            && let Err(error) = manager.release().await
        {
            tracing::warn!(%error, "the lease could not be given back; another replica takes over when it ends");
        }
    } else {
        leading.send_replace(false);
        lost.cancel();
    }
}

/// Waits until nobody holds the lease.
async fn given_back(leases: &Api<Lease>) {
    loop {
        tokio::time::sleep(LOOK).await;
        // Whatever goes wrong here, the manager meets as well, and says so.
        let holder = leases
            .get(LEASE)
            .await
            .ok()
            .and_then(|lease| lease.spec)
            .map(|spec| spec.holder_identity);
        if holder.is_some_and(|holder| holder.is_none()) {
            return;
        }
    }
}

/// The election with a client of its own, and the same leases to look at.
async fn open(config: &Config, candidate: &Candidate, stop: &CancellationToken) -> Option<(LeaseManager, Api<Lease>)> {
    let mut config = config.clone();
    config.connect_timeout = Some(TIMEOUT);
    config.read_timeout = Some(TIMEOUT);
    config.write_timeout = Some(TIMEOUT);
    loop {
        let attempt = async {
            let client = Client::try_from(config.clone()).map_err(|error| error.to_string())?;
            let leases = Api::namespaced(client.clone(), &candidate.namespace);
            let manager = LeaseManagerBuilder::new(client, LEASE)
                .with_namespace(&candidate.namespace)
                .with_identity(&candidate.identity)
                .with_field_manager(format!("wasser-{}", candidate.identity))
                .with_duration(DURATION)
                .with_grace(GRACE)
                .build()
                .await
                .map_err(|error| error.to_string())?;
            Ok::<_, String>((manager, leases))
        };
        tokio::select! {
            () = stop.cancelled() => return None,
            opened = attempt => match opened {
                Ok(opened) => return Some(opened),
                Err(error) => tracing::warn!(namespace = candidate.namespace, lease = LEASE, error,
                    "the lease cannot be read or created; trying again"),
            },
        }
        tokio::time::sleep(PAUSE).await;
    }
}
