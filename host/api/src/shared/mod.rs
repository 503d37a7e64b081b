//! Pieces of the runtimes' specs that are the same for several kinds.

mod pod;
mod policy;
mod tiered_store;

pub use pod::{NetworkMode, PodMetadata, User, VersionSpec};
pub use policy::{CleanCachePolicy, FuseCleanPolicy, MetadataSyncPolicy, RuntimeManagement};
pub use tiered_store::{InvalidLevel, Level, MediumType, TieredStore, VolumeType};
