//! The properties of the processes: what follows from the runtime, and what nobody says otherwise.
//! The defaults are those of Fluid, whose configurations are the ones that are known to work.

use wasser_sdk::spec::merged;

use crate::input::{Spec, Texts};
use crate::ports::Ports;
use crate::sources::Sources;
use crate::store::{self, Store};

const MASTER: &[(&str, &str)] = &[
    ("namespace.blocklet.cache.size", "1000000"),
    ("namespace.blocklet.threads", "100"),
    ("namespace.cluster.id", "local"),
    ("namespace.delete.scan.batch.size", "5000"),
    ("namespace.delete.scan.interval.second", "20"),
    ("namespace.filelet.atime.enable", "false"),
    ("namespace.filelet.cache.size", "100000"),
    ("namespace.filelet.threads", "200"),
    ("namespace.long-running.threads", "20"),
    ("namespace.oss.copy.size", "1073741824"),
    ("namespace.permission.root.inode.perm.bits", "511"),
];

const WORKER: &[(&str, &str)] = &[
    ("storage.address", "localhost"),
    ("storage.cache.filelet.worker.threads", "200"),
    ("storage.cluster.id", "local"),
    ("storage.compaction.enable", "false"),
    ("storage.compaction.period.minute", "2"),
    ("storage.compaction.threshold", "16"),
    ("storage.maintainence.period.minute", "2"),
];

const CLIENT: &[(&str, &str)] = &[
    ("fs.jindocache.client.metrics.enable", "true"),
    ("fs.jindocache.request.user", "root"),
    ("fs.jindocache.rpc.timeout", "30000"),
    ("fs.jindocache.tmp.data.dir", "/tmp"),
    ("fs.oss.download.queue.size", "16"),
    ("fs.oss.download.thread.concurrency", "32"),
    ("fs.s3.download.queue.size", "16"),
    ("fs.s3.download.thread.concurrency", "32"),
    ("fs.xengine", "jindocache"),
    ("jindofsx.read.readahead.prefetcher.version", "default"),
];

const LOG: &[(&str, &str)] = &[
    ("application.report.on", "true"),
    ("logger.cleanner.enable", "true"),
    ("logger.consolelogger", "true"),
    ("logger.dir", "/tmp/jindocache-log"),
    ("logger.jnilogger", "false"),
    ("logger.sync", "false"),
    ("logger.verbose", "0"),
    ("metric.report.on", "true"),
];

const CLIENT_LOG: &[(&str, &str)] = &[
    ("hadoopConf.enable", "false"),
    ("logger.cleaner.enable", "true"),
    ("logger.consolelogger", "true"),
    ("logger.dir", "/tmp/fuse-log"),
    ("logger.level", "2"),
    ("logger.sync", "false"),
    ("logger.verbose", "0"),
];

fn texts(defaults: &[(&str, &str)]) -> Texts {
    let text = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    defaults.iter().map(text).collect()
}

/// Returns those of the masters, whose names are `masters`.
pub fn of_masters(spec: &Spec, store: &Store, ports: &Ports, masters: &[String]) -> Texts {
    let mut own = texts(MASTER);
    let directory = store.directories.first().map_or("/dev/shm", |(path, _)| path);
    own.insert("namespace.rpc.port".into(), ports.master.to_string());
    own.insert("namespace.meta-dir".into(), format!("{directory}/server"));
    let backend = if ports.raft > 0 { "raft" } else { "rocksdb" };
    own.insert("namespace.backend.type".into(), backend.into());
    if ports.raft > 0 {
        let members: Vec<String> = masters.iter().map(|name| format!("{name}:{}:0", ports.raft)).collect();
        own.insert("namespace.backend.raft.port".into(), ports.raft.to_string());
        own.insert("namespace.backend.raft.initial-conf".into(), members.join(","));
    }
    merged(&own, &merged(&spec.properties, &spec.master.properties))
}

/// Returns those of the workers.
pub fn of_workers(spec: &Spec, store: &Store, ports: &Ports) -> Texts {
    let joined = |each: &dyn Fn(&(String, u64)) -> String| {
        let texts: Vec<String> = store.directories.iter().map(each).collect();
        texts.join(",")
    };
    let quotas = joined(&|(_, quota)| store::size(*quota));
    let mut own = texts(WORKER);
    own.insert("storage.rpc.port".into(), ports.worker.to_string());
    own.insert("storage.data-dirs".into(), joined(&|(path, _)| path.clone()));
    own.insert("storage.data-dirs.capacities".into(), quotas.clone());
    own.insert("storage.watermark.high.ratio".into(), store.high.clone());
    own.insert("storage.watermark.low.ratio".into(), store.low.clone());
    if store.in_memory {
        own.insert("storage.ram.cache.size".into(), quotas.clone());
        own.insert("storage.slicelet.buffer.size".into(), quotas);
    }
    merged(&own, &merged(&spec.properties, &spec.worker.properties))
}

/// Returns those of the clients on nodes, and of the one in each master.
pub fn of_clients(spec: &Spec, store: &Store, ports: &Ports, sources: &Sources, read_only: bool) -> Texts {
    let mut own = texts(CLIENT);
    if read_only {
        own.insert("fs.jindocache.read.only.enable".into(), "true".into());
    }
    own.insert("fs.jindocache.ram.cache.enable".into(), store.in_memory.to_string());
    if !spec.worker.disabled {
        own.insert("fs.jindocache.storage.rpc.port".into(), ports.worker.to_string());
    }
    own.extend(sources.client_properties());
    own.extend(sources.credentials.of_clients());
    merged(&own, &merged(&spec.properties, &spec.fuse.properties))
}

/// Returns what masters and workers log.
pub fn of_log(spec: &Spec) -> Texts {
    merged(&texts(LOG), &spec.log_config)
}

/// Returns what clients log.
pub fn of_client_log(spec: &Spec) -> Texts {
    merged(&texts(CLIENT_LOG), &spec.fuse.log_config)
}
