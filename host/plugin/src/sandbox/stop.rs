//! The reasons for which the host itself ends a call.

/// Why the host ended a call.
#[derive(Debug, thiserror::Error)]
pub enum StopReason {
    /// The guest's own time is used up.
    #[error("the guest's time is used up")]
    Cpu,
    /// The guest made too many calls to the host.
    #[error("too many calls to the host")]
    HostCalls,
}
