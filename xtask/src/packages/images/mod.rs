//! Container images without a registry: made from files of this machine, and imported into containerd.

mod alluxio;
mod archive;
mod base;
mod image;
mod image_names;
mod jindo;
mod juicefs;
mod programs;
mod thin;
mod wasser;

pub use alluxio::alluxio;
pub use base::{BUSYBOX, PAUSE, busybox, pause};
pub use image::Image;
pub use jindo::jindo;
pub use juicefs::juicefs;
pub use thin::thin;
pub use wasser::{WASSER, wasser};
