//! The components that a runtime has of its class.

use std::collections::BTreeMap;

use wasser_sdk::spec::merged;
use wasser_sdk::{Context, Error, Result};

use crate::describe::{CLASS, MASTER, WORKER};
use crate::input::{Class, Component, Definition, Spec};

/// Which of the components it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It holds the metadata.
    Master,
    /// It holds the cache.
    Worker,
    /// It mounts.
    Client,
}

impl Kind {
    /// Returns the name, as in the fields of class and runtime.
    pub fn name(self) -> &'static str {
        match self {
            Self::Master => MASTER,
            Self::Worker => WORKER,
            Self::Client => "client",
        }
    }
}

/// A component: what the class says of it, and what the runtime wants otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Part<'a> {
    /// Which one it is.
    pub kind: Kind,
    /// Name of the runtime.
    pub runtime: &'a str,
    /// Name of the class.
    pub class: &'a str,
    /// What the class says.
    pub definition: &'a Definition,
    /// What the runtime says.
    pub asked: &'a Component,
}

impl Part<'_> {
    /// Returns the name of the workload.
    pub fn workload(&self) -> String {
        format!("{}-{}", self.runtime, self.kind.name())
    }

    /// Returns the name of the Service; empty if there is none.
    pub fn service(&self) -> String {
        match &self.definition.service.headless {
            Some(_) => format!("svc-{}", self.workload()),
            None => String::new(),
        }
    }

    /// Returns how many pods there are; `None` if the nodes decide.
    pub fn replicas(&self) -> Option<u32> {
        (self.kind != Kind::Client).then(|| self.asked.replicas.unwrap_or(1))
    }

    /// Returns the options: those of the class, of the runtime, and of its component, of which the
    /// last ones win.
    pub fn options(&self, of_all: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        merged(&merged(&self.definition.options, of_all), &self.asked.options)
    }

    /// Returns the path of a field of the class.
    pub fn class_field(&self, field: &str) -> String {
        format!("{CLASS} {}.topology.{}.{field}", self.class, self.kind.name())
    }

    /// Returns the path of a field of the runtime.
    pub fn field(&self, field: &str) -> String {
        format!("CacheRuntime.spec.{}.{field}", self.kind.name())
    }
}

/// Returns the components that the class has and the runtime does not disable. Refuses a runtime
/// without any.
pub fn parts<'a>(ctx: &'a Context<Spec>, class: &'a Class) -> Result<Vec<Part<'a>>> {
    let (spec, topology) = (&ctx.runtime.spec, &class.topology);
    let all = [
        (Kind::Master, &topology.master, &spec.master),
        (Kind::Worker, &topology.worker, &spec.worker),
        (Kind::Client, &topology.client, &spec.client),
    ];
    let part = |(kind, definition, asked): (Kind, &'a Option<Definition>, &'a Component)| {
        let definition = definition.as_ref().filter(|_| !asked.disabled)?;
        Some(Part {
            kind,
            runtime: &ctx.name,
            class: &spec.runtime_class_name,
            definition,
            asked,
        })
    };
    let parts: Vec<Part<'a>> = all.into_iter().filter_map(part).collect();
    if parts.is_empty() {
        let field = format!("{CLASS} {}.topology", spec.runtime_class_name);
        let message = "has no component that the runtime does not disable; give it a master, a worker or a client";
        return Err(Error::invalid(field, message));
    }
    Ok(parts)
}
