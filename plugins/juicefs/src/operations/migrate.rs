//! DataMigrate: `juicefs sync` between the file system and another storage.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_api::operations::DataMigrateSpec;
use wasser_sdk::spec::{Image, Volumes};
use wasser_sdk::{Context, Error, Plan, Result, SCRIPTS};

use super::client::{self, secret, variable};
use super::ends::End;
use super::options;
use super::{COMMON, FINAL};
use crate::commands;
use crate::describe::WORKER;
use crate::edition::Edition;
use crate::env;
use crate::input::Spec;
use crate::source::Source;
use crate::{store, volumes};

/// Its name is the one of Fluid's script.
const SCRIPT: (&str, &str) = ("datamigrate.sh", include_str!("migrate.sh"));
/// The script that lets the client of the enterprise edition in.
const AUTH: &str = "auth.sh";
/// Files that `juicefs sync` copies at the same time for each unit of the parallelism.
const THREADS: i64 = 10;
/// Options of `juicefs sync` that delete what the other end does not have.
const DELETING: [&str; 2] = ["delete-dst", "delete-src"];
/// Options of `juicefs sync` that start it on other machines.
const RESERVED: &[(&str, &str)] = &[
    ("worker", "further pods are asked for by spec.parallelism"),
    ("manager", "further pods are asked for by spec.parallelism"),
    ("manager-addr", "further pods are asked for by spec.parallelism"),
];

/// Returns what copies from one end to the other.
pub fn plan(ctx: &Context<Spec>, spec: &DataMigrateSpec) -> Result<Plan> {
    let source = Source::of(ctx)?;
    let from = End::of(ctx, &source, "DataMigrate.spec.from", &spec.from)?;
    let to = End::of(ctx, &source, "DataMigrate.spec.to", &spec.to)?;
    let (mut args, timeout) = options::arguments("DataMigrate.spec.options", &spec.options, RESERVED)?;
    if spec.parallelism > 1 && !["threads", "p"].iter().any(|name| spec.options.contains_key(*name)) {
        args.push(format!("--threads={}", i64::from(spec.parallelism) * THREADS));
    }
    let mut scripts: BTreeMap<String, String> = [SCRIPT, COMMON]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into();
    let deletes = DELETING.into_iter().find(|name| spec.options.contains_key(*name));
    if let Some(name) = deletes.filter(|_| from.is_uncertain()) {
        let message = "deletes files, and `from` has no `/` at its end: it could be a file or what names begin with; write \
            it as a directory";
        return Err(Error::invalid(format!("DataMigrate.spec.options[{name}]"), message));
    }
    let [from_address, to_address] = End::addresses(&from, &to);
    let mut environment = vec![
        variable("JUICEFS", source.edition.cli()),
        variable("FROM", &from_address),
        variable("TO", &to_address),
    ];
    environment.extend(from.claim.iter().map(|(_, directory)| variable("SOURCE", directory)));
    if from.is_uncertain() && !to.may_be_name {
        environment.push(variable("UNCERTAIN", "true"));
    }
    if deletes.is_some() {
        environment.push(variable("DELETES", "true"));
    }
    environment.extend(timeout.map(|seconds| variable("TIMEOUT", &seconds.to_string())));
    if source.edition == Edition::Enterprise {
        let auth = commands::format(&source, &ctx.runtime.spec);
        if !auth.is_empty() {
            environment.push(variable("AUTH", &format!("{SCRIPTS}/{AUTH}")));
            scripts.insert(AUTH.to_owned(), format!("#!/bin/sh\n{auth}\n"));
        }
    }
    environment.extend(own_keys(&source));
    environment.extend(from.env.iter().chain(&to.env).cloned());
    let taken: Vec<String> = environment
        .iter()
        .filter_map(|variable| Some(variable.get("name")?.as_str()?.to_owned()))
        .collect();
    // What the workers need to reach the metadata engine and the storage, such as a proxy.
    let worker = env::of(WORKER, &ctx.runtime.spec.worker.env, &source.secrets);
    let is_free = |variable: &Value| {
        variable
            .get("name")
            .is_none_or(|name| !taken.iter().any(|taken| name == taken))
    };
    environment.extend(worker.into_iter().filter(is_free));

    let image = image(ctx, source.edition, spec)?;
    let mut pod = client::pod(ctx, &image, "datamigrate", SCRIPT.0, args, environment);
    let mut volumes = blocks(ctx, &source)?;
    for (end, read_only) in [(&from, true), (&to, false)] {
        if let Some((volume, mount)) = end.volume(read_only) {
            volumes.add_own(volume, mount);
        }
    }
    if !volumes.volumes.is_empty() {
        pod["volumes"] = json!(volumes.volumes);
        pod["containers"][0]["volumeMounts"] = json!(volumes.mounts);
    }
    Ok(Plan {
        app: "juicefs".into(),
        pod_spec: pod,
        scripts,
        final_exit_codes: vec![FINAL],
        ..Plan::default()
    })
}

