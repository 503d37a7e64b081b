//! The commands of a class in a running system: they mount the data sources, and report on the
//! cache.

use std::time::Duration;

use wasser_sdk::{Command, Context, Error, Host, Measure, Pod, Result, StorageStats};

use crate::class;
use crate::component::{Kind, Part, parts};
use crate::config;
use crate::describe::CLASS;
use crate::input::{Class, Entry, ExecutionEntries, Spec};
use crate::reports::{self, Summary};
use crate::template;

/// The shortest time that a command has, whatever the class says.
const SHORTEST: Duration = Duration::from_secs(20);
/// The longest one, so that a call ends by itself.
const LONGEST: Duration = Duration::from_secs(240);
const QUICK: Duration = Duration::from_secs(15);
/// How soon a pod that is not ready is looked at again.
const SOON: u32 = 5;
/// How soon a configuration that the kubelet brings is looked at again.
const LATER: u32 = 10;
/// How much of an error message is quoted.
const QUOTED: usize = 300;

/// A command, and the component whose pods run it.
struct Hook<'a> {
    name: &'static str,
    part: Part<'a>,
    entry: &'a Entry,
}

/// Returns the first command of this name: the master's, or that of the workers. A client may be on
/// no node.
fn find<'a>(
    parts: &[Part<'a>],
    name: &'static str,
    of: impl Fn(&ExecutionEntries) -> &Option<Entry>,
) -> Option<Hook<'a>> {
    let mut with_pods = parts.iter().filter(|part| part.kind != Kind::Client);
    with_pods.find_map(|part| {
        let entry = of(&part.definition.execution_entries).as_ref()?;
        Some(Hook {
            name,
            part: *part,
            entry,
        })
    })
}

fn mount_ufs<'a>(parts: &[Part<'a>]) -> Option<Hook<'a>> {
    find(parts, "mountUFS", |entries| &entries.mount_ufs)
}

fn report_summary<'a>(parts: &[Part<'a>]) -> Option<Hook<'a>> {
    find(parts, "reportSummary", |entries| &entries.report_summary)
}

impl Hook<'_> {
    /// Returns the pod that runs the command: the first one, or another that is ready.
    fn pod(&self, host: &impl Host) -> Result<Option<Pod>> {
        let mut ready = host.ready_pods(self.part.kind.name())?;
        let first = format!("{}-0", self.part.workload());
        let at = ready.iter().position(|pod| pod.name == first).unwrap_or(0);
        Ok((at < ready.len()).then(|| ready.swap_remove(at)))
    }

    fn ready_pod(&self, host: &impl Host) -> Result<Pod> {
        self.pod(host)?.ok_or_else(|| {
            let message = format!("no pod of {} is ready to run {}", self.part.workload(), self.name);
            Error::retry_after(SOON, message)
        })
    }

    /// Runs the command in a pod, and returns what it printed.
    fn run(&self, host: &impl Host, pod: &Pod) -> Result<String> {
        let argv: Vec<&str> = self.entry.command.iter().map(String::as_str).collect();
        if argv.is_empty() {
            let field = format!("executionEntries.{}.command", self.name);
            return Err(Error::invalid(self.part.class_field(&field), "is empty"));
        }
        let timeout = Duration::from_secs(self.entry.timeout.into()).clamp(SHORTEST, LONGEST);
        let said = host
            .exec(&self.command(pod, &argv, timeout))
            .and_then(|output| output.said())
            .map_err(|error| self.failed(pod, &error.to_string()))?;
        if said.code == 0 {
            return Ok(said.stdout);
        }
        let last = said.stderr.lines().last().unwrap_or("nothing on standard error");
        let last: String = last.chars().take(QUOTED).collect();
        Err(self.failed(pod, &format!("exit code {}: {last}", said.code)))
    }

    fn command<'b>(&'b self, pod: &'b Pod, argv: &'b [&'b str], timeout: Duration) -> Command<'b> {
        Command {
            container: template::container_name(&self.part),
            ..Command::new(&pod.name, argv, timeout)
        }
    }

    fn failed(&self, pod: &Pod, why: &str) -> Error {
        Error::failed(format!(
            "{} of {CLASS} {} in pod {}: {why}",
            self.name, self.part.class, pod.name
        ))
    }
}

/// Reports whether the data sources have to be mounted by a command: until they were, which the
/// runtime's status shows, and as soon as there are pods that can run it. Workers come later than
/// this is asked for the first time.
pub fn should_prepare(ctx: &Context<Spec>, host: &impl Host) -> Result<bool> {
    if ctx.mount_time().is_some() || ctx.dataset()?.mounts.is_empty() || class::is_lost(ctx, host)? {
        return Ok(false);
    }
    let class = class::of(ctx, host)?;
    let is_there = |hook: Hook<'_>| hook.part.kind == Kind::Master || ctx.ready(hook.part.kind.name()) > 0;
    Ok(mount_ufs(&parts(ctx, &class)?).is_some_and(is_there))
}

