//! Volumes: their attributes, what is recorded about them, and who works on them.
//!
//! Nothing here mounts, or asks the API server.
//!
//! # Records
//! Four kinds of files outlive the process, one file for each target ([`published`]), for each staged
//! volume ([`staged`]), for each client that leaves ([`leaving`]) and for each mount that is being
//! replaced ([`unfinished`]), whole or missing.
//!
//! A record is written before its target is mounted, and removed before the target is unmounted, so
//! that recovery never mounts again what is being unmounted. A note is written before the label of
//! the fuse pods is set, and removed after the label is. What a process leaves undone when it dies,
//! the next call of the kubelet completes, or recovery.
//!
//! # Locks
//! Stage and unstage hold the volume, publish, unpublish and recovery hold the target ([`locks`]).
//! The label of the fuse pods is held after the volume.

pub mod attributes;
mod boot;
pub mod fingerprint;
pub mod leaving;
pub mod locks;
mod notes;
pub mod published;
pub mod staged;
pub mod unfinished;
