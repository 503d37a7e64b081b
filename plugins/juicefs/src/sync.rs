//! Live changes: what of a changed spec reaches a release that is already installed.

use serde_json::Value;
use wasser_sdk::{Context, Error, Result, time};

use crate::input::Spec;
use crate::migrate;
use crate::values::{Pod, Values};

/// The annotation of pods whose command changed: it makes the change a new revision of the
/// workload, which shows that the running pods are of the old one. They are replaced when somebody
/// deletes them.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";

/// Adapts `values`, which are those of a new release, to the one that is `installed`. `now_ms` is
/// the time of a change.
///
/// * Images stay as they are unless the runtime names them: a new default of the registration does
///   not restart anybody's cache.
/// * Another fuse image is a new generation, by which the node plugin recognises old pods.
/// * Another command is marked on the pods, once.
/// * The fuse node selector stays: changing it would take the pods away from nodes where
///   applications use them.
/// * Claim templates of a StatefulSet cannot change.
pub fn adapt(ctx: &Context<Spec>, mut values: Values, installed: &Value, now_ms: u64) -> Result<Values> {
    let spec = &ctx.runtime.spec;
    let text = |pointer: &str| installed.pointer(pointer).and_then(Value::as_str);
    values.worker.volume_claim_templates = claims(&values.worker.volume_claim_templates, installed)?;
    if !spec.version.is_given() {
        keep(&mut values.image, text("/image"));
        keep(&mut values.image_tag, text("/imageTag"));
    }
    let selector = installed.pointer("/fuse/nodeSelector").and_then(Value::as_object);
    if let Some(selector) = selector {
        let strings = selector
            .iter()
            .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_string())));
        values.fuse.node_selector = strings.collect();
    }
    if let Some(fuse) = &mut values.fuse.fuse {
        if !spec.fuse.version().is_given() {
            keep(&mut fuse.image, text("/fuse/image"));
            keep(&mut fuse.image_tag, text("/fuse/imageTag"));
        }
        let generation = installed
            .pointer("/fuse/generation")
            .and_then(Value::as_u64)
            .unwrap_or(1);
        let differs = |pointer: &str, now: &str| text(pointer).is_some_and(|installed| installed != now);
        let changed = differs("/fuse/image", &fuse.image) || differs("/fuse/imageTag", &fuse.image_tag);
        fuse.generation = generation + u64::from(changed);
    }
    mark_restart(&mut values.worker, installed.get("worker"), now_ms);
    mark_restart(&mut values.fuse, installed.get("fuse"), now_ms);
    Ok(values)
}

fn keep(value: &mut String, installed: Option<&str>) {
    if let Some(installed) = installed {
        *value = installed.to_string();
    }
}

/// Returns the claim templates as they are installed, if the runtime still wants the same.
fn claims(wanted: &[Value], installed: &Value) -> Result<Vec<Value>> {
    let there = installed
        .pointer("/worker/volumeClaimTemplates")
        .and_then(Value::as_array);
    let there = there.map(Vec::as_slice).unwrap_or_default();
    let mut pairs = there.iter().zip(wanted);
    let same = |(there, wanted): (&Value, &Value)| there == wanted || *there == migrate::without_empty(wanted);
    if there.len() == wanted.len() && pairs.all(same) {
        return Ok(there.to_vec());
    }
    let message = "cannot be changed once the workers exist; undo the change, or delete and create the runtime";
    Err(Error::invalid("JuiceFSRuntime.spec.volumeClaimTemplates", message))
}

/// Marks pods whose command is another than what is installed, and keeps the mark of the last time.
fn mark_restart(pod: &mut Pod, installed: Option<&Value>, now_ms: u64) {
    let Some(installed) = installed else { return };
    let command = installed.get("command").and_then(Value::as_str).unwrap_or_default();
    let last = installed
        .get("annotations")
        .and_then(|a| a.get(RESTARTED_AT))
        .and_then(Value::as_str);
    let mark = if same_command(command, &pod.command) {
        last.map(str::to_string)
    } else {
        Some(time::rfc3339(now_ms))
    };
    if let Some(mark) = mark {
        pod.annotations.entry(RESTARTED_AT.into()).or_insert(mark);
    }
}

/// Reports whether two commands mount in the same way: the order of the options and the port of the
/// metrics do not matter.
fn same_command(a: &str, b: &str) -> bool {
    let parts = |command: &str| {
        let (start, options) = command.rsplit_once(" -o ").unwrap_or((command, ""));
        let options = options.trim_start_matches('$').trim_matches('\'');
        let mut options: Vec<String> = options
            .split(',')
            .map(str::to_string)
            .filter(|o| !o.starts_with("metrics="))
            .collect();
        options.sort();
        (start.to_string(), options)
    };
    parts(a) == parts(b)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::same_command;

    #[rstest]
    #[case::order("m s /p -o a=1,b", "m s /p -o b,a=1", true)]
    #[case::metrics("m s /p -o a=1,metrics=0.0.0.0:1", "m s /p -o a=1,metrics=0.0.0.0:2", true)]
    #[case::option("m s /p -o a=1", "m s /p -o a=2", false)]
    #[case::fewer("m s /p -o a=1,b", "m s /p -o a=1", false)]
    #[case::source("m s /p -o a=1", "m t /p -o a=1", false)]
    #[case::quoted_by_fluid("m s /p -o $'a=1;2,b'", "m s /p -o 'b,a=1;2'", true)]
    fn commands_are_compared_by_what_they_do(#[case] a: &str, #[case] b: &str, #[case] same: bool) {
        assert_eq!(same_command(a, b), same);
    }
}
