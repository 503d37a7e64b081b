//! What goes wrong in a run.

use std::time::Duration;

use wasser_test_api_server::{ApiServer, Armed, Attempt, Cut, Effect, Failure, Fault};

use super::oracle;

/// A kind of disturbance. A run has one, at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    /// The operator ends before a write reaches the server.
    KillBefore,
    /// The operator ends after a write, and never gets its answer.
    KillAfter,
    /// The operator ends, and its last write reaches the server while the next one works.
    KillLate,
    /// At a write, another operator starts, and both work until they are at rest: the first one does
    /// not know yet that it has lost its lease.
    Both,
    /// The answer of a write is lost.
    Lost,
    /// A write is answered with 409.
    Conflict,
    /// A write is answered with 429.
    Busy,
    /// A write is answered with 500.
    Internal,
    /// A write is answered with a timeout.
    Timeout,
    /// A write is carried out, and answered with a timeout.
    TimeoutAfter,
    /// At a write, all watches break.
    Cut,
    /// At a write, all watches are too old, and everything is listed again.
    Relist,
    /// During a step, the watches of a resource show nothing until the operator is at rest.
    Hold,
    /// During a step, the watches of a resource show their newest event only with the next one.
    Behind,
    /// During a step, the watches of a resource show every event twice.
    Twice,
}

use Disturbance::{
    Behind, Both, Busy, Conflict, Cut as CutAll, Hold, Internal, KillAfter, KillBefore, KillLate, Lost, Relist,
    Timeout, TimeoutAfter, Twice,
};

/// All of them, by their names.
pub const ALL: [(&str, Disturbance); 15] = [
    ("kill-before", KillBefore),
    ("kill-after", KillAfter),
    ("kill-late", KillLate),
    ("both", Both),
    ("lost", Lost),
    ("conflict", Conflict),
    ("busy", Busy),
    ("internal", Internal),
    ("timeout", Timeout),
    ("timeout-after", TimeoutAfter),
    ("cut", CutAll),
    ("relist", Relist),
    ("hold", Hold),
    ("behind", Behind),
    ("twice", Twice),
];

/// The resources that the operator watches. The runtimes have another name in each scenario.
const WATCHED: [&str; 10] = [
    "runtimes",
    "datasets",
    "statefulsets",
    "daemonsets",
    "pods",
    "nodes",
    "persistentvolumes",
    "persistentvolumeclaims",
    "secrets",
    "configmaps",
];

impl Disturbance {
    /// The places at which it can be, in a scenario with this number of steps and writes.
    pub fn places(self, steps: usize, writes: usize) -> usize {
        match self {
            Hold | Behind | Twice => steps * WATCHED.len(),
            _ => writes,
        }
    }

    /// Whether another operator is started when the fault hits.
    pub fn starts(self) -> bool {
        self.kills() || self == Both
    }

    /// Whether the operator is to be ended when the fault hits.
    pub fn kills(self) -> bool {
        matches!(self, KillBefore | KillAfter | KillLate)
    }

    /// Puts the fault in force, if it is one of a write.
    pub fn arm(self, server: &ApiServer, place: usize) -> Option<Armed> {
        let effect = match self {
            KillBefore => Effect::Hang,
            KillAfter => Effect::ApplyThenHang,
            KillLate => Effect::ApplyLate(Duration::from_millis(1500)),
            Lost => Effect::ApplyThenBreak,
            Conflict => Effect::Answer(Failure::conflicting()),
            Busy => Effect::Answer(Failure::too_many_requests(Duration::from_secs(1))),
            Internal => Effect::Answer(Failure::internal("etcdserver: leader changed")),
            Timeout => Effect::Answer(Failure::timeout()),
            TimeoutAfter => Effect::ApplyThenAnswer(Failure::timeout()),
            CutAll | Relist | Both => Effect::Nothing,
            Hold | Behind | Twice => return None,
        };
        let is_counted = |attempt: &Attempt<'_>| oracle::counts(attempt.client, attempt.call);
        Some(server.arm(Fault::any().when(is_counted).after(place).times(1), effect))
    }

    /// What happens to the watches when the fault hits.
    pub fn hit(self, server: &ApiServer) {
        match self {
            CutAll => server.cut_all(Cut::Break),
            Relist => {
                server.forget_history();
                server.cut_all(Cut::Expire);
            }
            _ => {}
        }
    }

    /// What happens to the watches before a step. Returns whether something does.
    pub fn begin(self, server: &ApiServer, runtimes: &str, step: usize, place: usize) -> bool {
        let Some(resource) = WATCHED
            .get(place % WATCHED.len())
            .filter(|_| place / WATCHED.len() == step)
        else {
            return false;
        };
        let resource = if *resource == "runtimes" { runtimes } else { resource };
        match self {
            Hold => server.hold(resource),
            Behind => server.hold_behind(resource, 1),
            Twice => server.repeat(resource, true),
            _ => return false,
        }
        true
    }
}
