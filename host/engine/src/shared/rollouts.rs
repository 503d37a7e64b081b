//! How another build of a plugin reaches the releases of its kind: one of them first, more as those
//! before are seen to work, and no further ones while too many are not.
//!
//! A build is what the values of a release depend on besides what users write: the component, the
//! chart, and what the registration gives them. What users change themselves is not held up.
//!
//! All of this is in memory. After a restart, what another build is still to bring begins with one
//! release again.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::shared::rollout::Rollout;
use crate::shared::rollout_member::Member;
pub use crate::shared::rollout_member::{Asked, Health, Seen, Standing, Turn};
use crate::shared::wake::Wake;

/// How long a release has to work after its upgrade before it counts as working.
const SETTLING: Duration = Duration::from_secs(10);

/// The rollouts of all kinds that are served.
pub struct Rollouts {
    settling: Duration,
    kinds: Mutex<HashMap<String, Rollout>>,
    told: watch::Sender<BTreeMap<String, String>>,
}

/// A runtime whose release another build would upgrade.
#[derive(Debug, Clone)]
pub struct Candidate<'a> {
    /// The kind of the runtime.
    pub kind: &'a str,
    /// The build that the reconcile works with.
    pub build: &'a str,
    /// Its UID.
    pub uid: &'a str,
    /// What users have asked for.
    pub asked: Option<Asked>,
}

impl Default for Rollouts {
    fn default() -> Self {
        Self::observing(SETTLING)
    }
}

impl Rollouts {
    /// None yet. A release is observed for this time after its upgrade.
    pub fn observing(settling: Duration) -> Self {
        Self {
            settling,
            kinds: Mutex::default(),
            told: watch::channel(BTreeMap::new()).0,
        }
    }

    /// How long a release is observed.
    pub fn settling(&self) -> Duration {
        self.settling
    }

    /// A kind is served by this build from now on. What reconciles say that still work with another
    /// one does not count.
    pub fn serve(&self, kind: &str, registration: &str, build: &str) {
        let mut kinds = self.kinds.lock();
        let former = kinds.remove(kind);
        let next = match former {
            Some(former) if former.build == build => former,
            former => Rollout::after(former, registration, build),
        };
        kinds.insert(kind.to_owned(), next);
        self.tell(&kinds);
    }

    /// Nobody serves a kind any more.
    pub fn end(&self, kind: &str) {
        let mut kinds = self.kinds.lock();
        kinds.remove(kind);
        self.tell(&kinds);
    }

    /// Notes that a release has what the build wants.
    pub fn settle(&self, of: Candidate<'_>) {
        self.judge(of, |rollout, uid, asked| {
            if !rollout.is_observed(uid) {
                let asked = asked.or_else(|| rollout.asked(uid));
                rollout.set(uid, Member::Settled(asked));
            }
        });
    }

    /// Says whether a release is upgraded now to what the build wants. If it serves as it is, it
    /// counts as under way from then on, until [`Self::observe`] says how it is.
    pub fn turn(&self, of: Candidate<'_>, health: Health, now: Instant, wake: &Wake) -> Turn {
        let turn = self.judge(of, |rollout, uid, asked| rollout.turn(uid, asked, health, now, wake));
        // The build is not served any more, or not yet: whoever serves the next one wakes all.
        turn.unwrap_or(Turn::Later)
    }

    /// A release is written again because of damage, and gets what the build wants with that.
    pub fn force(&self, of: Candidate<'_>, health: Health, now: Instant) {
        self.judge(of, |rollout, uid, asked| rollout.begin(uid, asked, health, now));
    }

    /// Notes that the upgrade of a release has just ended.
    pub fn upgraded(&self, kind: &str, build: &str, uid: &str, now: Instant) {
        self.change(kind, build, |rollout| rollout.restart(uid, now));
    }

    /// Whether a runtime was upgraded for this build and is still to be seen to work.
    pub fn is_observed(&self, kind: &str, build: &str, uid: &str) -> bool {
        let kinds = self.kinds.lock();
        let rollout = kinds.get(kind).filter(|rollout| rollout.build == build);
        rollout.is_some_and(|rollout| rollout.is_observed(uid))
    }

    /// Notes how a runtime is that is observed. Returns whether to look again soon.
    pub fn observe(&self, of: Candidate<'_>, seen: Seen, now: Instant) -> bool {
        let settling = self.settling;
        let looks = self.judge(of, |rollout, uid, asked| {
            rollout.observe(uid, asked, seen, settling, now)
        });
        looks.unwrap_or(false)
    }

    /// Forgets a runtime.
    pub fn forget(&self, uid: &str) {
        let mut woken = Vec::new();
        let mut kinds = self.kinds.lock();
        for rollout in kinds.values_mut() {
            let places = rollout.places();
            rollout.forget(uid);
            if rollout.places() > places {
                woken.extend(rollout.call());
            }
        }
        self.tell(&kinds);
        drop(kinds);
        woken.iter().for_each(|wake: &Wake| wake());
    }

    /// Where the releases of each plugin stand, by its registration.
    pub fn standings(&self) -> Vec<(String, Standing)> {
        let kinds = self.kinds.lock();
        let standings = kinds.values();
        standings
            .map(|rollout| (rollout.registration.clone(), rollout.standing()))
            .collect()
    }

    /// How far the rollouts are that have not ended, by the registration of their plugin.
    pub fn told(&self) -> watch::Receiver<BTreeMap<String, String>> {
        self.told.subscribe()
    }

    /// Changes where a runtime stands, if its build is the one that is served.
    fn judge<T>(&self, of: Candidate<'_>, act: impl FnOnce(&mut Rollout, &str, Option<Asked>) -> T) -> Option<T> {
        self.change(of.kind, of.build, |rollout| act(rollout, of.uid, of.asked))
    }

    /// Changes the rollout of a build, if it is the one that is served.
    fn change<T>(&self, kind: &str, build: &str, act: impl FnOnce(&mut Rollout) -> T) -> Option<T> {
        let mut kinds = self.kinds.lock();
        let rollout = kinds.get_mut(kind).filter(|rollout| rollout.build == build)?;
        let was_stopped = rollout.is_stopped();
        let done = act(rollout);
        if rollout.is_stopped() && !was_stopped {
            let message = rollout.message().unwrap_or_default();
            tracing::warn!(kind, registration = rollout.registration, "{message}");
        }
        let woken = rollout.call();
        self.tell(&kinds);
        drop(kinds);
        woken.iter().for_each(|wake| wake());
        Some(done)
    }

    fn tell(&self, kinds: &HashMap<String, Rollout>) {
        let messages = kinds
            .values()
            .filter_map(|rollout| Some((rollout.registration.clone(), rollout.message()?)));
        let messages: BTreeMap<String, String> = messages.collect();
        self.told.send_if_modified(|told| {
            let is_new = *told != messages;
            *told = messages;
            is_new
        });
    }
}

#[cfg(test)]
mod tests;
