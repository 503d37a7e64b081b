//! The DataLoad of a runtime whose plugin says nothing better: the files are read through the mount.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasser_api::operations::DataLoadSpec;

use super::plan::{DatasetMount, Plan, SCRIPTS_AT};

/// The script that reads the files.
const SCRIPT: &str = include_str!("load.sh");
/// Its name, which is the one of Fluid's script.
const NAME: &str = "dataloader.distributedLoad";
/// Where the data is.
const DATA: &str = "/data";
/// Exit code of the script if another attempt is of no use.
const FINAL: i32 = 64;
/// The options that say how many files are read at the same time: Wasser's, and that of Fluid's loader
/// for Jindo.
const OF_THREADS: [&str; 2] = ["threads", "threadNum"];
/// How many there are if none does.
const THREADS: u32 = 16;

/// The client whose image reads the files.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Client {
    /// The name of the runtime's chart.
    pub app: String,
    /// The image, which has a shell.
    pub image: String,
    /// The Secrets with which it is pulled.
    pub pull_secrets: Vec<Value>,
    /// What pods of the Dataset tolerate of nodes.
    pub tolerations: Vec<Value>,
}

/// Returns what reads the targets of a DataLoad. Paths are arguments of the script, and never text
/// of it.
pub fn plan(spec: &DataLoadSpec, client: &Client) -> Plan {
    let given = |name: &str| spec.options.get(name)?.trim().parse::<u32>().ok();
    let threads = OF_THREADS.into_iter().filter_map(given).find(|threads| *threads > 0);
    let threads = threads.unwrap_or(THREADS);
    // Kubernetes would replace `$(MOUNT)` in an argument.
    let paths: Vec<String> = spec
        .target
        .iter()
        .map(|target| target.path.replace('$', "$$"))
        .collect();
    let mut container = json!({
        "name": "dataloader",
        "image": client.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", format!("{SCRIPTS_AT}/{NAME}")],
        "env": [
            {"name": "MOUNT", "value": DATA},
            {"name": "NEED_LOAD_METADATA", "value": spec.load_metadata.to_string()},
            {"name": "THREADS", "value": threads.to_string()},
        ],
    });
    if !paths.is_empty() {
        container["args"] = json!(paths);
    }
    let mut pod = json!({"restartPolicy": "Never", "containers": [container]});
    if !client.pull_secrets.is_empty() {
        pod["imagePullSecrets"] = json!(client.pull_secrets);
    }
    if !client.tolerations.is_empty() {
        pod["tolerations"] = json!(client.tolerations);
    }
    Plan {
        app: client.app.clone(),
        pod_spec: pod,
        scripts: BTreeMap::from([(NAME.to_owned(), SCRIPT.to_owned())]),
        dataset_mount: Some(DatasetMount {
            path: DATA.to_owned(),
            sub_path: String::new(),
            read_only: true,
        }),
        final_exit_codes: vec![FINAL],
        of_host: true,
        ..Plan::default()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::{Command, Output};

    use super::*;

    fn run(paths: &[&str]) -> (Output, String) {
        let (output, left, _) = run_by(&["/bin/sh"], paths);
        (output, left)
    }

    fn run_by(shell: &[&str], paths: &[&str]) -> (Output, String, String) {
        run_reading(shell, paths, "#!/bin/sh\ncase $2 in *log) exit 1 ;; esac\n")
    }

    fn run_reading(shell: &[&str], paths: &[&str], reads: &str) -> (Output, String, String) {
        run_with(shell, paths, &[("cat", reads)])
    }

    /// Runs the script with these programs, such as those that read and list.
    fn run_with(shell: &[&str], paths: &[&str], programs: &[(&str, &str)]) -> (Output, String, String) {
        let directory = tempfile::tempdir().unwrap();
        let odd = directory.path().join("a b;$(touch c)'");
        fs::create_dir_all(odd.join("sub")).unwrap();
        fs::write(odd.join("sub/-n"), "text").unwrap();
        fs::create_dir_all(directory.path().join("more")).unwrap();
        fs::write(directory.path().join("more/file"), "more text").unwrap();
        fs::create_dir_all(directory.path().join("many")).unwrap();
        for number in 0..250 {
            fs::write(directory.path().join(format!("many/{number}")), "many").unwrap();
        }
        // As logs that a client adds to its mount: reading one does not end.
        fs::write(odd.join("sub/.accesslog"), "").unwrap();
        let bin = directory.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        for (name, text) in programs {
            fs::write(bin.join(name), text).unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let inherited = std::env::var("PATH").unwrap();
        let programs = format!("{}:{inherited}", bin.display());
        let script = directory.path().join(NAME);
        fs::write(&script, SCRIPT).unwrap();
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .arg(&script)
            .args(paths)
            .current_dir(&odd)
            .env("MOUNT", directory.path())
            .env("TERMINATION_LOG", directory.path().join("said"))
            .env("THREADS", "2")
            .env("PROGRESS_EVERY", "0")
            .env("PATH", programs)
            .env("NEED_LOAD_METADATA", "true")
            .output()
            .unwrap();
        let mut left: Vec<String> = fs::read_dir(&odd)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let said = fs::read_to_string(directory.path().join("said")).unwrap_or_default();
        (output, left.join(","), said)
    }

    #[test]
    fn names_are_never_taken_for_commands() {
        let (output, left) = run(&["/a b;$(touch c)'", "/"]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(left, "sub");
        assert!(String::from_utf8_lossy(&output.stdout).ends_with("all is loaded\n"));
    }

    #[test]
    fn a_load_says_how_far_it_is_and_leaves_how_much_it_was() {
        let mut shells = vec![vec!["/bin/sh"], vec!["bash", "--posix"]];
        if Command::new("busybox").arg("true").output().is_ok() {
            shells.push(vec!["busybox", "sh"]);
        }
        for shell in shells {
            let (output, _, left) = run_by(&shell, &["/a b;$(touch c)'", "/a b;$(touch c)'/sub"]);
            assert!(output.status.success(), "{shell:?}: {output:?}");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("progress ")).collect();
            assert_eq!(
                lines,
                [
                    "progress files=1 bytes=4 total-files=2 total-bytes=8",
                    "progress files=2 bytes=8 total-files=2 total-bytes=8"
                ],
                "{shell:?}: {said}"
            );
            assert_eq!(left, "files=2\nbytes=8.00 B", "{shell:?}");
            let read = super::super::progress::Done::of(&said).unwrap();
            assert_eq!((read.files, read.bytes, read.total_files), (Some(2), Some(8), Some(2)));
        }
    }

    #[test]
    fn a_file_that_is_gone_or_broken_does_not_end_the_load() {
        // Busybox reads by itself.
        for shell in [["/bin/sh"].as_slice(), &["bash", "--posix"]] {
            let fails =
                |words: &str| format!("#!/bin/sh\ncase $2 in *-n) echo \"cat: $2: {words}\" >&2; exit 1 ;; esac\n");
            let (output, _, left) = run_reading(
                shell,
                &["/a b;$(touch c)'", "/more"],
                &fails("No such file or directory"),
            );
            assert!(output.status.success(), "{shell:?}: {output:?}");
            assert_eq!(left, "files=1\nbytes=9.00 B", "{shell:?}");

            let (output, _, left) = run_reading(shell, &["/a b;$(touch c)'", "/more"], &fails("Input/output error"));
            assert_eq!(output.status.code(), Some(1), "{shell:?}: {output:?}");
            assert_eq!(
                left, "1 files or directories could not be read; the first: /a b;$(touch c)'/sub/-n",
                "{shell:?}"
            );
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(
                said.contains("loaded /more\n") && said.contains("progress files=1 bytes=9"),
                "{shell:?}: {said}"
            );
        }
    }

    #[test]
    fn a_load_ends_once_a_hundred_files_in_a_row_cannot_be_read() {
        for shell in [["/bin/sh"].as_slice(), &["bash", "--posix"]] {
            let fails = |which: &str| {
                format!("#!/bin/sh\ncase $2 in {which}) echo \"cat: $2: Input/output error\" >&2; exit 1 ;; esac\n")
            };
            let named = |output: &Output| {
                let said = String::from_utf8_lossy(&output.stdout).into_owned();
                (
                    said.matches("cannot be read: ").count(),
                    said.contains("loaded /more\n"),
                )
            };
            let (output, _, left) = run_reading(shell, &["/many", "/more"], &fails("*/many/*"));
            assert_eq!(output.status.code(), Some(1), "{shell:?}: {output:?}");
            let words = "100 files in a row could not be read, so the rest was left; 100 files or directories";
            assert!(left.starts_with(words), "{shell:?}: {left}");
            assert_eq!(named(&output), (10, false), "{shell:?}: {output:?}");

            let (output, _, left) = run_reading(shell, &["/many", "/more"], &fails("*/many/*[02468]"));
            assert_eq!(output.status.code(), Some(1), "{shell:?}: {output:?}");
            assert!(left.starts_with("125 files or directories"), "{shell:?}: {left}");
            assert_eq!(named(&output), (10, true), "{shell:?}: {output:?}");
        }
    }

    #[test]
    fn a_load_ends_at_once_when_its_mount_is_dead() {
        const LISTS: &str = "#!/bin/sh\n[ ! -e \"$MOUNT/dead\" ] || { echo 'ls: Transport endpoint is not connected' >&2; \
                             exit 2; }\nexec /bin/ls \"$@\"\n";
        const READS: &str = "#!/bin/sh\n: > \"$MOUNT/dead\"\necho \"cat: $2: Transport endpoint is not connected\" >&2\n\
                             exit 1\n";
        for shell in [["/bin/sh"].as_slice(), &["bash", "--posix"]] {
            let (output, _, left) = run_with(shell, &["/many", "/more"], &[("cat", READS), ("ls", LISTS)]);
            assert_eq!(output.status.code(), Some(1), "{shell:?}: {output:?}");
            let words = "the mount of the dataset cannot be read any more; ";
            assert!(left.starts_with(words), "{shell:?}: {left}");

            let never = LISTS.replace("[ ! -e \"$MOUNT/dead\" ]", "false");
            let (output, _, left) = run_with(shell, &["/missing"], &[("ls", &never)]);
            assert_eq!(output.status.code(), Some(1), "{shell:?}: {output:?}");
            let words = "the mount of the dataset cannot be read: ls: Transport endpoint is not connected";
            assert_eq!(left, words, "{shell:?}");
        }
    }

    #[test]
    fn a_path_that_is_not_there_ends_the_load_for_good() {
        let (output, _) = run(&["/", "/missing"]);
        assert_eq!(output.status.code(), Some(FINAL));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(said, "the path /missing does not exist in the dataset\n");
    }
}
