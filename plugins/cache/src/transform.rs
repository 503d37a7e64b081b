//! From class, runtime and Dataset to the values of the chart.

use std::collections::BTreeSet;

use wasser_sdk::spec::check_clean_policy;
use wasser_sdk::{Context, Error, Host, Result};

use crate::class;
use crate::component::{Kind, Part, parts};
use crate::config;
use crate::describe::CLASS;
use crate::input::{Class, Spec};
use crate::template;
use crate::values::{ConfigMap, Identity, Values, Workload};

/// How long the name of a Service may be.
const LONGEST_SERVICE: usize = 63;

/// Returns the values that `ctx` asks for, or what is wrong with it.
pub fn values(ctx: &Context<Spec>, host: &impl Host) -> Result<Values> {
    of_class(ctx, &class::of(ctx, host)?)
}

/// Returns the values that `ctx` asks for with this class.
pub fn of_class(ctx: &Context<Spec>, class: &Class) -> Result<Values> {
    let (spec, dataset) = (&ctx.runtime.spec, ctx.dataset()?);
    let parts = parts(ctx, class)?;
    check_clean_policy("CacheRuntime.spec.client.cleanPolicy", &spec.client.clean_policy)?;
    let config_maps = config_maps(ctx, class, &parts)?;
    let workload = |kind: Kind| match parts.iter().find(|part| part.kind == kind) {
        Some(part) => workload(ctx, part),
        None => Ok(Workload::default()),
    };
    Ok(Values {
        fullname_override: ctx.name.clone(),
        owner_dataset_id: ctx.dataset_id.clone(),
        runtime_identity: Identity {
            namespace: ctx.namespace.clone(),
            name: ctx.name.clone(),
        },
        placement: dataset.placement().into(),
        file_system_type: class.file_system_type.clone(),
        config: config::of(ctx, dataset, &parts)?,
        config_maps,
        master: workload(Kind::Master)?,
        worker: workload(Kind::Worker)?,
        client: workload(Kind::Client)?,
    })
}

fn workload(ctx: &Context<Spec>, part: &Part<'_>) -> Result<Workload> {
    let service = part.service();
    if service.len() > LONGEST_SERVICE {
        let message = format!("makes the Service {service}, whose name has more than {LONGEST_SERVICE} characters");
        return Err(Error::invalid("CacheRuntime.metadata.name", message));
    }
    let template = template::of(ctx, ctx.dataset()?, part)?;
    Ok(Workload {
        enabled: true,
        replicas: part.replicas().filter(|_| part.kind == Kind::Master),
        service,
        labels: template.labels,
        annotations: template.annotations,
        spec: template.spec,
    })
}

/// Returns the ConfigMaps of the class. A component can mount no other.
fn config_maps(ctx: &Context<Spec>, class: &Class, parts: &[Part<'_>]) -> Result<Vec<ConfigMap>> {
    let mut names = BTreeSet::new();
    for (at, found) in class.extra_resources.config_maps.iter().enumerate() {
        let name = &found.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        let fits = name.len() <= 63 && name.chars().all(plain) && name.ends_with(|c: char| c.is_ascii_alphanumeric());
        if !fits || !names.insert(name.as_str()) {
            let field = format!(
                "{CLASS} {}.extraResources.configMaps[{at}].name",
                ctx.runtime.spec.runtime_class_name
            );
            let message = "must be a name of its own of at most 63 of a-z, 0-9, - and .";
            return Err(Error::invalid(field, message));
        }
    }
    for part in parts {
        let mounted = &part.definition.dependencies.extra_resources.config_maps;
        if let Some(at) = mounted
            .iter()
            .position(|mounted| !names.contains(mounted.name.as_str()))
        {
            let field = part.class_field(&format!("dependencies.extraResources.configMaps[{at}].name"));
            let message = "is not one of extraResources.configMaps of the class; add it there";
            return Err(Error::invalid(field, message));
        }
    }
    let all = class.extra_resources.config_maps.iter();
    let config_map = |found: &crate::input::ExtraConfigMap| ConfigMap {
        name: found.name.clone(),
        data: found.data.clone(),
    };
    Ok(all.map(config_map).collect())
}
