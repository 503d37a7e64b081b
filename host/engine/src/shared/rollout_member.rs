//! A runtime whose release another build of its plugin may reach: what users ask for, how it is, and
//! where it stands.

use std::time::Instant;

use crate::shared::wake::Wake;

/// Whether a release is upgraded now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is.
    Now,
    /// Others come first. The runtime is woken.
    Later,
}

/// What users ask for, as a digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What the plugin looks at for it. Another build may look at something else.
    pub of: String,
    /// The digest.
    pub digest: String,
}

/// Whether users ask for something else. What is not known is not another thing.
pub fn is_asked_anew(before: Option<&Asked>, now: Option<&Asked>) -> bool {
    let both = before.zip(now).filter(|(before, now)| before.of == now.of);
    both.is_some_and(|(before, now)| before.digest != now.digest)
}

/// How a runtime is after its upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// All of it works.
    Works,
    /// It serves, and not all of it works.
    Serves(String),
    /// Nobody attends to it, for a reason that is none of the build's.
    Unattended,
    /// It has no pods, because nobody wants any now.
    Idle,
    /// It does not yet.
    NotYet(String),
    /// It does not, and will not by itself.
    Fails(String),
}

/// How many releases stand where with the newest build of their plugin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// They have what it wants.
    pub settled: usize,
    /// They wait for their turn.
    pub waiting: usize,
    /// They were upgraded, and are observed.
    pub observed: usize,
    /// They do not work since they were upgraded.
    pub failed: usize,
}

/// How much of a system works before its release is upgraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It does not serve, or has no pods.
    None,
    /// It serves.
    Part,
    /// All of it works.
    Whole,
}

/// A runtime of the kind.
pub enum Member {
    /// Its release has what the build wants, and what users asked for then.
    Settled(Option<Asked>),
    /// Its release is upgraded because of what users have changed, or did not work before: that says
    /// nothing about the build.
    Free(Option<Asked>),
    /// It waits for its turn.
    Waiting(Option<Asked>, Wake),
    /// It was upgraded, or is about to be.
    UnderWay {
        /// Since when, for the patience with it.
        began: Instant,
        /// Since when it has worked without an interruption.
        works_since: Option<Instant>,
        /// Whether all of it worked before. Otherwise it only has to serve.
        was_whole: bool,
        /// What users asked for then.
        asked: Option<Asked>,
    },
    /// It does not work since.
    Failed {
        /// As before.
        was_whole: bool,
        /// As before.
        asked: Option<Asked>,
    },
}

impl Member {
    /// What users asked for when it was last looked at.
    pub fn asked(&self) -> Option<&Asked> {
        match self {
            Self::Settled(asked) | Self::Free(asked) | Self::Waiting(asked, _) => asked.as_ref(),
            Self::UnderWay { asked, .. } | Self::Failed { asked, .. } => asked.as_ref(),
        }
    }
}
