//! The plugins of a cluster: `wasser plugin install`, `list`, `upgrade`, `rollback` and `remove`, and
//! what `dev` has in common with them.
//!
//! An [`offer`] is an artifact that was pulled or built, and loaded as the operator loads it. A command
//! compares it with what is registered (`record`, `owner`, [`draft`]), asks for [`consent`], writes the
//! ConfigMap, and waits for the operator's `verdict`. It changes only what these commands or somebody by hand has
//! made. The functions that do the work take client, screen and consent, so that tests run them
//! against a server of their own.

pub mod consent;
mod crd_spec;
pub mod definitions;
pub mod desk;
pub mod draft;
pub mod error;
mod grants;
pub mod install;
pub mod list;
#[cfg(test)]
mod mutations;
pub mod offer;
mod operator_rights;
pub mod owner;
mod plugin_yaml;
pub mod record;
pub mod remove;
pub mod revision;
pub mod rollback;
mod room;
mod runtimes;
pub mod shown;
pub mod terms;
pub mod upgrade;
pub mod verdict;
pub mod yaml_error;
