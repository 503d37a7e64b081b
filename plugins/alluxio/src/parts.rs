//! What the pods are made of.

use wasser_sdk::Context;

use crate::input::Spec;
use crate::mounts::Mounts;
use crate::ports::Ports;
use crate::restore::Backup;
use crate::tiers::Tiers;

/// What the pods are made of.
pub struct Parts<'a> {
    /// The context.
    pub ctx: &'a Context<Spec>,
    /// The mounts.
    pub mounts: &'a Mounts,
    /// The tiered store.
    pub tiers: &'a Tiers,
    /// The ports.
    pub ports: &'a Ports,
    /// The backup to start from.
    pub backup: Option<&'a Backup>,
    /// Number of masters.
    pub masters: u32,
}
