//! DataLoad: the cache is warmed by JuiceFS itself, through the volume of the Dataset.

use std::collections::{BTreeMap, BTreeSet};

use wasser_api::operations::DataLoadSpec;
use wasser_sdk::{Context, DatasetMount, Error, Host, Plan, Result, literal};

use super::client::{self, variable};
use super::options;
use super::{COMMON, FINAL};
use crate::describe::WORKER;
use crate::edition::Edition;
use crate::input::Spec;
use crate::shell;
use crate::source::Source;

/// Its name is the one of Fluid's script.
const SCRIPT: (&str, &str) = ("dataloader.distributedLoad", include_str!("warmup.sh"));
/// Where the data is.
const DATA: &str = "/data";
/// Files that are read at the same time where JuiceFS cannot be told what to load.
const READERS: &str = "16";
/// Options of `juicefs warmup` that would do something else.
const RESERVED: &[(&str, &str)] = &[
    ("background", "the load would end before the files are loaded"),
    ("file", "the paths are those of spec.target"),
    ("evict", "removes files from the cache"),
    ("check", "loads nothing"),
];

/// Returns what warms the cache. Clients of the community edition share nothing but the directories of
/// their node, so that each node with a worker loads the files; members of a cache group of the
/// enterprise edition share what one of them was told to load.
pub fn plan(ctx: &Context<Spec>, host: &impl Host, spec: &DataLoadSpec) -> Result<Plan> {
    let edition = Source::of(ctx)?.edition;
    let (mut args, timeout) = options::arguments("DataLoad.spec.options", &spec.options, RESERVED)?;
    let threads = spec
        .options
        .get("threads")
        .filter(|text| text.parse().is_ok_and(|n: u32| n > 0));
    let mut env = vec![
        variable("MOUNT", DATA),
        variable("JUICEFS", edition.cli()),
        variable("NEED_LOAD_METADATA", &spec.load_metadata.to_string()),
        variable("THREADS", threads.map_or(READERS, String::as_str)),
    ];
    env.extend(timeout.map(|seconds| variable("TIMEOUT", &seconds.to_string())));
    for (at, target) in spec.target.iter().enumerate() {
        shell::check_text(&format!("DataLoad.spec.target[{at}].path"), &target.path)?;
        args.push(literal(&format!("{DATA}/{}", target.path.trim_start_matches('/'))));
    }
    if spec.target.is_empty() {
        args.push(DATA.to_owned());
    }
    let image = client::image(ctx, edition)?;
    let mut pod = client::pod(ctx, &image, "dataloader", SCRIPT.0, args, env);
    let tolerations = &ctx.dataset()?.tolerations;
    if !tolerations.is_empty() {
        pod["tolerations"] = tolerations.clone().into();
    }
    Ok(Plan {
        app: "juicefs".into(),
        pod_spec: pod,
        scripts: [SCRIPT, COMMON]
            .map(|(name, text)| (name.to_owned(), text.to_owned()))
            .into(),
        // A volume for writing stays one: JuiceFS is told what to load by writing to a file of the mount.
        dataset_mount: Some(DatasetMount {
            path: DATA.into(),
            ..DatasetMount::default()
        }),
        nodes: match edition {
            Edition::Community => nodes(host)?,
            Edition::Enterprise => Vec::new(),
        },
        infos: BTreeMap::new(),
        final_exit_codes: vec![FINAL],
        ..Plan::default()
    })
}

/// Returns the nodes that have a ready worker.
fn nodes(host: &impl Host) -> Result<Vec<String>> {
    let nodes: BTreeSet<String> = host.ready_pods(WORKER)?.into_iter().map(|pod| pod.node).collect();
    let nodes: Vec<String> = nodes.into_iter().filter(|node| !node.is_empty()).collect();
    if nodes.is_empty() {
        return Err(Error::retry_after(5, "no worker is ready to load data into"));
    }
    Ok(nodes)
}
