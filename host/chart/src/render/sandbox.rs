//! WASI preview 1 with nothing behind it: Helm's engine gets the time, random bytes and a place for
//! its warnings.
//!
//! There are no files, no environment, no network and no arguments but `helm`, without which Go's
//! runtime does not start.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wasmtime::{Caller, Engine, Error, Extern, ExternType, Linker, Memory, Module, ResourceLimiter, Result, Val};

use super::pace::Pace;

const MODULE: &str = "wasi_snapshot_preview1";
const SUCCESS: i32 = 0;
const BAD_FILE: i32 = 8;
const FAULT: i32 = 21;
const NOT_SUPPORTED: i32 = 58;
const STDERR: i32 = 2;
const ARGUMENT: &[u8] = b"helm\0";
/// Of what the engine says in one call, this much is kept from the start: a panic begins with its
/// reason.
const KEPT_OUTPUT: usize = 16 << 10;
/// More random bytes at once than anything asks for.
const MAX_RANDOM: u32 = 1 << 16;
/// `subscription` and `event` of `poll_oneoff`, in bytes.
const SUBSCRIPTION: u32 = 48;
const EVENT: u32 = 32;

/// What one instance has outside of its memory.
pub struct Sandbox {
    started: Instant,
    /// How long the current call may take, and whom it gives way to.
    pub pace: Pace,
    /// Bytes of memory that it may have.
    memory_limit: usize,
    /// Whether it wanted more.
    pub memory_refused: bool,
    /// What it printed in the current call, its beginning.
    pub output: Vec<u8>,
}

impl Sandbox {
    pub fn new(memory_limit: usize) -> Self {
        Self {
            started: Instant::now(),
            pace: Pace::default(),
            memory_limit,
            memory_refused: false,
            output: Vec::new(),
        }
    }
}

impl ResourceLimiter for Sandbox {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        let allowed = desired <= self.memory_limit;
        self.memory_refused |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= 1 << 20)
    }
}

/// Links every import of the module.
pub fn linker(engine: &Engine, module: &Module) -> Result<Linker<Sandbox>> {
    let mut linker = Linker::new(engine);
    // Go's module imports some functions more than once.
    linker.allow_shadowing(true);
    for import in module.imports() {
        let ExternType::Func(function) = import.ty() else {
            continue;
        };
        if import.module() != MODULE {
            continue;
        }
        match import.name() {
            "args_sizes_get" => linker.func_wrap(MODULE, "args_sizes_get", args_sizes_get)?,
            "args_get" => linker.func_wrap(MODULE, "args_get", args_get)?,
            "environ_sizes_get" => linker.func_wrap(MODULE, "environ_sizes_get", environ_sizes_get)?,
            "environ_get" => linker.func_wrap(MODULE, "environ_get", |_: i32, _: i32| SUCCESS)?,
            "clock_time_get" => linker.func_wrap(MODULE, "clock_time_get", clock_time_get)?,
            "random_get" => linker.func_wrap(MODULE, "random_get", random_get)?,
            "fd_write" => linker.func_wrap(MODULE, "fd_write", fd_write)?,
            "poll_oneoff" => linker.func_wrap(MODULE, "poll_oneoff", poll_oneoff)?,
            "sched_yield" => linker.func_wrap(MODULE, "sched_yield", || SUCCESS)?,
            // Go asks for descriptors from 3 on until there is none.
            "fd_prestat_get" => linker.func_wrap(MODULE, "fd_prestat_get", |_: i32, _: i32| BAD_FILE)?,
            "proc_exit" => linker.func_wrap(MODULE, "proc_exit", |code: i32| -> Result<()> {
                Err(Error::msg(format!("exit status {code}")))
            })?,
            // Whatever needs a file or a socket: there is none.
            name => linker.func_new(MODULE, name, function, |_, _, results| {
                for result in results {
                    *result = Val::I32(NOT_SUPPORTED);
                }
                Ok(())
            })?,
        };
    }
    Ok(linker)
}

/// The instance's memory, which lives as long as a call.
struct Guest<'a> {
    caller: Caller<'a, Sandbox>,
    memory: Memory,
}

impl<'a> Guest<'a> {
    fn of(mut caller: Caller<'a, Sandbox>) -> Option<Self> {
        let memory = caller.get_export("memory").and_then(Extern::into_memory)?;
        Some(Self { caller, memory })
    }

