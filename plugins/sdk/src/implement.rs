//! The methods of a runtime.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use wasser_api::size;

use crate::{Context, Description, Error, Host, Result, UfsChange};

/// A runtime. Every method but the first two is optional: `describe` lists those that there are, and
/// for the others the host does what the interface `implement` of the WIT says. One that answers
/// [`Error::NotSupported`] leaves this one call to the host.
///
/// Methods are asked again and again, possibly after an interruption, so each must be idempotent.
/// Those that do not talk to the cache system must be pure: the same context leads to the same
/// answer, byte for byte.
pub trait Implement {
    /// The fields of the runtime's spec that the plugin reads.
    type Spec: DeserializeOwned;
    /// The values of the chart. Maps must be sorted (`BTreeMap`, not `HashMap`), so that equal
    /// specs lead to equal text.
    type Values: Serialize;

    /// What the runtime consists of.
    fn describe() -> Description;

    /// Returns the chart values that runtime and Dataset ask for. The host installs them, and
    /// upgrades the release once they differ from what is installed. What must not change under
    /// running pods is taken from [`Context::installed`].
    fn desired(ctx: &Context<Self::Spec>, host: &impl Host) -> Result<Self::Values>;

    /// Refuses a spec that cannot work, before anything is done with it.
    fn validate(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<()> {
        Err(Error::NotSupported)
    }

    /// Reports whether a role serves: the master before the workers are scaled, every other role
    /// that is needed for Bound afterwards.
    fn check_ready(_ctx: &Context<Self::Spec>, _host: &impl Host, _role: &str) -> Result<bool> {
        Err(Error::NotSupported)
    }

    /// Reports whether [`prepare_ufs`](Implement::prepare_ufs) is wanted.
    fn should_check_ufs(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<bool> {
        Err(Error::NotSupported)
    }

    /// Mounts the data sources into the cache system.
    fn prepare_ufs(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<()> {
        Err(Error::NotSupported)
    }

    /// Prepares the workers before the host scales them up.
    fn setup_workers(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<()> {
        Err(Error::NotSupported)
    }

    /// Makes the cache system read the metadata of its data sources; may take long.
    fn sync_metadata(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<()> {
        Err(Error::NotSupported)
    }

    /// Returns the size of the file system; may take long.
    fn storage_stats(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<StorageStats> {
        Err(Error::NotSupported)
    }

    /// Returns the pairs that `status.cacheStates` of the runtime shows. The host formats them.
    fn cache_states(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<Vec<(String, Measure)>> {
        Err(Error::NotSupported)
    }

    /// Fails if the system is not healthy.
    fn check_runtime_healthy(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<()> {
        Err(Error::NotSupported)
    }

    /// Returns how the mounts that the Dataset wants differ from those that there are.
    fn should_update_ufs(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<UfsChange> {
        Err(Error::NotSupported)
    }

    /// Makes the mounts those that the Dataset asks for, and reports whether they are; the Dataset
    /// stays `Updating` until then. A plugin whose values have the mounts does without.
    fn update_ufs(_ctx: &Context<Self::Spec>, _host: &impl Host, _change: &UfsChange) -> Result<bool> {
        Err(Error::NotSupported)
    }

    /// Reacts to a changed number of workers.
    fn sync_replicas(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<()> {
        Err(Error::NotSupported)
    }

    /// Makes one attempt to empty the cache before the release is removed.
    fn shutdown(_ctx: &Context<Self::Spec>, _host: &impl Host) -> Result<()> {
        Err(Error::NotSupported)
    }
}

/// The size of the file system below the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StorageStats {
    /// Bytes in use.
    pub used: u64,
    /// Free bytes; `None` if the system has no limit, or does not know it.
    pub free: Option<u64>,
    /// Bytes of the data set: what `ufsTotal` shows.
    pub total: u64,
    /// Number of files: what `fileNum` shows.
    pub total_files: u64,
}

/// A quantity that a status shows. [`fmt::Display`] shows it as the host does.
#[derive(Debug, Clone, PartialEq)]
pub enum Measure {
    /// Bytes.
    Bytes(u64),
    /// A share of 1.
    Share(f64),
    /// Not known yet.
    Unknown,
    /// A text, shown as it is.
    Other(String),
}

impl Measure {
    /// Returns the share that `part` is of `whole`, none of nothing.
    pub fn share(part: u64, whole: u64) -> Self {
        Measure::Share(if whole > 0 { part as f64 / whole as f64 } else { 0.0 })
    }

    /// Returns bytes, if they are known.
    pub fn bytes(bytes: Option<u64>) -> Self {
        bytes.map_or(Measure::Unknown, Measure::Bytes)
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Measure::Bytes(bytes) => f.write_str(&size::format(*bytes)),
            Measure::Share(share) => f.write_str(&size::format_percent(*share, 1.0)),
            Measure::Unknown => Ok(()),
            Measure::Other(text) => f.write_str(text),
        }
    }
}