/// Mounts the data sources. Without a command for it, the pods follow their configuration by
/// themselves.
pub fn prepare(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
    let class = class::of(ctx, host)?;
    mount(ctx, host, &class).map(drop)
}

/// Makes the mounts those of the Dataset, and reports whether they are.
pub fn update(ctx: &Context<Spec>, host: &impl Host) -> Result<bool> {
    let class = class::of(ctx, host)?;
    if mount(ctx, host, &class)? {
        return Ok(true);
    }
    // The release has the configuration, and the kubelet brings it into the pods.
    let parts = parts(ctx, &class)?;
    Ok(installed_config(ctx) == Some(&config::of(ctx, ctx.dataset()?, &parts)?))
}

/// Reports whether the pod that mounts was started after that was done last; `None` if no command
/// does, or no pod can.
pub fn is_forgotten(ctx: &Context<Spec>, host: &impl Host) -> Result<Option<bool>> {
    let class = class::of(ctx, host)?;
    let Some(hook) = mount_ufs(&parts(ctx, &class)?) else {
        return Ok(Some(false));
    };
    let pod = hook.pod(host)?;
    Ok(pod.map(|pod| ctx.started_after_mounts(&[pod]).unwrap_or(true)))
}

/// Runs the command that mounts, and checks that it has mounted what the Dataset wants. Returns
/// false if there is no such command.
fn mount(ctx: &Context<Spec>, host: &impl Host, class: &Class) -> Result<bool> {
    let parts = parts(ctx, class)?;
    let Some(hook) = mount_ufs(&parts) else {
        return Ok(false);
    };
    let pod = hook.ready_pod(host)?;
    if !sees_config(ctx, host, &hook, &pod, &config::of(ctx, ctx.dataset()?, &parts)?) {
        let message = format!(
            "the pod {} does not have the new {} yet, which the kubelet brings within two minutes",
            pod.name,
            config::PATH
        );
        return Err(Error::retry_after(LATER, message));
    }
    let text = hook.run(host, &pod)?;
    let mounted = reports::mounted(&text).ok_or_else(|| {
        let message = "what it prints is not of the form {\"mounted\": [\"/path\"]}; errors and logs belong to \
            standard error";
        hook.failed(&pod, message)
    })?;
    let wanted = ctx.dataset()?.mounts.iter().map(config::place);
    let missing: Vec<String> = wanted
        .filter(|path| !mounted.contains(&reports::trimmed(path)))
        .collect();
    if missing.is_empty() {
        return Ok(true);
    }
    Err(hook.failed(&pod, &format!("{} is not mounted afterwards", missing.join(", "))))
}

/// Reports whether a pod has the configuration as it is now. One that cannot be asked has.
fn sees_config(ctx: &Context<Spec>, host: &impl Host, hook: &Hook<'_>, pod: &Pod, config: &str) -> bool {
    if installed_config(ctx).is_none() {
        return true;
    }
    let argv = ["cat", config::PATH];
    let said = host
        .exec(&hook.command(pod, &argv, QUICK))
        .and_then(|output| output.said());
    said.map_or(true, |said| said.code != 0 || said.stdout == config)
}

fn installed_config<S>(ctx: &Context<S>) -> Option<&str> {
    ctx.installed.as_ref()?.get("config")?.as_str()
}

/// Returns the states that the class's command reports; none without one.
pub fn cache_states(ctx: &Context<Spec>, host: &impl Host) -> Result<Vec<(String, Measure)>> {
    let states = summary(ctx, host)?.states().into_iter();
    Ok(states.map(|(name, text)| (name, Measure::Other(text))).collect())
}

/// Returns the size of the data sources, if the class's command reports it.
pub fn storage_stats(ctx: &Context<Spec>, host: &impl Host) -> Result<StorageStats> {
    let (total, total_files) = summary(ctx, host)?.totals().ok_or(Error::NotSupported)?;
    Ok(StorageStats {
        used: total,
        free: None,
        total,
        total_files,
    })
}

fn summary(ctx: &Context<Spec>, host: &impl Host) -> Result<Summary> {
    if class::is_lost(ctx, host)? {
        return Err(Error::NotSupported);
    }
    let class = class::of(ctx, host)?;
    let hook = report_summary(&parts(ctx, &class)?).ok_or(Error::NotSupported)?;
    let pod = hook.ready_pod(host)?;
    let text = hook.run(host, &pod)?;
    Summary::of(&text).ok_or_else(|| {
        let message = "what it prints is not a JSON object; errors and logs belong to standard error";
        hook.failed(&pod, message)
    })
}
