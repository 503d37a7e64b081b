//! Pieces of the runtimes' specs that are the same for several kinds.

#[cfg(feature = "schema")]
mod init_users;
mod pod;
mod policy;
mod tiered_store;

#[cfg(feature = "schema")]
pub use init_users::InitUsersSpec;
pub use pod::{NetworkMode, PodMetadata, User, VersionSpec};
pub use policy::{CleanCachePolicy, FuseCleanPolicy, MetadataSyncPolicy, RuntimeManagement};
pub use tiered_store::{InvalidLevel, Level, MediumType, TieredStore, VolumeType};
