//! Mounting by Alluxio's commands alone, where the master's pod has no script for it.

use std::time::Duration;

use wasser_sdk::{Attempts, Command, Context, Error, Failures, Host, HostError, Pod, Result, Said};

use crate::input::Spec;
use crate::mounts::{Entry, Mounts};
use crate::reports::{self, MountTable};

/// Runs Alluxio with the words that it reads, as many as its argument says, each with a NUL after it:
/// not every cluster can end its input. The API server may log the arguments of a command, and no
/// Secret belongs there.
const BY_INPUT: [&str; 4] = [
    "bash",
    "-c",
    "words=(); while [ \"${#words[@]}\" -lt \"$1\" ] && IFS= read -r -d '' word; do words+=(\"$word\"); done; \
     exec alluxio \"${words[@]}\"",
    "bash",
];
/// How long the list of mounts can take: Alluxio may ask each data source for it.
const LIST: Duration = Duration::from_secs(50);
/// How long each of the others can take: a data source that hangs must not keep the others away.
const EACH: Duration = Duration::from_secs(20);

/// Makes the mounts of a master those of `mounts`, one by one. One that fails does not keep the
/// others from being tried, and is tried last the next time. One that is there otherwise is
/// unmounted first: those of `first_unmount`, but for those that an earlier attempt has mounted
/// again already.
pub fn bring_about(
    ctx: &Context<Spec>,
    host: &impl Host,
    pod: &Pod,
    mounts: &Mounts,
    first_unmount: &[String],
) -> Result<()> {
    let mut attempts = Attempts::read(ctx, host)?;
    let table = MountTable::parse(&host.run(&pod.name, &["alluxio", "fs", "mount"], LIST)?);
    let mut run = Run {
        host,
        pod,
        failures: Failures::default(),
    };
    let stays = |path: &String| {
        let wanted = mounts.table.get(path);
        wanted.is_some_and(|entry| {
            let known = attempts.has_mounted(path, &entry.line(path));
            known.unwrap_or(!first_unmount.contains(path))
        })
    };
    // Children before their parents.
    let going = table.paths.iter().rev().filter(|path| *path != "/" && !stays(path));
    let going: Vec<&String> = going.collect();
    for path in &going {
        if run.unmount(path) {
            attempts.note_unmounted(path);
        }
    }
    for last in [false, true] {
        for (path, entry) in &mounts.table {
            let mounted = table.paths.contains(path) && !going.contains(&path);
            // Which values it was mounted with, nobody knows.
            if attempts.has_failed(path) != last || mounted && entry.secrets.is_empty() {
                continue;
            }
            let line = entry.line(path);
            if run.bring_about(path, entry, mounted) && !mounted {
                attempts.note_mounted(path, &line);
                // What was cached of it is gone: not twice, should this be the last command that
                // there is time for.
                if going.contains(&path) {
                    attempts.keep(host)?;
                }
            }
        }
    }
    let Failures { messages, in_vain, .. } = run.failures;
    if messages.is_empty() {
        return Ok(());
    }
    attempts.note_failed(in_vain);
    attempts.keep(host)?;
    Err(Error::failed(messages.join("; ")))
}

/// Commands about mounts in the pod of a master.
struct Run<'a, H> {
    host: &'a H,
    pod: &'a Pod,
    failures: Failures,
}

impl<H: Host> Run<'_, H> {
    /// Unmounts a path, and returns whether it is gone.
    fn unmount(&mut self, path: &str) -> bool {
        let what = format!("unmounting {path}");
        if !self.failures.leave_time_for(&what) {
            return false;
        }
        let outcome = self.ask(&["fs", "unmount", path].map(str::to_owned), false);
        let is_gone = outcome.is_ok();
        self.failures.keep(&what, path, outcome);
        is_gone
    }

    /// Mounts a data source, or gives new values to one that is mounted. Returns false if it was
    /// refused, or there was no time for it.
    fn bring_about(&mut self, path: &str, entry: &Entry, mounted: bool) -> bool {
        let what = format!("{} {path}", if mounted { "updating" } else { "mounting" });
        let words = match command(self.host, path, entry, mounted) {
            Ok(words) => words,
            Err(error) => {
                self.failures.messages.push(format!("{what}: {error}"));
                return false;
            }
        };
        self.failures.leave_time_for(&what) && {
            let outcome = self.ask(&words, !entry.secrets.is_empty());
            self.failures.keep(&what, path, outcome)
        }
    }

    /// Runs a command of Alluxio.
    fn ask(&self, words: &[String], secret: bool) -> std::result::Result<(), HostError> {
        let said = if secret {
            self.ask_by_input(words)?
        } else {
            let words = words.iter().map(String::as_str);
            let argv: Vec<&str> = ["alluxio"].into_iter().chain(words).collect();
            self.host.ask(&self.pod.name, &argv, EACH)?
        };
        match said.code {
            0 => Ok(()),
            _ => Err(HostError::Failed(reports::reasons(&format!(
                "{}\n{}",
                said.stdout, said.stderr
            )))),
        }
    }

    fn ask_by_input(&self, words: &[String]) -> std::result::Result<Said, HostError> {
        let input: String = words.iter().flat_map(|word| [word.as_str(), "\0"]).collect();
        let count = words.len().to_string();
        let argv: Vec<&str> = BY_INPUT.into_iter().chain([count.as_str()]).collect();
        let command = Command {
            stdin: Some(input.as_bytes()),
            ..Command::new(&self.pod.name, &argv, EACH)
        };
        self.host.exec(&command)?.said()
    }
}

/// Returns the words of `alluxio fs mount` for a data source, or of `alluxio fs updateMount` for one
/// that is mounted, with the values of Secrets.
fn command(host: &impl Host, path: &str, entry: &Entry, mounted: bool) -> Result<Vec<String>> {
    let verb = if mounted { "updateMount" } else { "mount" };
    let mut words: Vec<String> = ["fs", verb].map(String::from).to_vec();
    words.extend(entry.flags().map(String::from));
    let mut option = |name: &str, value: &str| words.extend(["--option".to_string(), format!("{name}={value}")]);
    for (name, value) in &entry.options {
        option(name, value);
    }
    for (name, secret) in &entry.secrets {
        let missing = || Error::failed(format!("Secret {} has no key `{}`; add it", secret.name, secret.key));
        let value = host.secret(&secret.name, &secret.key)?.ok_or_else(missing)?;
        if value.contains(&0) {
            let (secret, key) = (&secret.name, &secret.key);
            let message =
                format!("the key `{key}` of the Secret {secret} has a NUL, which no option can have; change it");
            return Err(Error::failed(message));
        }
        option(name, &String::from_utf8_lossy(&value));
    }
    words.push(path.to_string());
    if !mounted {
        words.push(entry.source.clone());
    }
    Ok(words)
}
