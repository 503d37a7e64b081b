//! What is known about volumes: their attributes, what was published or staged, and what is being worked on.

pub mod attributes;
pub mod fingerprint;
pub mod locks;
pub mod published;
pub mod staged;
