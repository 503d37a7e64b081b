//! The arguments of the clients.

use wasser_sdk::{Context, Result};

use crate::images;
use crate::input::Spec;
use crate::text;

const OPTIONS: &str = "--fuse-opts=";

/// What the fuse container is started with: the user's arguments or `fuse`, with options that fit
/// the Dataset. Images since Alluxio 2.8 take mount point and path at the end; older ones read the
/// mount point from their environment.
pub fn args(ctx: &Context<Spec>, tag: &str) -> Result<Vec<String>> {
    let (spec, dataset) = (&ctx.runtime.spec, ctx.dataset()?);
    for arg in &spec.fuse.args {
        text::check("AlluxioRuntime.spec.fuse.args", arg)?;
    }
    let mut args = spec.fuse.args.clone();
    if args.is_empty() {
        args.push("fuse".into());
    }
    if !args.iter().any(|arg| arg.starts_with(OPTIONS)) {
        let options = if dataset.read_only() {
            "kernel_cache,ro,attr_timeout=7200,entry_timeout=7200"
        } else {
            "kernel_cache,rw"
        };
        args.push(format!("{OPTIONS}{options}"));
    }
    let web = |point: &str| point.starts_with("http://") || point.starts_with("https://");
    let only_web = !dataset.mounts.is_empty() && dataset.mounts.iter().all(|mount| web(mount.mount_point.trim()));
    for arg in args.iter_mut().filter(|arg| arg.starts_with(OPTIONS)) {
        let mut options: Vec<String> = arg.trim_start_matches(OPTIONS).split(',').map(str::to_string).collect();
        options.retain(|option| !option.is_empty());
        let allows = options.iter().any(|option| option.starts_with("allow_"));
        let mut default = |option: &str, value: &str| {
            let given = options
                .iter()
                .any(|o| o == option || o.starts_with(&format!("{option}=")));
            if !given {
                options.push(if value.is_empty() {
                    option.into()
                } else {
                    format!("{option}={value}")
                });
            }
        };
        // Web servers answer slowly; what the kernel reads ahead would be asked of them.
        if only_web {
            default("max_readahead", "0");
        }
        // Beside `allow_root`, FUSE refuses it.
        if !allows {
            default("allow_other", "");
        }
        if let Some(owner) = &dataset.owner {
            default("uid", &owner.uid.to_string());
            default("gid", &owner.gid.to_string());
        }
        *arg = format!("{OPTIONS}{}", options.join(","));
    }
    if images::takes_mount_point(tag) {
        args.extend([ctx.mount_path.clone(), "/".into()]);
    }
    Ok(args)
}
