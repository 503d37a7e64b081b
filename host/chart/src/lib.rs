//! Renders Helm charts with Helm's own engine in WebAssembly, and keeps Helm 3 releases.
//!
//! Three parts that know nothing of each other's insides:
//! * [`Renderer`] turns a [`Chart`] and values into [`Rendered`] objects, byte for byte what
//!   `helm template` prints;
//! * [`Policy`] says whether a plugin may install those objects;
//! * [`Releases`] applies them and keeps the records by which the `helm` command knows the release.

mod api_error;
mod chart;
mod error;
mod hex;
mod params;
pub mod pointer;
mod policy;
mod quote;
mod releases;
mod render;

pub use api_error::{OrGone, is_conflict, is_not_found, is_outage};
pub use chart::Chart;
pub use error::{ChartError, RenderError, TemplateError};
pub use params::{patch_params, post_params};
pub use policy::{Named, Policy, Powers, Problem, Secrets, Violation, pod_specs, powerful_images};
pub use releases::{
    Change, Drift, Driver, Installer, KEY_BYTES, Preview, RELEASE_NAME, RELEASE_NAMESPACE, RecordPlace, Recording,
    Release, ReleaseError, Releases, SigningKey, Status, Workers, check_kept, is_unchanged, move_records,
    without_host_fields,
};
pub use render::{Capabilities, Hook, Limits, ReleaseMeta, Rendered, Renderer, Work};

/// The name under which Wasser owns fields of the objects that it applies.
pub const FIELD_MANAGER: &str = "wasser";
