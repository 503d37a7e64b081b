//! Guests that call one host function and return its error.

use super::module::NOT_SUPPORTED;
use super::{ANSWER, Guest, RETURNED};

/// The address of nothing but zeros: `Ok` of a method without an answer.
const DONE: u32 = 512;

/// An argument of a host function.
pub enum Argument<'a> {
    Text(&'a str),
    Number(i32),
    Texts(&'a [&'a str]),
    Pairs(&'a [[&'a str; 2]]),
}

impl Guest {
    /// Makes `desired` call a host function and return `failed` with the text of its error.
    pub fn relays(mut self, interface: &str, name: &str, arguments: &[Argument<'_>]) -> Self {
        let (signature, operands) = self.pushed(arguments);
        let body = format!(
            "(call ${name} {operands} (i32.const {RETURNED}))
             (if (i32.eqz (i32.load8_u (i32.const {RETURNED}))) (then (return (i32.const {NOT_SUPPORTED}))))
             (i32.store (i32.const {ANSWER}) (i32.const 1))
             (i32.store offset=4 (i32.const {ANSWER}) (i32.const 3))
             (i32.store offset=8 (i32.const {ANSWER}) (i32.load offset=8 (i32.const {RETURNED})))
             (i32.store offset=12 (i32.const {ANSWER}) (i32.load offset=12 (i32.const {RETURNED})))
             (i32.const {ANSWER})"
        );
        self.import(interface, name, &signature).method("desired", &body)
    }

    /// Makes a method without an answer ask for the same job so many times, one after the other, and
    /// return `failed` with the text of the first error.
    pub fn converses(mut self, method: &str, name: &str, arguments: &[Argument<'_>], times: u32) -> Self {
        let (signature, operands) = self.pushed(arguments);
        let body = format!(
            "(local $done i32)
             (loop $next
               (call ${name} {operands} (i32.const {RETURNED}))
               (if (i32.eqz (i32.load8_u (i32.const {RETURNED}))) (then (return (i32.const {NOT_SUPPORTED}))))
               (if (i32.load8_u offset=4 (i32.const {RETURNED})) (then
                 (i32.store (i32.const {ANSWER}) (i32.const 1))
                 (i32.store offset=4 (i32.const {ANSWER}) (i32.const 3))
                 (i32.store offset=8 (i32.const {ANSWER}) (i32.load offset=12 (i32.const {RETURNED})))
                 (i32.store offset=12 (i32.const {ANSWER}) (i32.load offset=16 (i32.const {RETURNED})))
                 (return (i32.const {ANSWER}))))
               (local.set $done (i32.add (local.get $done) (i32.const 1)))
               (br_if $next (i32.lt_u (local.get $done) (i32.const {times}))))
             (i32.const {DONE})"
        );
        self.import("jobs", name, &signature).method(method, &body)
    }

    /// Returns the core type and the operands of a host function with these arguments.
    fn pushed(&mut self, arguments: &[Argument<'_>]) -> (String, String) {
        let mut pushed = Vec::new();
        for argument in arguments {
            match argument {
                Argument::Number(number) => pushed.push(*number),
                Argument::Text(text) => pushed.extend(self.text(text).map(u32::cast_signed)),
                Argument::Texts(texts) => {
                    let words: Vec<u32> = texts.iter().flat_map(|text| self.text(text)).collect();
                    let at = self.words(&words);
                    pushed.extend([at.cast_signed(), i32::try_from(texts.len()).unwrap()]);
                }
                Argument::Pairs(pairs) => {
                    let words: Vec<u32> = pairs.iter().flatten().flat_map(|text| self.text(text)).collect();
                    let at = self.words(&words);
                    pushed.extend([at.cast_signed(), i32::try_from(pairs.len()).unwrap()]);
                }
            }
        }
        let signature = format!("(param{})", " i32".repeat(pushed.len() + 1));
        let operands: String = pushed.iter().map(|number| format!("(i32.const {number}) ")).collect();
        (signature, operands)
    }
}
