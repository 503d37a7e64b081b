//! The client of JuiceFS in a pod of an operation.

use serde_json::{Value, json};
use wasser_sdk::spec::Image;
use wasser_sdk::{Context, Result, SCRIPTS};

use crate::edition::Edition;
use crate::input::Spec;

/// Returns the image of the runtime's clients, as they are installed.
pub fn image(ctx: &Context<Spec>, edition: Edition) -> Result<Image> {
    let installed = |key: &str| {
        let fuse = ctx.installed.as_ref()?.get("fuse")?;
        fuse.get(key)?.as_str().map(str::to_owned)
    };
    if let (Some(image), Some(image_tag)) = (installed("image"), installed("imageTag")) {
        let image_pull_policy = installed("imagePullPolicy").unwrap_or_else(|| "IfNotPresent".into());
        return Ok(Image {
            image,
            image_tag,
            image_pull_policy,
        });
    }
    let asked = ctx.runtime.spec.fuse.version();
    asked.resolve(ctx, edition.image_key(), "JuiceFSRuntime.spec.fuse")
}

/// Returns a pod in which a script runs with these arguments and variables. It asks the API server
/// for nothing, so it has no account.
pub fn pod(ctx: &Context<Spec>, image: &Image, name: &str, script: &str, args: Vec<String>, env: Vec<Value>) -> Value {
    let mut container = json!({
        "name": name,
        "image": format!("{}:{}", image.image, image.image_tag),
        "imagePullPolicy": image.image_pull_policy,
        "command": ["/bin/sh", format!("{SCRIPTS}/{script}")],
        "env": env,
    });
    if !args.is_empty() {
        container["args"] = json!(args);
    }
    let mut pod = json!({
        "restartPolicy": "Never",
        "automountServiceAccountToken": false,
        "enableServiceLinks": false,
        "containers": [container],
    });
    let secrets = ctx.pull_secrets();
    if !secrets.is_empty() {
        pod["imagePullSecrets"] = json!(secrets);
    }
    pod
}

/// Returns a variable with a value.
pub fn variable(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value})
}

/// Returns a variable with the key of a Secret.
pub fn secret(name: &str, secret: &str, key: &str) -> Value {
    json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}})
}
