//! Elections on one server, with shorter times.

use futures::FutureExt;
use serde_json::{Value, json};
use wasser_test_api_server::{ApiServer, Effect, Failure, Fault};

use super::*;

/// Looks often, and trusts a lease for longer than a test takes.
const PATIENT: Terms = Terms {
    duration: Duration::from_secs(120),
    trust: Duration::from_secs(100),
    period: Duration::from_millis(5),
    pause: Duration::from_millis(5),
    timeout: Duration::from_secs(60),
};

/// The same on a smaller scale as in every installation.
const SHORT: Terms = Terms {
    duration: Duration::from_millis(600),
    trust: Duration::from_millis(400),
    period: Duration::from_millis(20),
    pause: Duration::from_millis(10),
    timeout: Duration::from_millis(100),
};

/// A replica in an election.
struct Replica {
    leads: watch::Receiver<bool>,
    tenure: Arc<Tenure>,
    stop: CancellationToken,
}

impl Replica {
    fn start(server: &ApiServer, name: &str, terms: Terms) -> Self {
        let (leading, leads) = watch::channel(false);
        let (tenure, stop) = (
            Arc::new(Tenure::new(CancellationToken::new())),
            CancellationToken::new(),
        );
        let candidate = Candidate {
            namespace: "default".to_owned(),
            identity: name.to_owned(),
            terms,
        };
        let election = run(server.client(name), candidate, leading, tenure.clone(), stop.clone());
        tokio::spawn(election);
        Self { leads, tenure, stop }
    }

    async fn leading(server: &ApiServer, name: &str, terms: Terms) -> Self {
        let mut replica = Self::start(server, name, terms);
        replica.leads().await;
        replica
    }

    async fn leads(&mut self) {
        self.leads.wait_for(|leads| *leads).await.unwrap();
    }
}

fn lease(server: &ApiServer) -> Value {
    server.object("Lease", "default", LEASE).unwrap()["spec"].clone()
}

#[tokio::test]
async fn failures_that_pass_do_not_end_a_leader() {
    let server = ApiServer::new();
    let one = Replica::leading(&server, "one", PATIENT).await;
    let broken = Effect::Answer(Failure::internal("the storage does not answer"));
    for effect in [broken.clone(), Effect::ApplyThenBreak, Effect::Break, broken] {
        let armed = server.arm(Fault::any().of("one").times(2), effect);
        armed.hit(2).await;
        let before = lease(&server);
        let renewed = |server: &ApiServer| (lease(server) != before).then_some(());
        server.until("a renewal", renewed).await;
    }
    assert!(*one.leads.borrow() && !one.tenure.is_over());
    assert_eq!(lease(&server)["leaseTransitions"], 1);
}

#[tokio::test]
async fn a_leader_that_nobody_answers_has_stopped_before_another_leads() {
    let server = ApiServer::new();
    let one = Replica::leading(&server, "one", SHORT).await;
    let _hung = server.arm(Fault::any().of("one"), Effect::ApplyThenHang);
    let mut two = Replica::start(&server, "two", SHORT);
    two.leads().await;
    assert!(one.tenure.is_over());
    one.tenure.ended().await;
    assert_eq!(lease(&server)["holderIdentity"], "two");
}

#[test]
fn no_two_replicas_trust_a_lease_at_the_same_time() {
    for terms in [TERMS, SHORT, PATIENT] {
        assert!(terms.trust < terms.duration, "{terms:?}");
    }
    // A renewal that hangs leaves time for another one.
    assert!(TERMS.period + TERMS.timeout * 2 + TERMS.pause < TERMS.trust);
}

#[tokio::test]
async fn the_clock_ends_a_tenure_even_if_nobody_has_noticed() {
    let tenure = Tenure::new(CancellationToken::new());
    assert!(!tenure.is_over());
    tenure.limit(Instant::now() + TERMS.trust);
    assert!(!tenure.is_over());
    tenure.limit(Instant::now());
    assert!(tenure.is_over());
}

#[tokio::test]
async fn a_lease_that_is_given_back_is_taken_and_what_has_begun_is_finished() {
    let server = ApiServer::new();
    let one = Replica::leading(&server, "one", PATIENT).await;
    let mut two = Replica::start(&server, "two", PATIENT);
    one.stop.cancel();
    two.leads().await;
    assert!(one.tenure.ended().now_or_never().is_none());
    assert_eq!(lease(&server)["leaseTransitions"], 2);
}

#[tokio::test]
async fn a_leader_whose_lease_was_taken_stops() {
    let server = ApiServer::new();
    let one = Replica::leading(&server, "one", PATIENT).await;
    server.edit("Lease", "default", LEASE, |lease| {
        lease["spec"]["holderIdentity"] = json!("two")
    });
    one.tenure.ended().await;
    assert_eq!(lease(&server)["holderIdentity"], "two");
}

#[tokio::test]
async fn a_lease_holds_for_as_long_as_its_holder_has_written() {
    let server = ApiServer::new();
    let one = Replica::leading(&server, "one", PATIENT).await;
    assert_eq!(lease(&server)["leaseDurationSeconds"], 120);
    // A leader of another version, which is gone.
    server.edit("Lease", "default", LEASE, |lease| {
        lease["spec"]["holderIdentity"] = json!("former");
        lease["spec"]["leaseDurationSeconds"] = json!(1);
    });
    one.tenure.ended().await;
    let mut two = Replica::start(&server, "two", PATIENT);
    two.leads().await;
    assert_eq!(lease(&server)["leaseDurationSeconds"], 120);
}

#[tokio::test]
async fn a_container_that_starts_again_goes_on_with_its_lease() {
    let server = ApiServer::new();
    let one = Replica::leading(&server, "one", PATIENT).await;
    one.tenure.end();
    server.disconnect("one");
    Replica::leading(&server, "one", PATIENT).await;
    assert_eq!(lease(&server)["leaseTransitions"], 1);
}
