//! Inputs by libFuzzer, in the process of a test.
#![allow(unsafe_code, reason = "libFuzzer is called in C")]

// Only what it links with is used.
use libfuzzer_sys as _;

use std::cell::RefCell;
use std::ffi::{CString, c_char, c_int};
use std::path::PathBuf;

/// The directory where inputs are that led to other code, in this run and in those before.
const CORPUS: &str = "WASSER_FUZZ_CORPUS";
/// libFuzzer's options.
const OPTIONS: &str = "WASSER_FUZZ_OPTIONS";

type Property = Box<dyn Fn(&[u8])>;

thread_local! {
    /// What is tried. libFuzzer calls it on the thread that called libFuzzer.
    static PROPERTY: RefCell<Option<Property>> = const { RefCell::new(None) };
}

unsafe extern "C" {
    fn LLVMFuzzerRunDriver(
        count: *mut c_int,
        arguments: *mut *mut *mut c_char,
        try_one: unsafe extern "C" fn(*const u8, usize) -> c_int,
    ) -> c_int;
}

/// # Safety
/// `input` must be `length` bytes, or there are none.
unsafe extern "C" fn try_one(input: *const u8, length: usize) -> c_int {
    let input = if length == 0 {
        &[]
    } else {
        // SAFETY: as of the caller.
        unsafe { std::slice::from_raw_parts(input, length) }
    };
    PROPERTY.with_borrow(|property| property.iter().for_each(|property| property(input)));
    0
}

/// Lets libFuzzer try a property until its options tell it to end, and ends the process.
pub fn run(seeds: impl IntoIterator<Item = Vec<u8>>, property: impl Fn(&[u8]) + 'static) -> ! {
    PROPERTY.set(Some(Box::new(property)));
    // libFuzzer writes down the input when the process is ended by a signal.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        usual(panic);
        std::process::abort();
    }));
    let begun = tempfile::tempdir().unwrap();
    for (number, seed) in seeds.into_iter().enumerate() {
        std::fs::write(begun.path().join(number.to_string()), seed).unwrap();
    }
    let corpus = std::env::var_os(CORPUS).map(PathBuf::from);
    // What is found goes into the first directory.
    let directories = corpus.iter().map(PathBuf::as_path).chain([begun.path()]);
    let directories = directories.map(|directory| directory.to_str().unwrap().to_owned());
    let options = std::env::var(OPTIONS).unwrap_or_default();
    let options = options.split_whitespace().map(str::to_owned);
    let arguments: Vec<CString> = ["fuzz".to_owned()]
        .into_iter()
        .chain(options)
        .chain(directories)
        .map(|argument| CString::new(argument).unwrap())
        .collect();
    let mut pointers: Vec<*mut c_char> = arguments.iter().map(|text| text.as_ptr().cast_mut()).collect();
    let mut count = c_int::try_from(pointers.len()).unwrap();
    pointers.push(std::ptr::null_mut());
    let mut start = pointers.as_mut_ptr();
    // SAFETY: the arguments are a list of C strings that ends with null, and outlive the call.
    let code = unsafe { LLVMFuzzerRunDriver(&mut count, &mut start, try_one) };
    std::process::exit(code)
}
