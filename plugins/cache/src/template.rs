//! The pods of a component: the template of the class, with what the runtime and its Dataset add.
//!
//! As in Fluid, the first container is that of the cache system, and everything that speaks of a
//! container is meant for it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use wasser_api::pods::lift_claim_sources;
use wasser_api::quantity;
use wasser_sdk::spec::{Reference, ResourceValues, Resources, merged, named};
use wasser_sdk::{Context, DatasetSpec, Error, Result};

use crate::component::{Kind, Part};
use crate::config;
use crate::input::Spec;
use crate::secrets;
use crate::tiers;
use crate::volumes::Volumes;

/// The priority class of clients.
const CRITICAL: &str = "system-node-critical";

/// A template of pods, as a workload has it.
#[derive(Debug, Clone)]
pub struct Template {
    /// Labels of the pods.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pods.
    pub annotations: BTreeMap<String, String>,
    /// Their spec.
    pub spec: Map<String, Value>,
}

/// Returns the pods of a component.
pub fn of(ctx: &Context<Spec>, dataset: &DatasetSpec, part: &Part<'_>) -> Result<Template> {
    let spec = &ctx.runtime.spec;
    let (mut pod, mut container) = taken_apart(part)?;
    let levels = tiers::of(part)?;
    let image = image(part, &container)?;
    set(&mut container, "image", image.into());
    let policy = &part.asked.runtime_version.image_pull_policy;
    if !policy.is_empty() {
        set(&mut container, "imagePullPolicy", policy.as_str().into());
    }
    if !part.asked.args.is_empty() {
        set(&mut container, "args", json!(part.asked.args));
    }
    let env = env(ctx, part, &list(&container, "env"));
    set_list(&mut container, "env", env);
    let resources = resources(part, &container, &levels)?;
    if !resources.is_empty() {
        set(&mut container, "resources", json!(resources));
    }

    let mut volumes = Volumes::of(
        part,
        &spec.volumes,
        &list(&pod, "volumes"),
        &list(&container, "volumeMounts"),
    )?;
    for (volume, mount) in own_volumes(ctx, dataset, part)? {
        volumes.add(part, volume, mount)?;
    }
    for (volume, mount) in levels.into_iter().flat_map(|level| level.volumes) {
        volumes.add(part, volume, mount)?;
    }
    let secrets = named(&ctx.pull_secrets(), &list(&pod, "imagePullSecrets"), "name");
    set_list(
        &mut pod,
        "imagePullSecrets",
        named(&secrets, &spec.image_pull_secrets, "name"),
    );
    let tolerations = list(&pod, "tolerations");
    let mut tolerations: Vec<Value> = tolerations.into_iter().chain(part.asked.tolerations.clone()).collect();
    let mut node_selector = merged(&texts(part, &pod, "nodeSelector")?, &part.asked.node_selector);
    if part.kind == Kind::Client {
        client(ctx, part, &mut pod, &mut container, &mut volumes)?;
        // Clients go wherever applications are.
        let all = json!({"operator": "Exists"});
        if !tolerations.contains(&all) {
            tolerations.push(all);
        }
        node_selector.insert(ctx.fuse_label.clone(), "true".into());
    } else {
        tolerations.extend(dataset.tolerations.clone());
    }
    set_list(&mut pod, "tolerations", tolerations);
    if !node_selector.is_empty() {
        set(&mut pod, "nodeSelector", json!(node_selector));
    }
    set_list(&mut pod, "volumes", volumes.volumes);
    set_list(&mut container, "volumeMounts", volumes.mounts);
    if let Some(first) = pod.get_mut("containers").and_then(|containers| containers.get_mut(0)) {
        *first = Value::Object(container);
    }
    let metadata = |field: &str| {
        let metadata = part.definition.template.get("metadata").and_then(Value::as_object);
        texts_of(metadata, field).ok_or_else(|| not_texts(part, &format!("metadata.{field}")))
    };
    let of_runtime = spec.pod_metadata.clone().overridden_by(&part.asked.pod_metadata);
    Ok(Template {
        labels: merged(&metadata("labels")?, &of_runtime.labels),
        annotations: merged(&metadata("annotations")?, &of_runtime.annotations),
        spec: pod,
    })
}

/// Returns the name of the container of the cache system; `None` if the class has none.
pub fn container_name<'a>(part: &Part<'a>) -> Option<&'a str> {
    part.definition.template.pointer("/spec/containers/0/name")?.as_str()
}

