//! The Lease as the API server has it: one look or one write at a time, each with a short timeout.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Api;
use kube::api::ObjectMeta;
use tokio::time::Instant;
use wasser_engine::{is_conflict, post_params};

/// Name of the Lease in the operator's namespace.
pub const NAME: &str = "wasser.data.fluid.io";

/// Why a look or a write failed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// There was no answer.
    #[error("the API server did not answer within {0:?}")]
    Unanswered(Duration),
    /// The answer is an error.
    #[error(transparent)]
    Kube(#[from] kube::Error),
}

/// The Lease, as this replica last saw it.
pub struct Record {
    api: Api<Lease>,
    identity: String,
    /// How long the lease holds if it is not renewed, while this replica has it.
    duration: Duration,
    /// How long a request may take.
    timeout: Duration,
    /// None if it must be read first.
    known: Option<Lease>,
    /// The version that was seen last, and when it ends if it stays the last.
    seen: Option<(String, Instant)>,
}

impl Record {
    /// The Lease has not been looked at yet.
    pub fn new(api: Api<Lease>, identity: &str, duration: Duration, timeout: Duration) -> Self {
        Self {
            api,
            identity: identity.to_owned(),
            duration,
            timeout,
            known: None,
            seen: None,
        }
    }

    /// Takes the lease or renews it. Returns the time from which it holds, which is when the
    /// request was sent; `None` if another replica has it.
    ///
    /// What another one has is free once it was not renewed for its duration, by the clock of this
    /// replica: clocks of different machines are not compared.
    pub async fn hold(&mut self) -> Result<Option<Instant>, RecordError> {
        if self.known.is_none() {
            self.read().await?;
        }
        if !self.is_free() {
            self.known = None;
            return Ok(None);
        }
        let since = Instant::now();
        let wanted = self.wanted();
        self.write(wanted).await?;
        Ok(Some(since))
    }

    /// Gives the lease back if this replica has it.
    pub async fn give_back(&mut self) -> Result<(), RecordError> {
        // A renewal that was interrupted may have been made.
        self.read().await?;
        let Some(mut lease) = self.known.clone().filter(|_| self.is_mine()) else {
            return Ok(());
        };
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = None;
        }
        self.write(lease).await
    }

    async fn read(&mut self) -> Result<(), RecordError> {
        self.known = in_time(self.timeout, self.api.get_opt(NAME)).await?;
        let version = self
            .known
            .as_ref()
            .and_then(|lease| lease.metadata.resource_version.clone());
        let is_news = self.seen.as_ref().map(|(seen, _)| seen) != version.as_ref();
        if is_news {
            let ends = Instant::now() + self.holds();
            self.seen = version.map(|version| (version, ends));
        }
        Ok(())
    }

    async fn write(&mut self, lease: Lease) -> Result<(), RecordError> {
        let params = post_params();
        // Whatever becomes of the write: without its answer, the Lease is not known.
        self.known = None;
        let written = if lease.metadata.resource_version.is_some() {
            in_time(self.timeout, self.api.replace(NAME, &params, &lease)).await
        } else {
            in_time(self.timeout, self.api.create(&params, &lease)).await
        };
        self.known = Some(written?);
        Ok(())
    }

    fn spec(&self) -> Option<&LeaseSpec> {
        self.known.as_ref()?.spec.as_ref()
    }

    fn holder(&self) -> Option<&str> {
        self.spec()?
            .holder_identity
            .as_deref()
            .filter(|holder| !holder.is_empty())
    }

    fn is_mine(&self) -> bool {
        self.holder() == Some(&self.identity)
    }

    fn is_free(&self) -> bool {
        let is_over = || self.seen.as_ref().is_some_and(|(_, ends)| *ends <= Instant::now());
        self.holder().is_none() || self.is_mine() || is_over()
    }

    /// When what was seen last ends, if it is not renewed and has not ended yet.
    pub fn ends(&self) -> Option<Instant> {
        let (_, ends) = self.seen.as_ref()?;
        Some(*ends).filter(|ends| *ends > Instant::now())
    }

    /// How long a lease that is seen now holds: its holder may be of another version.
    fn holds(&self) -> Duration {
        let written = self.spec().and_then(|spec| spec.lease_duration_seconds);
        let written = written.and_then(|seconds| u64::try_from(seconds).ok());
        written
            .filter(|seconds| *seconds > 0)
            .map_or(self.duration, Duration::from_secs)
    }

    /// The Lease, held by this replica from now on.
    fn wanted(&self) -> Lease {
        let now = MicroTime(Timestamp::now());
        let before = self.spec().cloned().unwrap_or_default();
        let transitions = before.lease_transitions.unwrap_or_default();
        let (acquired, transitions) = if self.is_mine() {
            (before.acquire_time.clone().unwrap_or_else(|| now.clone()), transitions)
        } else {
            (now.clone(), transitions.saturating_add(1))
        };
        let metadata = self.known.as_ref().map(|lease| lease.metadata.clone());
        Lease {
            metadata: metadata.unwrap_or_else(|| ObjectMeta {
                name: Some(NAME.to_owned()),
                ..ObjectMeta::default()
            }),
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(self.duration.as_secs())
                    .ok()
                    .filter(|seconds| *seconds > 0),
                acquire_time: Some(acquired),
                renew_time: Some(now),
                lease_transitions: Some(transitions),
                ..before
            }),
        }
    }
}

impl RecordError {
    /// Returns whether somebody else was faster, which is part of an election.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Kube(error) if is_conflict(error))
    }
}

async fn in_time<T>(limit: Duration, request: impl Future<Output = kube::Result<T>>) -> Result<T, RecordError> {
    let answer = tokio::time::timeout(limit, request).await;
    Ok(answer.map_err(|_| RecordError::Unanswered(limit))??)
}
