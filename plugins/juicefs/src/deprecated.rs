//! Fields that still work and should be written differently.

use wasser_sdk::{Context, Host, Level, Severity};

use crate::input::Spec;

/// The reason of the event; Fluid's.
const REASON: &str = "RuntimeDeprecated";
/// Options of the workers for which there is a field, and the field.
const REPLACED: &[(&str, &str)] = &[("cache-dir", "path"), ("cache-size", "quota")];

/// Informs the user by an event, once for each installation.
pub fn inform(ctx: &Context<Spec>, host: &impl Host) {
    let options = &ctx.runtime.spec.worker.options;
    for (option, field) in REPLACED.iter().filter(|(option, _)| options.contains_key(*option)) {
        let message = format!(
            "spec.worker.options.{option} is deprecated and may be ignored one day; use \
             spec.tieredstore.levels[0].{field} instead"
        );
        // The installation goes on without the event: it is advice only.
        if let Err(error) = host.event(Severity::Warning, REASON, &message) {
            host.log(
                Level::Warn,
                &format!("{message}; the event could not be published: {error}"),
            );
        }
    }
}
