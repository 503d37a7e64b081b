//! From options to manifests, which are golden files. `UPDATE=1` rewrites them.

use std::path::Path;
use std::time::Duration;

use clap::Parser;
use futures::FutureExt;
use rstest::rstest;
use tokio::sync::watch;
use tokio::time::timeout;

use super::draft::{Draft, Format, Manifest, print};
use super::problem::Problem;
use super::{Command, draft};

/// The longest that a test waits, which is more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// What was written for a user.
#[derive(Clone, Default)]
pub struct Written(watch::Sender<String>);

impl Written {
    /// Returns the text.
    pub fn text(&self) -> String {
        self.0.borrow().clone()
    }

    /// Waits until something was written.
    pub async fn until(&self, words: &str) {
        let has = self.0.subscribe();
        let in_time = timeout(PATIENCE, has.clone().wait_for(|text| text.contains(words)).map(|_| ())).await;
        assert!(in_time.is_ok(), "not written: {words}; but: {}", self.text());
    }
}

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = std::str::from_utf8(bytes).unwrap();
        self.0.send_modify(|all| all.push_str(text));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Makes the manifest of a command line, whose words are separated by spaces, in the namespace `team`.
fn manifest(line: &str) -> Result<Manifest, Problem> {
    manifest_in("team", line)
}

/// Makes the manifest of a command line.
pub fn manifest_in(namespace: &str, line: &str) -> Result<Manifest, Problem> {
    let words = ["data"].into_iter().chain(line.split_whitespace());
    let cli = Cli::try_parse_from(words).map_err(|error| Problem::usage(error.to_string()))?;
    let draft = |draft: Result<Draft, Problem>, common: &draft::CommonArgs| draft?.place(common, namespace, 7);
    match &cli.command {
        Command::Load(args) => draft(args.draft(namespace), &args.make.common),
        Command::Migrate(args) => draft(args.draft(namespace), &args.make.common),
        Command::Backup(args) => draft(args.draft(namespace), &args.make.common),
        Command::Process(args) => draft(args.draft(namespace), &args.make.common),
        other => panic!("{other:?} makes nothing"),
    }
}

#[rstest]
#[case("load", "load demo")]
#[case(
    "load-all",
    "load demo --name warm --path /train --path /val --replicas 2 --metadata --option threads=32 --ttl 1h \
     --schedule @daily --after datamigrate/photos-in"
)]
#[case("load-copies", "load demo --replicas 3")]
#[case(
    "migrate-in",
    "migrate --from s3://photos.s3.eu-central-1.amazonaws.com/2024/ --to demo:/2024 --secret-option \
     access-key=photos-keys/id --secret-option secret-key=photos-keys/secret --option threads=20"
)]
#[case(
    "migrate-out",
    "migrate --from demo --to pvc://archive/results --parallelism 4 --ttl 0"
)]
#[case("migrate-across", "migrate --from demo:/a --to other:/b --runtime-type juicefs")]
#[case("backup", "backup hbase --to pvc://backups/hbase --after load/warm")]
#[case("process-command", "process demo --image busybox -- find /data -name *.tmp -delete")]
#[case(
    "process-image",
    "process demo --image tool:1 --mount-path /in --sub-path 2024 --service-account reader"
)]
#[case(
    "process-script",
    "process demo --image python:3 --script-file src/cli/data/golden/script.py"
)]
#[case(
    "process-shell",
    "process demo --image bash:5 --script-file src/cli/data/golden/script.py -- bash -x"
)]
fn options_become_a_manifest(#[case] name: &str, #[case] line: &str) {
    let made = manifest(line).unwrap_or_else(|problem| panic!("{line}: {problem}"));
    let found = format!("# {line}\n{}", print(&made.object, &made.named, Format::Yaml).unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/cli/data/golden/{name}.yaml"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    assert_eq!(
        found,
        std::fs::read_to_string(&file).unwrap_or_default(),
        "UPDATE=1 rewrites it"
    );
}

#[rstest]
#[case("load demo --path ../other", "leads out of the Dataset")]
#[case(
    "load demo --schedule every-night",
    "the operator would refuse this: DataLoad.spec.schedule"
)]
#[case("load demo --replicas 0", "0 is not in 1..")]
#[case("load demo --after warm", "it is KIND/NAME")]
#[case("load demo --ttl 1.5s", "whole seconds")]
#[case("load demo --option secret-key=x", "does not belong on a command line")]
#[case("load", "<DATASET>")]
#[case("migrate --from s3://a.b/c --to pvc://d/e", "neither `from` nor `to` is a Dataset")]
#[case(
    "migrate --from demo --to /mnt",
    "neither a Dataset (NAME or NAME:/PATH) nor an address"
)]
#[case("migrate --from dataset://ns/demo --to pvc://a/b", "without dataset://")]
#[case(
    "migrate --from demo --to pvc://a/b --secret-option token=keys/t",
    "neither end is an object storage"
)]
#[case("migrate --from demo --to s3://A:K@b.c/d", "leave the keys out of the address")]
#[case(
    "migrate --from demo --to s3://b.c/d --secret-option access-key=AKIA",
    "is not a reference"
)]
#[case("backup demo --to /dir", "is neither pvc://CLAIM/PATH nor local:///PATH")]
#[case("backup demo --to pvc://a/b --schedule @daily", "--schedule")]
#[case("process demo --image i --mount-path data", "is not an absolute path")]
#[case("process demo", "--image")]
#[case(
    "load demo --name a-name-that-is-longer-than-the-name-of-a-release-may-be",
    "under a shorter name"
)]
fn options_that_cannot_work_are_refused(#[case] line: &str, #[case] words: &str) {
    let problem = manifest(line).unwrap_err().to_string();
    assert!(problem.contains(words), "{line}: {problem}");
}

#[test]
fn objects_are_printed_in_three_forms() {
    let made = manifest("load demo --name warm").unwrap();
    let text = |format| print(&made.object, &made.named, format).unwrap();
    assert_eq!(text(Format::Name), "dataload.data.fluid.io/warm\n");
    let json: serde_json::Value = serde_json::from_str(&text(Format::Json)).unwrap();
    let yaml: serde_json::Value = yaml_serde::from_str(&text(Format::Yaml)).unwrap();
    assert_eq!((&json["kind"], &json), (&serde_json::json!("DataLoad"), &yaml));
}
