//! The option `writeback`: writes return before they are uploaded.

use wasser_sdk::{Context, Host, Level, Severity};

use crate::input::Spec;
use crate::options::{Options, is_false};
use crate::store::Store;

/// The option.
const WRITEBACK: &str = "writeback";
/// The reason of the event.
const REASON: &str = "UnsafeWriteback";
/// How many seconds a client that ends waits for its uploads.
pub const PATIENCE: u32 = 540;

/// Reports whether a client with these options uploads what is written later.
pub fn is_later(options: &Options) -> bool {
    !options.contains_key("ro") && options.get(WRITEBACK).is_some_and(|value| !is_false(value))
}

/// Warns the user by an event, once for each installation, if writes are kept in a directory that
/// goes with the pod: they are lost when it fails.
pub fn inform(ctx: &Context<Spec>, host: &impl Host) {
    let (spec, dataset) = (&ctx.runtime.spec, ctx.dataset());
    let of_mount = dataset.iter().filter(|dataset| !dataset.read_only());
    let of_mount = of_mount.filter_map(|dataset| Some(dataset.options_of(dataset.mounts.first()?)));
    let mut options: Options = of_mount.flatten().collect();
    options.extend(spec.fuse.options.clone());
    let lasts = Store::of(spec).is_ok_and(|store| store.directories.is_empty() || store.is_of_node());
    if lasts || spec.fuse.options.contains_key("cache-dir") || !is_later(&options) {
        return;
    }
    let message = "the clients write with `writeback` into a cache that goes with their pod: what is not uploaded is \
                   lost when one fails; remove the option, or set volumeType hostPath in spec.tieredstore.levels[0]";
    // The installation goes on without the event: it is advice only.
    if let Err(error) = host.event(Severity::Warning, REASON, message) {
        host.log(
            Level::Warn,
            &format!("{message}; the event could not be published: {error}"),
        );
    }
}
