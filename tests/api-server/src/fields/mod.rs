//! The owners of fields, and server-side apply, by the rules of Kubernetes' structured-merge-diff.
//!
//! * A field belongs to all who applied its value, or to the one who wrote it last.
//! * An apply removes the fields that it leaves out and owned alone.
//! * An apply that changes a field of another owner is a conflict unless it is forced; any other
//!   write takes the field over.

mod compare;
mod managed;
mod merge;
mod set;
mod shape;

pub(crate) use compare::{compare, fields_of};
pub(crate) use managed::{Conflict, Managers, Operation, Owner};
pub(crate) use merge::{merge, remove};
pub(crate) use set::Set;
pub(crate) use shape::{List, Shape};
