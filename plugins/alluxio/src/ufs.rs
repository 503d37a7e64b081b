//! Mounting data sources into a running Alluxio.

use std::collections::BTreeMap;
use std::time::Duration;

use wasser_sdk::{Context, DatasetSpec, Error, Host, Mount, Pod, Result, UfsChange};

use crate::commands;
use crate::describe::MASTER;
use crate::input::Spec;
use crate::masters::master;
use crate::mounts::{LOCAL_ROOT, Mounts, place};
use crate::reports::{self, MountTable};

/// The setting of the installation that says how mounts reach the master: as files of its pod, or
/// by commands alone.
const STORAGE: &str = "mount-config-storage";
/// The script in the master's pod that brings the mounts to what it is given. The chart has it.
const SCRIPT: &str = "/etc/fluid/scripts/mount.sh";
/// The script next to it that prints the paths whose Secrets have changed since. Pods that an
/// earlier chart started do not have it.
const ROTATED: &str = "/etc/fluid/scripts/rotated.sh";
/// How long a command can take. The script ends before, with what there was time for.
const PATIENCE: Duration = Duration::from_secs(50);

/// Reports whether the master's pods have the mounts and the Secrets of their options as files.
/// Otherwise the plugin reads the Secrets.
pub fn by_files(ctx: &Context<Spec>) -> bool {
    ctx.settings
        .get(STORAGE)
        .is_none_or(|storage| storage.is_empty() || storage == "configmap")
}

/// Reports whether anything has to be mounted before the workers start. Once it was done, the
/// runtime shows when.
pub fn should_prepare(ctx: &Context<Spec>) -> Result<bool> {
    let mounts = Mounts::of(ctx.dataset()?)?;
    Ok(ctx.mount_time().is_none() && !mounts.table.is_empty())
}

/// Mounts what is missing.
pub fn prepare(ctx: &Context<Spec>, host: &impl Host) -> Result<()> {
    bring_about(ctx, host, &Mounts::of(ctx.dataset()?)?, &[])
}

/// Returns the difference between the Dataset's mounts and those that it had when they were last
/// mounted; all of them after a restart of a master, which may have lost its journal; and those
/// whose Secrets changed. Returns no change while no master is ready, because the comparison is
/// repeated once one is. The data source at `/` is for a new master alone: until there is one, the
/// change is refused with what to do.
pub fn change(ctx: &Context<Spec>, host: &impl Host) -> Result<UfsChange> {
    let dataset = ctx.dataset()?;
    let mounts = Mounts::of(dataset)?;
    let wanted = &mounts.table;
    let Some(of_status) = ctx.shown_mounts()? else {
        return Ok(UfsChange::default());
    };
    let shown = shown(dataset, &of_status)?;
    let (before, after) = (by_path(&shown, &of_status), by_path(&mounts, &dataset.mounts));
    let mut change = UfsChange::between(&before, &after, |path, _, _| shown.table.get(path) == wanted.get(path));
    let masters = host.pods(MASTER)?;
    let Some(master) = masters.iter().find(|pod| pod.ready) else {
        return Ok(UfsChange::default());
    };
    let source = |mounts: &Mounts| {
        mounts
            .root
            .as_ref()
            .map_or_else(|| LOCAL_ROOT.to_string(), |root| root.source.clone())
    };
    if source(&shown) != source(&mounts) {
        expect_root(host, master, &source(&mounts))?;
        let root = dataset.mounts.iter().find(|mount| place(mount) == "/");
        change.added.insert("/".into(), root.cloned().unwrap_or_default());
    }
    if !wanted.is_empty() && ctx.started_after_mounts(&masters).unwrap_or(false) {
        change.added = after;
    } else if change.is_empty() && by_files(ctx) {
        for path in rotated(host, master, &mounts)? {
            let mount = after.get(&path).cloned().unwrap_or_default();
            change.changed.insert(path, (mount.clone(), mount));
        }
    }
    Ok(change)
}

