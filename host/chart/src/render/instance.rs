//! One copy of Helm's engine at work, with the charts that it has read.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::Value;
use wasmtime::{AsContextMut, InstancePre, Memory, Store, Trap, TypedFunc, UpdateDeadline};

use super::answer::{self, Refusal};
use super::locate::template_error;
use super::pace::{Pace, Render};
use super::sandbox::Sandbox;
use super::work::{Counts, Work};
use super::{Limits, ReleaseMeta, Rendered};
use crate::chart::Chart;
use crate::error::RenderError;

/// Charts that an instance keeps; beyond that it forgets the one that was not used for longest.
const MAX_CHARTS: usize = 16;
/// What the engine is asked to render.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Request<'a> {
    name: &'a str,
    namespace: &'a str,
    revision: u32,
    is_upgrade: bool,
    kube_version: &'a str,
    api_versions: &'a [String],
    values: &'a Value,
}

impl<'a> Request<'a> {
    pub fn new(meta: &'a ReleaseMeta, values: &'a Value, kube_version: &'a str, api_versions: &'a [String]) -> Self {
        Self {
            name: &meta.name,
            namespace: &meta.namespace,
            revision: meta.revision,
            is_upgrade: meta.is_upgrade,
            kube_version,
            api_versions,
            values,
        }
    }
}

/// A chart that the instance has read.
struct Loaded {
    digest: String,
    number: u32,
    /// The chart as release records have it.
    record: Arc<Value>,
}

/// What the module exports.
struct Exports {
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    load: TypedFunc<u32, u64>,
    unload: TypedFunc<u32, ()>,
    render: TypedFunc<u32, u64>,
    collect: TypedFunc<(), u32>,
}

/// Helm's engine, initialised. After an error other than [`RenderError::Template`] it is of no use
/// any more.
pub struct Instance {
    store: Store<Sandbox>,
    exports: Exports,
    /// The one used last is at the end.
    charts: Vec<Loaded>,
    next_number: u32,
    limits: Limits,
    counts: Arc<Counts>,
}

impl Instance {
    /// Starts Go's runtime; `pre` is linked with what [`super::sandbox`] offers.
    pub fn new(pre: &InstancePre<Sandbox>, limits: &Limits, counts: &Arc<Counts>) -> Result<Self, RenderError> {
        let began = Instant::now();
        let mut store = Store::new(pre.module().engine(), Sandbox::new(limits.memory));
        store.limiter(|sandbox| sandbox);
        store.epoch_deadline_callback(|mut store| {
            if store.data_mut().pace.tick() {
                Err(Trap::Interrupt.into())
            } else {
                Ok(UpdateDeadline::Continue(1))
            }
        });
        store.data_mut().pace = Pace::within(limits.deadline, None);
        store.set_epoch_deadline(1);
        let started = (|| {
            let instance = pre.instantiate(&mut store)?;
            instance
                .get_typed_func::<(), ()>(&mut store, "_initialize")?
                .call(&mut store, ())?;
            let memory = instance
                .get_memory(&mut store, "memory")
                .ok_or_else(|| wasmtime::Error::msg("the module exports no memory"))?;
            Ok(Exports {
                memory,
                alloc: instance.get_typed_func(&mut store, "alloc")?,
                load: instance.get_typed_func(&mut store, "load")?,
                unload: instance.get_typed_func(&mut store, "unload")?,
                render: instance.get_typed_func(&mut store, "render")?,
                collect: instance.get_typed_func(&mut store, "collect")?,
            })
        })();
        let exports = started.map_err(|error: wasmtime::Error| RenderError::Engine {
            message: format!(
                "starting it: {error:#}; {}",
                reason(&store.data().output).unwrap_or_default()
            ),
        })?;
        counts.add(Work::Start, began);
        Ok(Self {
            store,
            exports,
            charts: Vec::new(),
            next_number: 0,
            limits: limits.clone(),
            counts: counts.clone(),
        })
    }

    /// Lets the time of a call begin, on the thread that makes it.
    fn begin(&mut self, render: Option<Render>) {
        self.store.data_mut().pace = Pace::within(self.limits.deadline, render);
        self.store.set_epoch_deadline(1);
    }

    /// Bytes of memory that the instance has taken; it never gives any back.
    pub fn memory_size(&self) -> usize {
        self.exports.memory.data_size(&self.store)
    }

    /// Whether it has read this chart already.
    pub fn knows(&self, chart: &Chart) -> bool {
        self.charts.iter().any(|loaded| loaded.digest == chart.digest())
    }

    /// Renders a chart, which is read first if need be. `request` is a [`Request`] in JSON.
    pub fn render(&mut self, chart: &Chart, request: &[u8], render: Render) -> Result<Rendered, RenderError> {
        self.begin(Some(render));
        let rendered = self.render_at_pace(chart, request);
        self.store.data_mut().pace = Pace::default();
        rendered
    }

