//! Pieces that the specs of several runtimes have, for types that
//! [`Implement::Spec`](crate::Implement::Spec) is made of.

mod hadoop;
mod image;
mod map;
mod named;
mod pod;
mod reference;
mod resources;
mod tiered_store;
mod volumes;

pub use hadoop::HadoopConfig;
pub use image::Image;
pub use map::merged;
pub use named::named;
pub use pod::{CleanPolicy, NetworkMode, PodMetadata, check_clean_policy, check_network_mode};
pub use reference::Reference;
pub use resources::{ResourceValues, Resources};
pub use tiered_store::{Level, TieredStore};
pub use volumes::{VolumeNames, Volumes, free_name};
pub use wasser_api::shared::{CleanCachePolicy, RuntimeManagement, User};
