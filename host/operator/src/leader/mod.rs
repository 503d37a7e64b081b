//! Leader election through a Lease: of several replicas, one writes.
//!
//! A replica that does not lead keeps its caches and plugins warm. It takes a lease over that was
//! given back, or that was not renewed for 10 s since this replica has seen it. A leader trusts its
//! lease for 7 s after the last renewal was sent, whatever happens to the ones after that. So 3 s
//! are between the last write of one and the first of another, and requests are ended, not only
//! no longer begun. A leader that has lost its lease for nothing is back in a second, so the times
//! are shorter than Kubernetes' own.

mod record;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::ListParams;
use kube::{Api, Client, Config, ResourceExt};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wasser_process::Tenure;

pub use self::record::NAME as LEASE;
use self::record::Record;

/// The times of an election.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How long a lease holds that is not renewed. What the holder has written into it counts, which
    /// may be of another version.
    duration: Duration,
    /// How long a lease is trusted after a renewal was sent: the duration, less the time in which
    /// the API server may still carry out what it has received.
    trust: Duration,
    /// From one renewal to the next, and at most between two looks of a replica that does not lead.
    period: Duration,
    /// Between two attempts after a failure.
    pause: Duration,
    /// How long a request may take.
    timeout: Duration,
}

/// The terms of every installation.
pub const TERMS: Terms = Terms {
    duration: Duration::from_secs(10),
    trust: Duration::from_secs(7),
    period: Duration::from_secs(2),
    pause: Duration::from_millis(500),
    timeout: Duration::from_secs(2),
};

/// How a replica takes part.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The operator's namespace.
    pub namespace: String,
    /// Who this is. A pod has its name, so that a container that was restarted goes on with the
    /// lease that it had.
    pub identity: String,
    /// The times.
    pub terms: Terms,
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

/// Why a leader no longer leads.
#[derive(Debug, PartialEq, Eq)]
enum Loss {
    /// Another replica has the lease.
    Taken,
    /// It could not be renewed for as long as it is trusted.
    NotRenewed,
}

/// A client for the election, whose connections nothing else uses.
///
/// # Errors
/// If the configuration cannot be used: certificates that cannot be read, for example.
pub fn client(mut config: Config) -> kube::Result<Client> {
    config.connect_timeout = Some(TERMS.timeout);
    config.read_timeout = Some(TERMS.timeout);
    config.write_timeout = Some(TERMS.timeout);
    Client::try_from(config)
}

/// Returns the namespace of a lease that is held, in whatever namespace it is, and who holds it.
///
/// # Errors
/// If the API server does not list leases.
pub async fn holder(client: &Client) -> kube::Result<Option<(String, String)>> {
    let named = ListParams::default().fields(&format!("metadata.name={LEASE}"));
    let leases = Api::<Lease>::all(client.clone()).list(&named).await?;
    // A server that does not know the selector shows all.
    let ours = leases.items.into_iter().filter(|lease| lease.name_any() == LEASE);
    let mut held = ours.filter_map(|lease| {
        let holder = lease.spec.as_ref()?.holder_identity.clone()?;
        Some((lease.namespace().unwrap_or_default(), holder)).filter(|(_, holder)| !holder.is_empty())
    });
    Ok(held.next())
}

/// Takes part in the election until stopped, and then gives the lease back. `leading` says
/// whether this replica leads; once it no longer does, the tenure is over and there is no way back
/// but a new start: what was read as a leader may be out of date.
pub async fn run(
    client: Client,
    candidate: Candidate,
    leading: watch::Sender<bool>,
    tenure: Arc<Tenure>,
    stop: CancellationToken,
) {
    // Without an election there is no leader; that must not depend on this task being sound.
    let ending = Ending(tenure.clone());
    let leases = Api::<Lease>::namespaced(client, &candidate.namespace);
    let terms = candidate.terms;
    let mut record = Record::new(leases, &candidate.identity, terms.duration, terms.timeout);
    let Some(since) = stop.run_until_cancelled(acquire(&mut record, &candidate)).await else {
        ending.disarm();
        return;
    };
    tracing::info!(identity = candidate.identity, "this replica leads");
    tenure.limit(since + terms.trust);
    leading.send_replace(true);
    match stop.run_until_cancelled(keep(&mut record, since, &tenure, terms)).await {
        // The controllers still finish what they have begun; the caller ends this once they have.
        None => {
            if let Err(error) = record.give_back().await {
                tracing::warn!(%error, "the lease could not be given back; another replica takes over when it ends");
            }
            ending.disarm();
        }
        Some(Loss::Taken) => {
            tracing::error!(
                identity = candidate.identity,
                "another replica has taken the lease; this one stops"
            );
        }
        Some(Loss::NotRenewed) => {
            tracing::error!("the lease could not be renewed; this replica stops before another takes over");
        }
    }
    leading.send_replace(false);
}

/// Waits until this replica has the lease. Returns the time from which it holds.
async fn acquire(record: &mut Record, candidate: &Candidate) -> Instant {
    loop {
        match record.hold().await {
            Ok(Some(since)) => return since,
            Ok(None) => {}
            Err(error) if error.is_conflict() => {}
            Err(error) => tracing::warn!(namespace = candidate.namespace, lease = LEASE, %error, "the lease cannot be \
                read or written; trying again"),
        }
        let next = Instant::now() + candidate.terms.period;
        tokio::time::sleep_until(record.ends().map_or(next, |ends| ends.min(next))).await;
    }
}

/// Renews the lease for as long as that is possible.
async fn keep(record: &mut Record, mut since: Instant, tenure: &Tenure, terms: Terms) -> Loss {
    loop {
        let renewed = tokio::time::timeout_at(since + terms.trust, async {
            tokio::time::sleep_until(since + terms.period).await;
            renew(record, terms).await
        });
        match renewed.await {
            Ok(Some(renewed)) => since = renewed,
            Ok(None) => return Loss::Taken,
            Err(_) => return Loss::NotRenewed,
        }
        tenure.limit(since + terms.trust);
    }
}

/// Renews the lease once, with as many attempts as that takes. `None` if another replica has it.
async fn renew(record: &mut Record, terms: Terms) -> Option<Instant> {
    loop {
        match record.hold().await {
            Ok(held) => return held,
            Err(error) => tracing::warn!(%error, "the lease could not be renewed; trying again"),
        }
        tokio::time::sleep(terms.pause).await;
    }
}

/// Ends the tenure when it is dropped.
struct Ending(Arc<Tenure>);

impl Ending {
    /// The election ends, but not the tenure.
    fn disarm(self) {
        std::mem::forget(self);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}
