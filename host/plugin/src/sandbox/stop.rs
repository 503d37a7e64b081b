//! Why the host itself ends a call.

/// Why the host itself ended a call.
#[derive(Debug, thiserror::Error)]
pub enum StopReason {
    /// The guest's own time is used up.
    #[error("the guest's time is used up")]
    Cpu,
    /// Too many calls to the host.
    #[error("too many calls to the host")]
    HostCalls,
    /// The cluster failed where the WIT has no way to tell the guest.
    #[error("{0}")]
    Host(String),
}