/// Returns the mounts of the table as the Dataset has them.
fn by_path(mounts: &Mounts, of: &[Mount]) -> BTreeMap<String, Mount> {
    let named = |path: &String, source: &String| {
        let own = of.iter().find(|mount| place(mount) == *path);
        own.cloned().unwrap_or_else(|| Mount {
            mount_point: source.clone(),
            ..Mount::default()
        })
    };
    let table = mounts.table.iter();
    table
        .map(|(path, entry)| (path.clone(), named(path, &entry.source)))
        .collect()
}

/// Refuses another data source at `/` than the one that the master has.
fn expect_root(host: &impl Host, master: &Pod, source: &str) -> Result<()> {
    let table = MountTable::parse(&host.run(&master.name, &["alluxio", "fs", "mount"], PATIENCE)?);
    let has = table.root.unwrap_or_default();
    if has.trim_end_matches('/') == source.trim_end_matches('/') {
        return Ok(());
    }
    let message = format!(
        "the data source at `/` is `{source}`, and the running master has `{has}`, which it keeps: delete the pod \
         {}, and a new one begins with yours",
        master.name
    );
    Err(Error::invalid("Dataset.spec.mounts", message))
}

/// Returns the mounts whose Secrets have other values in the master's pod than those that Alluxio
/// was given.
fn rotated(host: &impl Host, master: &Pod, mounts: &Mounts) -> Result<Vec<String>> {
    let lines = mounts.secret_lines();
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let argv = ["env", &format!("FLUID_MOUNTS={}", lines.join("\n")), "bash", ROTATED];
    let output = host.ask(&master.name, &argv, PATIENCE)?;
    // A shell without the script prints nothing.
    let path = |line: &str| mounts.table.contains_key(line).then(|| line.to_owned());
    Ok(output.stdout.lines().filter_map(path).collect())
}

/// Makes the mounts those that the Dataset asks for. One that changed is unmounted first.
pub fn update(ctx: &Context<Spec>, host: &impl Host, change: &UfsChange) -> Result<bool> {
    // A mount whose Secret has changed is the same, and gets the new value where it is.
    let going: Vec<String> = change
        .going()
        .into_iter()
        .filter(|path| change.changed.get(path).is_none_or(|(old, new)| old != new))
        .collect();
    bring_about(ctx, host, &Mounts::of(ctx.dataset()?)?, &going)?;
    Ok(true)
}

/// Returns the mounts that the Dataset's status shows. A change of options that all mounts share
/// is not seen, because the status does not have them.
fn shown(dataset: &DatasetSpec, mounts: &[Mount]) -> Result<Mounts> {
    Mounts::of(&DatasetSpec {
        mounts: mounts.to_vec(),
        ..dataset.clone()
    })
}

fn bring_about(ctx: &Context<Spec>, host: &impl Host, mounts: &Mounts, first_unmount: &[String]) -> Result<()> {
    let pod = master(host)?;
    if by_files(ctx) {
        let since = ctx.mount_time().unwrap_or_default();
        by_script(host, &pod, mounts, first_unmount, since)
    } else {
        commands::bring_about(ctx, host, &pod, mounts, first_unmount)
    }
}

/// Gives the script the lines of mount.info as they are to be: the file itself takes the kubelet a
/// minute or two to renew. They are variables and no arguments, so that the script of an earlier
/// chart, which reads other lines, goes by its own file. Of what it has mounted since the time
/// `since`, when all was as it should be, it knows itself whether it is right.
fn by_script(host: &impl Host, pod: &Pod, mounts: &Mounts, first_unmount: &[String], since: &str) -> Result<()> {
    let lines = format!("FLUID_MOUNTS={}", mounts.lines().join("\n"));
    let unmount = format!("FLUID_UNMOUNT={}", first_unmount.join("\n"));
    let since = format!("FLUID_SINCE={since}");
    let argv = ["env", &lines, &unmount, &since, SCRIPT];
    let output = host
        .ask(&pod.name, &argv, PATIENCE)
        .map_err(|e| Error::failed(format!("mounting in pod {}: {e}", pod.name)))?;
    if output.code == 0 {
        return Ok(());
    }
    let said = format!("{}\n{}", output.stdout, output.stderr);
    Err(Error::failed(format!(
        "mounting in pod {}: {}",
        pod.name,
        reports::reasons(&said)
    )))
}
