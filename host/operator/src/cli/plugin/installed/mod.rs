//! The plugins of a cluster: `wasser plugin install`, `list`, `upgrade`, `rollback` and `remove`.
//!
//! An [`offer`] is an artifact that was pulled and loaded as the operator loads it. A command compares
//! it with what is registered (`record`, `owner`, `draft`), asks for [`consent`], writes the ConfigMap,
//! and waits for the operator's `verdict`. It changes only what these commands or somebody by hand has
//! made. The functions that do the work take client, screen and consent, so that tests run them
//! against a server of their own.

pub mod consent;
mod definitions;
pub mod desk;
mod draft;
pub mod error;
mod grants;
pub mod install;
pub mod list;
#[cfg(test)]
mod mutations;
pub mod offer;
mod owner;
mod plugin_yaml;
mod record;
pub mod remove;
pub mod rollback;
mod runtimes;
mod shown;
pub mod terms;
pub mod upgrade;
pub mod verdict;
mod yaml_error;