/// Returns the image of a component.
pub fn image_of(part: &Part<'_>) -> Result<String> {
    let (_, container) = taken_apart(part)?;
    image(part, &container)
}

/// Returns the spec of the pods and their first container.
fn taken_apart(part: &Part<'_>) -> Result<(Map<String, Value>, Map<String, Value>)> {
    let template = &part.definition.template;
    let pod = template.get("spec").and_then(Value::as_object);
    let container = template.pointer("/spec/containers/0").and_then(Value::as_object);
    match (pod, container) {
        (Some(pod), Some(container)) if container.get("name").is_some_and(Value::is_string) => {
            let mut pod = pod.clone();
            if let Some(claims) = pod.get_mut("resourceClaims") {
                lift_claim_sources(claims);
            }
            Ok((pod, container.clone()))
        }
        _ => {
            let message = "needs a container with a name and an image, which is that of the cache system";
            Err(Error::invalid(part.class_field("template.spec.containers"), message))
        }
    }
}

/// Returns the image that the runtime names, completed from that of the class. One that is named
/// without a tag does not have the tag of the class.
fn image(part: &Part<'_>, container: &Map<String, Value>) -> Result<String> {
    let asked = &part.asked.runtime_version;
    let field = part.field("runtimeVersion");
    asked.check(&field)?;
    let reference = Reference::of(&asked.image, &asked.image_tag, &field)?;
    if !reference.name.is_empty() {
        return Ok(reference.to_string());
    }
    let of_class = container.get("image").and_then(Value::as_str).unwrap_or_default();
    let known = Reference::written(of_class).map_err(|why| {
        let message = format!(
            "`{}` is not a reference to an image: {why}; correct it, or name an image in the runtime",
            of_class.escape_debug()
        );
        Error::invalid(part.class_field("template.spec.containers[0].image"), message)
    })?;
    Ok(reference.or(&known).to_string())
}

/// Returns what the pods learn, and then the variables of the class and of the runtime, each name
/// once.
fn env(ctx: &Context<Spec>, part: &Part<'_>, of_class: &[Value]) -> Vec<Value> {
    let service = part.service();
    let own = [
        ("FLUID_DATASET_NAME", ctx.name.as_str()),
        ("FLUID_DATASET_NAMESPACE", ctx.namespace.as_str()),
        ("FLUID_RUNTIME_CONFIG_PATH", config::PATH),
        ("FLUID_RUNTIME_MOUNT_PATH", ctx.mount_path.as_str()),
        ("FLUID_RUNTIME_COMPONENT_TYPE", part.kind.name()),
        ("FLUID_RUNTIME_COMPONENT_SVC_NAME", service.as_str()),
    ]
    .map(|(name, value)| json!({"name": name, "value": value}));
    let is_own = |variable: &Value| own.iter().any(|own| own.get("name") == variable.get("name"));
    let theirs = named(of_class, &part.asked.env, "name");
    let theirs = theirs.into_iter().filter(|variable| !is_own(variable));
    own.iter().cloned().chain(theirs).collect()
}

/// Returns the resources of the runtime if it names some, else those of the class, with the memory
/// of the cache.
fn resources(part: &Part<'_>, container: &Map<String, Value>, levels: &[tiers::Tier]) -> Result<ResourceValues> {
    let asked = &part.asked.resources;
    let (mut resources, field) = if asked.limits.is_empty() && asked.requests.is_empty() {
        let field = part.class_field("template.spec.containers[0].resources");
        let found = container.get("resources").cloned().unwrap_or_else(|| json!({}));
        let found: Resources = serde_json::from_value(found)
            .map_err(|error| Error::invalid(&field, format!("are not resources of a container: {error}")))?;
        (found, field)
    } else {
        (asked.clone(), part.field("resources"))
    };
    let (mut added, mut held) = (0, 0);
    for level in levels {
        added = level.added_memory.saturating_add(added);
        held = level.held_memory.saturating_add(held);
    }
    // A limit of the cache alone would leave nothing for the process, so none is made.
    for quantities in [&mut resources.limits, &mut resources.requests] {
        let asked = quantities.get("memory").and_then(quantity::bytes);
        if let Some(bytes) = asked.filter(|_| added > 0) {
            let sum = quantity::of_bytes(bytes.saturating_add(added));
            quantities.insert("memory".into(), sum.into());
        }
    }
    let cache = added.saturating_add(held);
    let resources = if cache > 0 {
        resources.hold_cache(&field, cache)?
    } else {
        resources
    };
    resources.values(&field)
}

