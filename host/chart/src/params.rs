//! The parameters of requests in Wasser's name.

use kube::api::{PatchParams, PostParams};

use crate::FIELD_MANAGER;

/// Returns the parameters of a creation in Wasser's name.
pub fn post_params() -> PostParams {
    PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    }
}

/// Returns the parameters of a merge patch in Wasser's name.
pub fn patch_params() -> PatchParams {
    PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    }
}
