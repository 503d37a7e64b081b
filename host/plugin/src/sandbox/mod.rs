//! Confines one guest: what it may reach, what it may use, and how a call ends that exceeds either.
//!
//! # One store, one runtime
//! A store belongs to one plugin and one runtime and is dropped with them, so no state leaks from
//! one runtime to another (`store.rs`).
//!
//! # Every resource has a limit
//! Memory, tables, handles, the guest's own time, the length of a call, the bytes of one crossing,
//! calls to the host and log lines are all bounded before the guest's first instruction runs. The
//! guest's own time does not include the time in which it waits (`meter.rs`). What the calls of a
//! plugin use together is bounded as well (`budget.rs`, `processor.rs`).
//!
//! # One way out
//! A guest reaches the cluster through `imports/` only. Each import counts itself, checks the
//! grant, then checks the shape of what the guest sent, and only then calls the
//! [`Backend`](crate::Backend).
//!
//! # Answers and errors
//! A refusal is an answer, which the guest can handle. Whatever ends the call is a `CallError`,
//! which the guest never sees (`error.rs`).

pub mod budget;
pub mod error;
pub mod identity;
pub mod imports;
pub mod journal;
pub mod meter;
pub mod processor;
pub mod stop;
pub mod store;
