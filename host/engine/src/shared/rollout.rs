//! One build of a plugin on its way to the releases of its kind.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use wasser_api::text::bounded;

use crate::shared::rollout_member::{Asked, Health, Member, Seen, Standing, Turn, is_asked_anew};
use crate::shared::wake::Wake;

/// How long a release may need until it works again.
pub const PATIENCE: Duration = Duration::from_secs(300);
/// How many releases are upgraded or observed at the same time.
pub const MOST: usize = 64;
/// One in so many may fail.
const TOLERATED: usize = 10;
/// How many failures a message names.
const NAMED: usize = 3;
/// How long the reason of one may be.
const LONGEST_REASON: usize = 400;

/// See the module.
#[derive(Default)]
pub struct Rollout {
    /// What tells the build from others of the same plugin.
    pub build: String,
    /// The name of its registration.
    pub registration: String,
    members: HashMap<String, Member>,
    /// Those that wait, the longest first.
    queue: VecDeque<String>,
    /// What users had asked for when a release last had what the build before wanted.
    asked_before: HashMap<String, Option<Asked>>,
    /// How many were upgraded and work.
    works: usize,
    under_way: usize,
    /// Why those do not work that have failed.
    failed: BTreeMap<String, String>,
}

impl Rollout {
    /// The rollout of a build that follows another one.
    pub fn after(former: Option<Self>, registration: &str, build: &str) -> Self {
        let former = former.unwrap_or_default();
        let mut asked_before = former.asked_before;
        for (uid, member) in former.members {
            if member.asked().is_some() {
                asked_before.insert(uid, member.asked().cloned());
            }
        }
        Self {
            build: build.to_owned(),
            registration: registration.to_owned(),
            asked_before,
            ..Self::default()
        }
    }

    /// Whether too many fail.
    pub fn is_stopped(&self) -> bool {
        self.failed.len() > self.works / TOLERATED
    }

    /// How many more may be under way.
    pub fn places(&self) -> usize {
        if self.is_stopped() {
            return 0;
        }
        (self.works + 1).min(MOST).saturating_sub(self.under_way)
    }

    /// Whether a runtime was upgraded and is still to be seen to work.
    pub fn is_observed(&self, uid: &str) -> bool {
        let member = self.members.get(uid);
        matches!(member, Some(Member::UnderWay { .. } | Member::Failed { .. }))
    }

    /// Notes where a runtime stands.
    pub fn set(&mut self, uid: &str, member: Member) {
        self.leave(uid);
        match &member {
            Member::UnderWay { .. } => self.under_way += 1,
            Member::Waiting(..) => self.queue.push_back(uid.to_owned()),
            Member::Settled(_) | Member::Free(_) | Member::Failed { .. } => {}
        }
        self.members.insert(uid.to_owned(), member);
    }

    fn fail(&mut self, uid: &str, why: &str, was_whole: bool, asked: Option<Asked>) {
        self.set(uid, Member::Failed { was_whole, asked });
        self.failed
            .insert(uid.to_owned(), bounded(why, LONGEST_REASON).into_owned());
    }

    /// What users had asked for when a runtime was last looked at.
    pub fn asked(&self, uid: &str) -> Option<Asked> {
        let known = self.members.get(uid).and_then(Member::asked);
        let before = || self.asked_before.get(uid).and_then(Option::as_ref);
        known.or_else(before).cloned()
    }

    fn leave(&mut self, uid: &str) {
        match self.members.remove(uid) {
            Some(Member::UnderWay { .. }) => self.under_way -= 1,
            Some(Member::Failed { .. }) => drop(self.failed.remove(uid)),
            Some(Member::Waiting(..)) => self.queue.retain(|waiting| waiting != uid),
            Some(Member::Settled(_) | Member::Free(_)) | None => {}
        }
    }

    /// Forgets a runtime.
    pub fn forget(&mut self, uid: &str) {
        self.leave(uid);
        self.asked_before.remove(uid);
    }

    /// Says whether a release is upgraded now. Then it is under way, unless that says nothing about
    /// the build.
    pub fn turn(&mut self, uid: &str, asked: Option<Asked>, health: Health, now: Instant, wake: &Wake) -> Turn {
        self.lose_patience(now);
        let is_free = match self.members.get(uid) {
            Some(Member::UnderWay { .. } | Member::Failed { .. }) => return Turn::Now,
            // It had all that the build wants.
            Some(Member::Settled(_) | Member::Free(_)) => true,
            Some(Member::Waiting(before, _)) => is_asked_anew(before.as_ref(), asked.as_ref()),
            None => {
                let before = self.asked_before.get(uid).and_then(Option::as_ref);
                is_asked_anew(before, asked.as_ref())
            }
        };
        if is_free || health == Health::None {
            self.set(uid, Member::Free(asked));
            return Turn::Now;
        }
        if self.places() > 0 {
            self.begin(uid, asked, health, now);
            return Turn::Now;
        }
        if !matches!(self.members.get(uid), Some(Member::Waiting(..))) {
            self.set(uid, Member::Waiting(asked, wake.clone()));
        }
        Turn::Later
    }

