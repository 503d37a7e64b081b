//! The imports of the world, one file for each WIT interface.
//!
//! Every function counts itself (`enter`), checks the grant, then the shape of what the guest sent, and only then reaches the
//! [`Backend`](crate::Backend). A refusal is an answer that names what to put where, never a trap.

mod clock;
mod events;
mod http;
mod log;
mod objects;
mod pods;
mod ports;
mod secrets;
mod state;
mod wasi;

use wasmtime::Engine;
use wasmtime::component::{HasSelf, Linker};
use wasser_api::text::bounded;

pub use wasi::deny as deny_wasi;

use crate::bindings::RuntimeWithOperations;
use crate::package::grants::Grants;
use crate::sandbox::store::StoreData;

/// A linker with every interface of the world, whatever the grants are: what is not granted refuses when it is called.
pub fn linker(engine: &Engine) -> wasmtime::Result<Linker<StoreData>> {
    let mut linker = Linker::new(engine);
    RuntimeWithOperations::add_to_linker::<_, HasSelf<StoreData>>(&mut linker, |data| data)?;
    Ok(linker)
}

// The interface has types only.
impl crate::bindings::types::Host for StoreData {}

impl StoreData {
    /// Whether a grant is effective; if not, what is missing and where it belongs. `yaml` is how the grant is written in a registration.
    fn granted(&self, allows: impl Fn(&Grants) -> bool, yaml: &str) -> Result<(), String> {
        let charter = &self.charter;
        if allows(&charter.effective) {
            return Ok(());
        }
        Err(match (allows(&charter.declared), allows(&charter.given)) {
            (true, false) => format!(
                "`{yaml}` is not granted: add it to `grants` in plugin.yaml of the ConfigMap {}",
                charter.registration
            ),
            (false, true) => format!(
                "`{yaml}` is granted by the ConfigMap {}, but the plugin does not declare it: its `describe` must list it in `wants`",
                charter.registration
            ),
            _ => format!(
                "`{yaml}` is neither declared nor granted: the plugin's `describe` must list it in `wants`, and `grants` in plugin.yaml of \
                 the ConfigMap {} must give it",
                charter.registration
            ),
        })
    }
}

/// Whether this can be the name of an object. It becomes part of a URL, where `..` or `/` would lead elsewhere.
fn is_object_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = name.as_bytes();
    bytes.len() <= 253
        && bytes.first().copied().is_some_and(plain)
        && bytes.last().copied().is_some_and(plain)
        && bytes.iter().all(|byte| plain(*byte) || matches!(byte, b'-' | b'.'))
        && !name.contains("..")
}

/// Whether this can be the key of a ConfigMap or Secret.
fn is_key(key: &str) -> bool {
    (1..=253).contains(&key.len())
        && key
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// Text for a log or an event: without control characters, at most so many bytes; a longer one loses its middle.
fn tidy(text: &str, limit: usize) -> String {
    bounded(text, limit).replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("demo-worker-0", true)]
    #[case("a.b", true)]
    #[case("", false)]
    #[case("..", false)]
    #[case("a..b", false)]
    #[case("a/b", false)]
    #[case("A", false)]
    #[case("a?x=y", false)]
    #[case("-a", false)]
    fn names_are_checked(#[case] name: &str, #[case] valid: bool) {
        assert_eq!(is_object_name(name), valid);
    }

    #[test]
    fn text_is_cut_between_characters_and_has_no_control_characters() {
        assert_eq!(tidy("a\nb\u{1b}[31m", 100), "a b [31m");
        assert_eq!(tidy("äöüäöüäöü", 12), "äö … ü");
    }
}
