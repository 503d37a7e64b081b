//! Failures of a plugin, for tests.

use wasser_plugin::{CallError, CallSite, Digest};

use crate::error::EngineError;

/// A call of some plugin.
pub fn site() -> Box<CallSite> {
    Box::new(CallSite {
        kind: "DemoRuntime".to_owned(),
        registration: "fluid-system/demo".to_owned(),
        digest: Digest::of(b"demo"),
        method: "shutdown",
        scope: None,
    })
}

/// What the engine makes of a call that failed.
pub fn failed(source: CallError) -> EngineError {
    EngineError::Plugin {
        kind: "DemoRuntime".to_owned(),
        source: Box::new(source),
    }
}
