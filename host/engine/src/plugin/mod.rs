//! The engine's side of the plugin boundary: how methods are called, and what the capabilities of a
//! plugin reach.
//!
//! A plugin reaches only objects of its own runtime, and only in the runtime's namespace.

pub mod answer;
pub mod backend;
pub mod context;
mod output;
mod state;
mod talk;