    fn write(&mut self, address: u32, bytes: &[u8]) -> Option<()> {
        self.memory.write(&mut self.caller, address as usize, bytes).ok()
    }

    fn write_u32(&mut self, address: u32, value: u32) -> Option<()> {
        self.write(address, &value.to_le_bytes())
    }

    fn read(&self, address: u32, size: u32) -> Option<&[u8]> {
        let start = address as usize;
        self.memory
            .data(&self.caller)
            .get(start..start.checked_add(size as usize)?)
    }

    fn read_u32(&self, address: u32) -> Option<u32> {
        Some(u32::from_le_bytes(self.read(address, 4)?.try_into().ok()?))
    }
}

/// Runs a call on the guest's memory; an address outside of it is the guest's error.
fn with_guest(caller: Caller<'_, Sandbox>, call: impl FnOnce(&mut Guest<'_>) -> Option<i32>) -> i32 {
    Guest::of(caller).as_mut().and_then(call).unwrap_or(FAULT)
}

fn args_sizes_get(caller: Caller<'_, Sandbox>, count: u32, size: u32) -> i32 {
    with_guest(caller, |guest| {
        guest.write_u32(count, 1)?;
        guest.write_u32(size, u32::try_from(ARGUMENT.len()).ok()?)?;
        Some(SUCCESS)
    })
}

fn args_get(caller: Caller<'_, Sandbox>, pointers: u32, text: u32) -> i32 {
    with_guest(caller, |guest| {
        guest.write_u32(pointers, text)?;
        guest.write(text, ARGUMENT)?;
        Some(SUCCESS)
    })
}

fn environ_sizes_get(caller: Caller<'_, Sandbox>, count: u32, size: u32) -> i32 {
    with_guest(caller, |guest| {
        guest.write_u32(count, 0)?;
        guest.write_u32(size, 0)?;
        Some(SUCCESS)
    })
}

fn clock_time_get(caller: Caller<'_, Sandbox>, clock: i32, _precision: i64, time: u32) -> i32 {
    with_guest(caller, |guest| {
        let nanoseconds = match clock {
            0 => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_nanos(),
            _ => guest.caller.data().started.elapsed().as_nanos(),
        };
        guest.write(time, &u64::try_from(nanoseconds).ok()?.to_le_bytes())?;
        Some(SUCCESS)
    })
}

fn random_get(caller: Caller<'_, Sandbox>, address: u32, size: u32) -> i32 {
    with_guest(caller, |guest| {
        let mut bytes = vec![0; size.min(MAX_RANDOM) as usize];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            filled += rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()).ok()?;
        }
        guest.write(address, &bytes)?;
        (size <= MAX_RANDOM).then_some(SUCCESS)
    })
}

fn fd_write(caller: Caller<'_, Sandbox>, file: i32, vectors: u32, count: u32, written: u32) -> i32 {
    if file != STDERR && file != 1 {
        return BAD_FILE;
    }
    with_guest(caller, |guest| {
        let mut total = 0u32;
        for index in 0..count {
            let vector = vectors.checked_add(index.checked_mul(8)?)?;
            let (address, size) = (guest.read_u32(vector)?, guest.read_u32(vector.checked_add(4)?)?);
            let room = KEPT_OUTPUT.saturating_sub(guest.caller.data().output.len());
            let kept = guest.read(address, size)?.get(..room.min(size as usize))?.to_vec();
            guest.caller.data_mut().output.extend(kept);
            total = total.checked_add(size)?;
        }
        guest.write_u32(written, total)?;
        Some(SUCCESS)
    })
}

/// Go's scheduler sleeps with this. Nothing in Helm waits for time to pass, so it is always over at
/// once.
fn poll_oneoff(caller: Caller<'_, Sandbox>, subscriptions: u32, events: u32, count: u32, ready: u32) -> i32 {
    with_guest(caller, |guest| {
        for index in 0..count {
            let user_data = guest
                .read(subscriptions.checked_add(index.checked_mul(SUBSCRIPTION)?)?, 8)?
                .to_vec();
            let mut event = [0; EVENT as usize];
            event.get_mut(..8)?.copy_from_slice(&user_data);
            guest.write(events.checked_add(index.checked_mul(EVENT)?)?, &event)?;
        }
        guest.write_u32(ready, count)?;
        std::thread::yield_now();
        Some(SUCCESS)
    })
}