    /// The upgrade of a runtime begins.
    pub fn begin(&mut self, uid: &str, asked: Option<Asked>, health: Health, now: Instant) {
        if self.is_observed(uid) {
            return;
        }
        let member = match health {
            Health::None => Member::Free(asked),
            Health::Part | Health::Whole => Member::UnderWay {
                began: now,
                works_since: None,
                was_whole: health == Health::Whole,
                asked,
            },
        };
        self.set(uid, member);
    }

    /// The upgrade of a runtime has ended just now.
    pub fn restart(&mut self, uid: &str, now: Instant) {
        if let Some(Member::UnderWay { began, works_since, .. }) = self.members.get_mut(uid) {
            (*began, *works_since) = (now, None);
        }
    }

    /// Notes how a runtime is that is observed. Returns whether to look again soon.
    pub fn observe(&mut self, uid: &str, asked: Option<Asked>, seen: Seen, settling: Duration, now: Instant) -> bool {
        let (began, since, was_whole, before) = match self.members.get_mut(uid) {
            Some(Member::UnderWay {
                began,
                works_since,
                was_whole,
                asked,
            }) => (*began, Some(works_since), *was_whole, asked.clone()),
            Some(Member::Failed { was_whole, asked, .. }) => (now, None, *was_whole, asked.clone()),
            _ => return false,
        };
        // One that has failed is not excused by being idle: it does not work any better then.
        let says_nothing = seen == Seen::Unattended || (seen == Seen::Idle && since.is_some());
        if is_asked_anew(before.as_ref(), asked.as_ref()) || says_nothing {
            self.set(uid, Member::Free(asked.or(before)));
            return false;
        }
        let (why, is_certain) = match seen {
            Seen::Serves(why) if was_whole => (why, false),
            Seen::Idle => return false,
            Seen::Works | Seen::Serves(_) | Seen::Unattended => {
                if let Some(since) = since
                    && now.saturating_duration_since(*since.get_or_insert(now)) < settling
                {
                    return true;
                }
                self.works += 1;
                self.set(uid, Member::Settled(asked.or(before)));
                return false;
            }
            Seen::NotYet(why) => (why, false),
            Seen::Fails(why) => (why, true),
        };
        if let Some(since) = since
            && !is_certain
            && now.saturating_duration_since(began) < PATIENCE
        {
            *since = None;
            return true;
        }
        self.fail(uid, &why, was_whole, before);
        false
    }

    /// Those of which nothing was seen for too long have failed: their reconciles do not come to an
    /// end.
    fn lose_patience(&mut self, now: Instant) {
        let is_late = |member: &Member| matches!(member, Member::UnderWay { began, .. } if now.saturating_duration_since(*began) >= PATIENCE * 2);
        let late = self.members.iter().filter(|(_, member)| is_late(member));
        let late: Vec<String> = late.map(|(uid, _)| uid.clone()).collect();
        for uid in late {
            let asked = self.members.get(&uid).and_then(Member::asked).cloned();
            self.fail(&uid, "the reconcile of one does not end", false, asked);
        }
    }

    /// Those who may go on now. They no longer wait: whoever comes first gets the place.
    pub fn call(&mut self) -> Vec<Wake> {
        let mut wakes = Vec::new();
        for _ in 0..self.places() {
            let Some(uid) = self.queue.pop_front() else { break };
            if let Some(Member::Waiting(asked, wake)) = self.members.remove(&uid) {
                self.asked_before.insert(uid, asked);
                wakes.push(wake);
            }
        }
        wakes
    }

    /// How many stand where.
    pub fn standing(&self) -> Standing {
        let (waiting, observed, failed) = (self.queue.len(), self.under_way, self.failed.len());
        Standing {
            settled: self.members.len() - waiting - observed - failed,
            waiting,
            observed,
            failed,
        }
    }

    /// How far it is. None if there is nothing to tell.
    pub fn message(&self) -> Option<String> {
        let Standing {
            settled,
            waiting,
            observed,
            failed,
        } = self.standing();
        if waiting + failed == 0 {
            return None;
        }
        let far = format!(
            "{settled} of {} releases have what this build of the plugin wants, {observed} are observed after their \
                upgrade, {waiting} wait",
            self.members.len()
        );
        if failed == 0 {
            return Some(far);
        }
        let named: Vec<&str> = self.failed.values().take(NAMED).map(String::as_str).collect();
        let what_then = if self.is_stopped() {
            "; no further ones are upgraded until these work, or another build is registered"
        } else {
            ""
        };
        Some(format!(
            "{far}, {failed} do not work since ({}){what_then}",
            named.join("; ")
        ))
    }
}