    fn render_at_pace(&mut self, chart: &Chart, request: &[u8]) -> Result<Rendered, RenderError> {
        let (number, record) = self.number_of(chart)?;
        let began = Instant::now();
        let place = self.ask(chart, &self.exports.render.clone(), number, request)?;
        let rendered = answer::rendered(self.read(chart, place)?, record);
        self.counts.add(Work::Render, began);
        rendered.map_err(|refusal| refused(chart, refusal))
    }

    /// Collects the garbage of earlier renders, if it is worth it; false if the instance is of no
    /// use any more.
    pub fn tidy(&mut self) -> bool {
        // Somebody may wait for the instance, so this gives way to nobody.
        self.begin(None);
        let began = Instant::now();
        let collected = self.exports.collect.call(&mut self.store, ());
        if collected.as_ref().is_ok_and(|collected| *collected != 0) {
            self.counts.add(Work::Collect, began);
        }
        collected
            .inspect_err(|error| tracing::warn!(%error, "Helm's engine could not collect its garbage; it is restarted"))
            .is_ok()
    }

    fn number_of(&mut self, chart: &Chart) -> Result<(u32, Arc<Value>), RenderError> {
        if let Some(index) = self.charts.iter().position(|loaded| loaded.digest == chart.digest()) {
            let known = self.charts.remove(index);
            let found = (known.number, known.record.clone());
            self.charts.push(known);
            return Ok(found);
        }
        if self.charts.len() >= MAX_CHARTS {
            let oldest = self.charts.remove(0);
            let unload = self.exports.unload.clone();
            unload
                .call(&mut self.store, oldest.number)
                .map_err(|error| self.stopped(chart, &error))?;
        }
        let number = self.next_number;
        self.next_number += 1;
        let began = Instant::now();
        let place = self.ask(chart, &self.exports.load.clone(), number, chart.archive())?;
        let record = answer::loaded(self.read(chart, place)?).map_err(|refusal| refused(chart, refusal))?;
        self.counts.add(Work::Load, began);
        self.charts.push(Loaded {
            digest: chart.digest().to_owned(),
            number,
            record: record.clone(),
        });
        Ok((number, record))
    }

    /// Hands input over and calls; returns where the answer is.
    fn ask(
        &mut self,
        chart: &Chart,
        function: &TypedFunc<u32, u64>,
        number: u32,
        input: &[u8],
    ) -> Result<u64, RenderError> {
        self.store.data_mut().output.clear();
        let asked = (|| {
            let size = u32::try_from(input.len())?;
            let address = self.exports.alloc.call(self.store.as_context_mut(), size)?;
            self.exports.memory.write(&mut self.store, address as usize, input)?;
            function.call(&mut self.store, number)
        })();
        let place = asked.map_err(|error| self.stopped(chart, &error))?;
        for line in String::from_utf8_lossy(&self.store.data().output).lines() {
            tracing::debug!(chart = chart.name(), "Helm: {line}");
        }
        Ok(place)
    }

    /// The answer: address in the upper half, size in the lower.
    fn read(&self, chart: &Chart, place: u64) -> Result<&[u8], RenderError> {
        let (address, size) = ((place >> 32) as usize, (place & 0xffff_ffff) as usize);
        let bytes = self
            .exports
            .memory
            .data(&self.store)
            .get(address..)
            .and_then(|bytes| bytes.get(..size));
        bytes.ok_or_else(|| crashed(chart, "its answer is outside of its memory".to_owned()))
    }

    /// Why a call did not return.
    fn stopped(&self, chart: &Chart, error: &wasmtime::Error) -> RenderError {
        let sandbox = self.store.data();
        match error.downcast_ref::<Trap>() {
            Some(Trap::Interrupt) => RenderError::Deadline {
                chart: chart.name().to_owned(),
                limit: self.limits.deadline,
            },
            Some(Trap::StackOverflow) => crashed(
                chart,
                "the stack is full; templates may include each other without end".to_owned(),
            ),
            _ if sandbox.memory_refused => crashed(
                chart,
                format!(
                    "rendering needs more than the {} MiB of memory that it may have",
                    self.limits.memory >> 20
                ),
            ),
            _ => crashed(
                chart,
                reason(&sandbox.output).unwrap_or_else(|| error.root_cause().to_string()),
            ),
        }
    }
}

/// The line with which Go's runtime says why it ends, or else the last one.
fn reason(output: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(output);
    let fatal = text.lines().find(|line| {
        ["panic: ", "fatal error: ", "runtime: "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    fatal.or_else(|| text.lines().next_back()).map(str::to_owned)
}

fn refused(chart: &Chart, refusal: Refusal) -> RenderError {
    match refusal {
        Refusal::Helm(message) => template_error(chart.name(), message).into(),
        Refusal::Garbled(message) => crashed(chart, message),
    }
}

fn crashed(chart: &Chart, message: String) -> RenderError {
    RenderError::Crashed {
        chart: chart.name().to_owned(),
        message,
    }
}
