//! Plugins in registries.
//!
//! A [`Reference`] names an artifact, [`Credentials`] let somebody at it, and a [`Registry`] pushes
//! and pulls it. Whatever fails is a [`RegistryError`], which says what was tried, where, and what
//! helps.
//!
//! # Nothing is believed
//! What a registry answers is only used if it has the digest that was asked for. It is limited in
//! size and time before that.
//!
//! # Asked once
//! A [`Cache`] keeps what was pulled. Digests name it, so it never grows old.
//!
//! # Credentials go to one place
//! They are sent to the registry that they belong to and to whom it names for tokens, and never
//! unencrypted to another machine: a registry that names such an address for tokens is refused.

mod cache;
mod challenge;
mod credentials;
mod error;
mod helper;
mod keys;
mod reference;
mod registry;
mod signatures;

pub use cache::Cache;
pub use credentials::{Credentials, CredentialsError, Helpers};
pub use error::{Cause, RegistryError};
pub use keys::{KeyError, NewPair, PrivateKey, PublicKey};
pub use reference::{Reference, ReferenceError};
pub use registry::{Limits, Registry};
