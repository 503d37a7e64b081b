//! Bounds of a process that compiles: a small component can ask for any amount of either.

use rustix::process::{Resource, Rlimit, setrlimit};

use crate::engine::compile::LONGEST;

/// Bytes that a compilation may take whatever the component's size.
const LEAST: u64 = 256 << 20;
/// What each byte of a component adds. Interpreters take some 36.
const EACH_BYTE: u64 = 40;
/// The most bytes of a compilation.
pub const MOST: u64 = 768 << 20;
/// The bytes of a page.
const PAGE: u64 = 4096;

/// Returns the bytes of memory that the compilation of a component of this size may take.
fn memory(size: u64) -> u64 {
    LEAST.saturating_add(EACH_BYTE.saturating_mul(size)).min(MOST)
}

/// Bounds what this process may take from now on to compile a component of this size. Who wants more
/// memory is ended by the failure to get it, and who wants more time by the kernel.
///
/// Address space is not bounded: the pool of instances reserves terabytes of it.
///
/// # Errors
/// The system does not say what the process has, or refuses.
pub fn bound_process(size: u64) -> std::io::Result<()> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm
        .split_whitespace()
        .nth(5)
        .and_then(|pages| pages.parse::<u64>().ok());
    let pages = pages.ok_or_else(|| std::io::Error::other("/proc/self/statm does not have the size of the data"))?;
    let limit = |most: u64| Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    let data = pages.saturating_mul(PAGE).saturating_add(memory(size));
    setrlimit(Resource::Data, limit(data))?;
    // One thread compiles, and nobody waits longer.
    setrlimit(Resource::Cpu, limit(LONGEST.as_secs()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_component_may_take_more_up_to_a_limit() {
        assert_eq!(memory(0), 256 << 20);
        assert_eq!(memory(10 << 20), 656 << 20);
        assert_eq!(memory(64 << 20), MOST);
    }
}