/// Returns the volumes of the pods themselves: the configuration, Secrets, and ConfigMaps of the
/// class.
fn own_volumes(ctx: &Context<Spec>, dataset: &DatasetSpec, part: &Part<'_>) -> Result<Vec<(Value, Value)>> {
    let config_map = |volume: &str, name: &str, path: &str| {
        (
            json!({"name": volume, "configMap": {"name": name}}),
            json!({"name": volume, "mountPath": path, "readOnly": true}),
        )
    };
    let config = format!("fluid-runtime-config-{}", ctx.name);
    let mut volumes = vec![config_map("fluid-runtime-config", &config, config::DIRECTORY)];
    let dependencies = &part.definition.dependencies;
    if dependencies.secret_mount.enabled != Some(false) {
        volumes.extend(secrets::volumes(dataset));
    }
    for (at, mounted) in dependencies.extra_resources.config_maps.iter().enumerate() {
        let path = &mounted.mount_path;
        if !path.starts_with('/') || path.contains(':') {
            let field = format!("dependencies.extraResources.configMaps[{at}].mountPath");
            return Err(Error::invalid(
                part.class_field(&field),
                "must be an absolute path without colons",
            ));
        }
        let name = format!("{}-{}", ctx.name, mounted.name);
        volumes.push(config_map(&format!("fluid-extra-{at}"), &name, path));
    }
    Ok(volumes)
}

/// Adds what a client needs that mounts for its node.
fn client(
    ctx: &Context<Spec>,
    part: &Part<'_>,
    pod: &mut Map<String, Value>,
    container: &mut Map<String, Value>,
    volumes: &mut Volumes,
) -> Result<()> {
    let directory = ctx.mount_parent();
    if !volumes.mounts_at(directory) {
        let source = json!({"path": directory, "type": "DirectoryOrCreate"});
        volumes.add(
            part,
            json!({"name": "fluid-mount", "hostPath": source}),
            json!({"name": "fluid-mount", "mountPath": directory, "mountPropagation": "Bidirectional"}),
        )?;
    }
    let context = container.entry("securityContext").or_insert_with(|| json!({}));
    let privileged = context
        .as_object_mut()
        .map(|context| context.entry("privileged").or_insert(true.into()));
    if privileged.is_none_or(|privileged| *privileged != true) {
        let field = part.class_field("template.spec.containers[0].securityContext.privileged");
        let message = "must be true or left out: what a client mounts would not reach its node";
        return Err(Error::invalid(field, message));
    }
    if ctx.critical_fuse_pod() {
        pod.entry("priorityClassName").or_insert(CRITICAL.into());
    }
    if ctx.host_pid()? {
        set(pod, "hostPID", true.into());
    }
    Ok(())
}

/// Returns a map of texts of the pods' spec.
fn texts(part: &Part<'_>, pod: &Map<String, Value>, field: &str) -> Result<BTreeMap<String, String>> {
    texts_of(Some(pod), field).ok_or_else(|| not_texts(part, &format!("spec.{field}")))
}

fn texts_of(object: Option<&Map<String, Value>>, field: &str) -> Option<BTreeMap<String, String>> {
    match object.and_then(|object| object.get(field)) {
        None | Some(Value::Null) => Some(BTreeMap::new()),
        Some(value) => serde_json::from_value(value.clone()).ok(),
    }
}

fn not_texts(part: &Part<'_>, field: &str) -> Error {
    let field = part.class_field(&format!("template.{field}"));
    Error::invalid(field, "has values that are not texts; put them in quotes")
}

fn set(object: &mut Map<String, Value>, field: &str, value: Value) {
    object.insert(field.to_owned(), value);
}

/// Sets a list, or leaves it out if it is empty.
fn set_list(object: &mut Map<String, Value>, field: &str, values: Vec<Value>) {
    if values.is_empty() {
        object.remove(field);
    } else {
        set(object, field, Value::Array(values));
    }
}

fn list(object: &Map<String, Value>, field: &str) -> Vec<Value> {
    object.get(field).and_then(Value::as_array).cloned().unwrap_or_default()
}
