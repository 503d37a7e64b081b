//! The container that makes users and groups, if the processes do not run as root.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_sdk::spec::User;
use wasser_sdk::{Context, Error, Result};

use crate::input::Spec;
use crate::text;
use crate::tiers::Tiers;

/// Returns the values of the container, which is switched off if the processes run as root.
pub fn of(ctx: &Context<Spec>, tiers: &Tiers) -> Result<Value> {
    let spec = &ctx.runtime.spec;
    let Some(run_as) = &spec.run_as else {
        return Ok(json!({"enabled": false}));
    };
    check(run_as)?;
    let image = spec
        .init_users
        .version
        .resolve(ctx, "init", "AlluxioRuntime.spec.initUsers")?;
    let User { uid, gid, user, group } = run_as;
    let directories: Vec<&str> = tiers.directories().map(|directory| directory.path.as_str()).collect();
    let env: BTreeMap<&String, &String> = spec.init_users.env.iter().collect();
    Ok(json!({
        "enabled": true,
        "image": image.image,
        "imageTag": image.image_tag,
        "imagePullPolicy": image.image_pull_policy,
        "envUsers": format!("{uid}:{user}:{gid},{gid}:{group}"),
        "envTieredPaths": directories.join(":"),
        "env": env,
        "resources": spec.init_users.resources.values("AlluxioRuntime.spec.initUsers.resources")?,
    }))
}

fn check(run_as: &User) -> Result<()> {
    let field = "AlluxioRuntime.spec.runAs";
    for (key, id) in [("uid", run_as.uid), ("gid", run_as.gid)] {
        if !(0..=i64::from(u32::MAX)).contains(&id) {
            return Err(Error::invalid(
                format!("{field}.{key}"),
                format!("{id} is not the number of a user or group"),
            ));
        }
    }
    for (key, name) in [("user", &run_as.user), ("group", &run_as.group)] {
        let field = format!("{field}.{key}");
        text::check(&field, name)?;
        // The container takes the names apart, and hands them to programs that have options.
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
            let message = format!(
                "`{}` cannot be the name of a user or group; use letters, digits, `_`, `.` and `-` only, and no `-` \
                 first",
                name.escape_debug()
            );
            return Err(Error::invalid(field, message));
        }
    }
    Ok(())
}
