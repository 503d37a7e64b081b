//! Where the memory of a process goes: by what it is mapped from, and when most is resident.

use std::collections::BTreeMap;
use std::fs;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use serde::Serialize;

/// Mappings that take less than this are summed up as others.
const WORTH_A_LINE: u64 = 512 << 10;
/// How often it is looked at how much is resident.
const PERIOD: Duration = Duration::from_millis(50);
/// By how much more than ever before makes it worth to look at each mapping, in kB.
const MORE: u64 = 2000;

/// What is resident of a process, in kB by what it is mapped from.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Resident {
    /// What no file backs.
    pub anonymous: BTreeMap<String, u64>,
    /// Pages of files.
    pub files: BTreeMap<String, u64>,
}

impl Resident {
    /// Reads it of a running process.
    ///
    /// # Errors
    /// If the process has ended, or `/proc` is not as expected.
    pub fn of(pid: u32) -> Result<Self> {
        let path = format!("/proc/{pid}/smaps");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        Self::parse(&text).with_context(|| format!("{path} is not as expected"))
    }

    /// Parses the text of `smaps`. `None` if it is not as the kernel writes it.
    fn parse(smaps: &str) -> Option<Self> {
        let (mut anonymous, mut files) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
        let (mut name, mut resident) = (None, 0);
        for line in smaps.lines() {
            let mut words = line.split_whitespace();
            let first = words.next()?;
            let Some(field) = first.strip_suffix(':') else {
                let path = words.nth(4);
                name = Some(path.map_or("(no name)", |path| path.rsplit('/').next().unwrap_or(path)));
                continue;
            };
            let mut bytes = || Some(words.next()?.parse::<u64>().ok()? * 1024);
            match field {
                "Rss" => resident = bytes()?,
                // It comes after the other.
                "Anonymous" => {
                    let own = bytes()?;
                    *anonymous.entry(name?).or_default() += own;
                    *files.entry(name?).or_default() += resident.saturating_sub(own);
                }
                _ => {}
            }
        }
        Some(Self {
            anonymous: kilobytes(anonymous),
            files: kilobytes(files),
        })
    }
}

/// Sums up what is not worth a line.
fn kilobytes(bytes: BTreeMap<&str, u64>) -> BTreeMap<String, u64> {
    let mut kilobytes = BTreeMap::new();
    for (name, size) in bytes.into_iter().filter(|(_, size)| *size > 0) {
        let name = if size < WORTH_A_LINE { "(others)" } else { name };
        *kilobytes.entry(name.to_owned()).or_default() += size / 1000;
    }
    kilobytes
}

/// Looks at a process until it is finished, for what is resident when most is.
pub struct Peak {
    looking: JoinHandle<Option<Resident>>,
    end: Sender<()>,
}

impl Peak {
    /// Begins to look at a process.
    pub fn start(pid: u32) -> Self {
        let (end, ended) = channel();
        let looking = std::thread::spawn(move || {
            let (mut most, mut found) = (0, None);
            while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                let now = fs::read_to_string(format!("/proc/{pid}/status"))
                    .ok()
                    .and_then(|status| resident(&status))?;
                if now >= most + MORE {
                    most = now;
                    found = Some(Resident::of(pid).ok()?);
                }
            }
            found
        });
        Self { looking, end }
    }

    /// Returns what was resident when most was, to within 2 MB.
    ///
    /// # Errors
    /// If the process has ended meanwhile.
    pub fn finish(self) -> Result<Resident> {
        drop(self.end);
        let found = self.looking.join().ok().flatten();
        found.context("the process whose memory was looked at has ended")
    }
}

/// Parses how many kB are resident.
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
5581c000-5591c000 r-xp 00000000 fe:00 12 /usr/bin/wasser
Rss:                1024 kB
Anonymous:             0 kB
VmFlags: rd ex mr mw me
5591c000-5592c000 rw-p 00100000 fe:00 12 /usr/bin/wasser
Rss:                1500 kB
Anonymous:          1000 kB
7f00a000-7f10a000 rw-p 00000000 00:00 0
Rss:                1000 kB
Anonymous:          1000 kB
7f20a000-7f30a000 rw-p 00000000 00:00 0
Rss:                1000 kB
Anonymous:          1000 kB
7ffd0000-7ffd1000 rw-p 00000000 00:00 0 [stack]
Rss:                  16 kB
Anonymous:            16 kB
";

    #[test]
    fn memory_is_summed_up_by_what_it_is_mapped_from() {
        let named = |entries: &[(&str, u64)]| entries.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
        let expected = Resident {
            anonymous: named(&[("(no name)", 2048), ("(others)", 16), ("wasser", 1024)]),
            files: named(&[("wasser", 1560)]),
        };
        assert_eq!(Resident::parse(SMAPS), Some(expected));
        assert_eq!(Resident::parse("Anonymous: 1 kB\n"), None);
    }

    #[test]
    fn what_is_resident_is_understood() {
        assert_eq!(resident("Name:\ta\nVmRSS:\t   50000 kB\n"), Some(50_000));
        assert_eq!(resident("Name:\ta\n"), None);
    }
}