/// The Secrets by which the client gets into the file system. The keys of its storage are known to the
/// metadata engine of the community edition.
fn own_keys(source: &Source) -> Vec<Value> {
    let secrets = &source.secrets;
    if source.edition == Edition::Community {
        return vec![secret("METAURL", &secrets.metaurl_secret, &secrets.metaurl_secret_key)];
    }
    let named = [
        ("TOKEN", &secrets.token_secret, &secrets.token_secret_key),
        ("ACCESS_KEY", &secrets.accesskey_secret, &secrets.accesskey_secret_key),
        ("SECRET_KEY", &secrets.secretkey_secret, &secrets.secretkey_secret_key),
    ];
    let named = named.into_iter().filter(|(_, secret, _)| !secret.is_empty());
    let further = secrets.encrypt_env_options.iter();
    named
        .map(|(name, of, key)| secret(name, of, key))
        .chain(further.map(|option| {
            secret(
                &option.env_name,
                &option.secret_key_ref_name,
                &option.secret_key_ref_key,
            )
        }))
        .collect()
}

/// The image that the user names, else that of the runtime's clients.
fn image(ctx: &Context<Spec>, edition: Edition, spec: &DataMigrateSpec) -> Result<Image> {
    let text = |given: &Option<String>| given.clone().unwrap_or_default();
    let asked = Image {
        image: text(&spec.image),
        image_tag: text(&spec.image_tag),
        image_pull_policy: text(&spec.image_pull_policy),
    };
    if asked.is_given() {
        return asked.resolve(ctx, edition.image_key(), "DataMigrate.spec");
    }
    asked.check("DataMigrate.spec")?;
    let mut image = client::image(ctx, edition)?;
    if !asked.image_pull_policy.is_empty() {
        image.image_pull_policy = asked.image_pull_policy;
    }
    Ok(image)
}

/// The volume that has the blocks of the file system, if its storage is a directory.
fn blocks(ctx: &Context<Spec>, source: &Source) -> Result<Volumes> {
    let Some(bucket) = source.local_bucket() else {
        return Ok(Volumes::default());
    };
    let spec = &ctx.runtime.spec;
    let holds = |mount: &&Value| {
        let at = mount.get("mountPath").and_then(Value::as_str).unwrap_or_default();
        let is_volume = spec
            .volumes
            .iter()
            .any(|volume| volume.get("name") == mount.get("name"));
        is_volume && store::parts(bucket).starts_with(&store::parts(at))
    };
    let mounts: Vec<Value> = spec.worker.volume_mounts.iter().filter(holds).cloned().collect();
    let mounted = volumes::of(WORKER, &mounts, spec, &[], &[])?;
    if volumes::hold(&mounted, bucket) {
        return Ok(mounted);
    }
    Err(Error::invalid(
        "Dataset.spec.mounts[0].options.bucket",
        format!(
            "`{}` is a directory that other pods than the workers do not have; mount a volume there in \
             JuiceFSRuntime.spec.worker.volumeMounts",
            bucket.escape_debug()
        ),
    ))
}
