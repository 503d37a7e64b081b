//! Container images, made from files of this machine without a registry. An image is a list of
//! paths until it is written; its key changes with everything that it is made from, so that an
//! image that a node has is not written again.

mod alluxio;
mod archive;
mod base;
mod guide;
mod image;
mod image_names;
mod jindo;
mod juicefs;
mod programs;
mod thin;
mod wasser;

pub use alluxio::alluxio;
pub use archive::ARCHITECTURE;
pub use base::{BUSYBOX, PAUSE, busybox, pause};
pub use guide::guide;
pub use image::Image;
pub use jindo::jindo;
pub use juicefs::juicefs;
pub use thin::thin;
pub use wasser::{WASSER, wasser};
