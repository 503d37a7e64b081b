//! Mounts in a running master: what has to go, and what comes.

use std::time::Duration;

use wasser_sdk::{Attempts, Command, Context, Error, Failures, Host, HostError, Result, Severity, UfsChange};

use crate::cache_sets;
use crate::cli::{SHORT, master};
use crate::input::Spec;
use crate::reports;
use crate::sources::{Sources, table};

const MOUNTED: &str = "Mount point already exists";
/// What attempts know the cache sets by; paths begin with `/`.
const CACHE_SETS: &str = "cache sets";
/// Takes the cache sets from the file that it reads, of as many bytes as its argument says: not every
/// cluster can end its input. The file of the pod is as old as the pod.
const REFRESH: [&str; 4] = [
    "sh",
    "-c",
    "file=${TMPDIR:-/tmp}/cacheset.xml; head -c \"$1\" > \"$file\" && exec jindocache -refreshCacheSet -path \"$file\"",
    "sh",
];
/// How long a mount can take: a data source that hangs must not keep the others away.
const EACH: Duration = Duration::from_secs(8);

/// Makes the mounts of the master those of the Dataset, which differ from what it shows by
/// `change`; `None` before it shows any. A mount that fails does not keep the others from being
/// tried, and is tried last the next time.
pub fn bring_about(ctx: &Context<Spec>, host: &impl Host, change: Option<&UfsChange>) -> Result<()> {
    let sources = Sources::of(ctx)?;
    let pod = master(host)?;
    let mut attempts = Attempts::read(ctx, host)?;
    let mut there = mounted(host, &pod)?;
    let mut going = going(change, &sources, &attempts);
    going.retain(|path| there.contains(path));
    let mut failures = Failures::default();
    for path in &going {
        let next = sources.mounts.iter().find(|(wanted, _)| wanted == path);
        let what = match next {
            Some((_, target)) => format!("{target} at {path}, for which `jindocache -unmount` has to come first"),
            None => format!("nothing at {path} by `jindocache -unmount`"),
        };
        if !failures.leave_time_for(&what) {
            continue;
        }
        match unmount(host, &pod, path) {
            Ok(()) => {
                there.retain(|other| other != path);
                attempts.note_unmounted(path);
            }
            // What is to come in its place would seem to be there.
            Err(error) if next.is_some() => {
                failures.keep(&what, path, Err(error));
            }
            Err(error) => tell_that_it_stays(host, &pod, path, error)?,
        }
    }
    for last in [false, true] {
        let now = |path: &String| !there.contains(path) && attempts.has_failed(path) == last;
        let missing: Vec<&(String, String)> = sources.mounts.iter().filter(|(path, _)| now(path)).collect();
        for (path, target) in missing {
            let what = format!("{target} at {path}");
            if failures.leave_time_for(&what) && failures.keep(&what, path, mount(host, &pod, path, target)) {
                attempts.note_mounted(path, target);
                // What was cached of it is gone: not twice, should there be no time for the rest.
                if going.contains(path) {
                    attempts.keep(host)?;
                }
            }
        }
    }
    let sets = give_cache_sets(host, &pod, &sources, change.is_some(), &mut attempts);
    let Some(why) = describe(&failures, &pod, sets.err()) else {
        return Ok(());
    };
    attempts.note_failed(failures.in_vain);
    attempts.keep(host)?;
    Err(Error::failed(why))
}

/// Describes the mounts that failed, and why the cache sets are not as they should be.
fn describe(failures: &Failures, pod: &str, sets: Option<Error>) -> Option<String> {
    let mounts = (!failures.messages.is_empty()).then(|| {
        let all = failures.messages.join("; ");
        format!("`jindocache -mount` in pod {pod} could not mount {all}")
    });
    let all: Vec<String> = mounts.into_iter().chain(sets.map(|error| error.to_string())).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn mount(host: &impl Host, pod: &str, path: &str, target: &str) -> std::result::Result<(), HostError> {
    let said = host.ask(pod, &["jindocache", "-mount", path, target], EACH)?;
    match said.code == 0 || said.stdout.contains(MOUNTED) || said.stderr.contains(MOUNTED) {
        true => Ok(()),
        false => Err(HostError::Failed(last_line(&said.stderr).to_owned())),
    }
}

/// Returns the paths whose present mounts have to go: those removed, and those that have another
/// source. What is cached of a mount goes with it, so that one which an earlier attempt has made
/// right stays.
fn going(change: Option<&UfsChange>, sources: &Sources, attempts: &Attempts) -> Vec<String> {
    let has_another = |path: &String| {
        let (old, new) = change?.changed.get(path)?;
        Some(table(std::slice::from_ref(old)) != table(std::slice::from_ref(new)))
    };
    let changed = sources.mounts.iter().filter(|(path, target)| {
        let is_right = attempts.has_mounted(path, target);
        is_right.map_or_else(|| has_another(path).unwrap_or_default(), |right| !right)
    });
    let changed = changed.map(|(path, _)| path);
    let removed = change.iter().flat_map(|change| change.removed.keys());
    removed.chain(changed).cloned().collect()
}

/// Gives the master the cache sets of the data sources, if it has none, or others: with a change of
/// the mounts they are others, unless an attempt at it has given them already.
fn give_cache_sets(
    host: &impl Host,
    pod: &str,
    sources: &Sources,
    changed: bool,
    attempts: &mut Attempts,
) -> Result<()> {
    let file = cache_sets::file(&sources.cache_sets);
    let differ = attempts.has_mounted(CACHE_SETS, &file).map_or(changed, |given| !given);
    if !differ
        && host
            .run(pod, &["jindocache", "-listCacheSet"], SHORT)?
            .contains("cacheStrategy")
    {
        return Ok(());
    }
    let length = file.len().to_string();
    let argv: Vec<&str> = REFRESH.into_iter().chain([length.as_str()]).collect();
    let command = Command {
        stdin: Some(file.as_bytes()),
        ..Command::new(pod, &argv, SHORT)
    };
    let said = host.exec(&command).and_then(|output| output.said());
    let why = match said {
        Ok(said) if said.code == 0 => {
            attempts.note_mounted(CACHE_SETS, &file);
            return Ok(());
        }
        Ok(said) => last_line(&said.stderr).to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Error::failed(format!(
        "`jindocache -refreshCacheSet` in pod {pod}: {why}"
    )))
}

/// Returns what the master has mounted, by path. The master must be able to report first.
fn mounted(host: &impl Host, pod: &str) -> Result<Vec<String>> {
    host.run(pod, &["jindocache", "-report"], SHORT)?;
    let listed = host.run(pod, &["jindocache", "-mount"], SHORT)?;
    Ok(reports::mounts(&listed).into_iter().map(str::to_owned).collect())
}

fn unmount(host: &impl Host, pod: &str, path: &str) -> std::result::Result<(), HostError> {
    let said = host.ask(pod, &["jindocache", "-unmount", path], EACH)?;
    match said.code {
        0 => Ok(()),
        _ => Err(HostError::Failed(last_line(&said.stderr).to_owned())),
    }
}

/// Reports once that a path which is no longer wanted stays. That does not keep the others from being
/// mounted: at worst, there is more to see than was asked for.
fn tell_that_it_stays(host: &impl Host, pod: &str, path: &str, error: HostError) -> Result<()> {
    let (HostError::Failed(_) | HostError::Timeout) = error else {
        return Err(error.into());
    };
    let message = format!("`jindocache -unmount` in pod {pod} could not unmount {path}, which stays visible: {error}");
    host.event(Severity::Warning, "UnmountFailed", &message)?;
    Ok(())
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or("nothing on standard error")
}
