//! `webhook`: pods that are created by way of admission while `wasser-serve webhook` is a process of this
//! machine. Measures its memory and processor time, and how long a creation takes with and without it.

mod pods;
mod server;

use anyhow::Result;
use serde_json::json;

pub use self::pods::Admissions;
use self::pods::{DATASETS, Pods, SIDECAR, STEERED, UNASKED, mean_milliseconds};
use self::server::Webhook;
use super::bind::bound;
use super::fake_cluster::FakeCluster;
use super::report::{Report, hundredths, spread};
use super::settle::settle;
use super::{Options, Scale, System};

const NODES: u32 = 10;

/// Measures admission.
pub fn webhook(options: &Options, load: Admissions) -> Result<Report> {
    let scale = Scale {
        count: DATASETS,
        systems: vec![System::Juicefs],
        hung: 0,
        nodes: NODES,
        keep: false,
        profile: None,
    };
    let parameters = json!({"podsOfEachKind": load.count, "clients": load.clients, "datasets": DATASETS});
    let mut report = Report::new("webhook", options, parameters);
    let fake = FakeCluster::new(options, &scale, &mut report)?;
    bind(&fake, &scale, &report)?;
    let webhook = Webhook::start(&fake)?;
    report.figure("usageAtRest", webhook.usage()?)?;
    let pods = Pods::start(fake.cluster())?;
    pods.wait_asked()?;
    eprintln!(
        "creating {} pods of each kind without keeping them, {} at a time",
        load.count, load.clients
    );
    report.figure("unaskedMilliseconds", spread(pods.create(&UNASKED, load)?))?;
    let (usage, before) = (webhook.usage()?, pods::admissions(fake.cluster())?);
    report.figure("steeredMilliseconds", spread(pods.create(&STEERED, load)?))?;
    report.figure("withSidecarMilliseconds", spread(pods.create(&SIDECAR, load)?))?;
    let (after, metrics) = (webhook.usage()?, pods::admissions(fake.cluster())?);
    let each = (after.cpu_seconds - usage.cpu_seconds) * 1e3 / (2.0 * f64::from(load.count));
    report.figure("cpuMillisecondsPerReview", hundredths(each))?;
    report.figure("admissionMillisecondsMean", mean_milliseconds(&before, &metrics))?;
    report.figure("usageAfterwards", after)?;
    report.target("usageAfterwards.peakRssMegabytes", 25.0)?;
    Ok(report)
}

/// Binds the Datasets. The operator ends after that, since it would only slow down what is measured.
fn bind(fake: &FakeCluster, scale: &Scale, report: &Report) -> Result<()> {
    fake.compile()?;
    let (mut operator, watches) = bound(fake, scale, &mut report.clone())?;
    drop(watches);
    settle(&operator)?;
    operator.stop().map(drop)
}
