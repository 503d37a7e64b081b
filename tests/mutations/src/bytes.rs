//! Changes of bytes and texts.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Numbers that are at the end of something.
const EDGES: [&[u8]; 6] = [&[0], &[0xff; 4], &[0x7f, 0xff, 0xff, 0xff], &[0x80], &[0xff; 10], b"-1"];

#[derive(Debug, Clone)]
enum Edit {
    Flip(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, Vec<u8>),
    CutOff(Index),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let place = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1);
        match self {
            Self::Flip(at, mask) => {
                let at = place(at, bytes);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
            Self::Remove(at, length) => {
                let at = place(at, bytes);
                let end = (at + length).min(bytes.len());
                bytes.drain(at..end);
            }
            Self::Repeat(at, length) => {
                let at = place(at, bytes);
                let end = (at + length).min(bytes.len());
                let part = bytes.get(at..end).unwrap_or_default().to_vec();
                bytes.splice(at..at, part);
            }
            Self::Insert(at, part) => {
                let at = place(at, bytes);
                bytes.splice(at..at, part.iter().copied());
            }
            Self::CutOff(at) => bytes.truncate(place(at, bytes)),
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let edge = proptest::sample::select(&EDGES).prop_map(<[u8]>::to_vec);
    prop_oneof![
        6 => (any::<Index>(), 1_u8..).prop_map(|(at, mask)| Edit::Flip(at, mask)),
        2 => (any::<Index>(), 1_usize..64).prop_map(|(at, length)| Edit::Remove(at, length)),
        2 => (any::<Index>(), 1_usize..256).prop_map(|(at, length)| Edit::Repeat(at, length)),
        2 => (any::<Index>(), vec(any::<u8>(), 1..8)).prop_map(|(at, part)| Edit::Insert(at, part)),
        2 => (any::<Index>(), edge).prop_map(|(at, part)| Edit::Insert(at, part)),
        1 => any::<Index>().prop_map(Edit::CutOff),
    ]
}

/// These bytes with one to four changes.
pub fn bytes(valid: &[u8]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let valid = valid.to_vec();
    vec(edit(), 1..5).prop_map(move |edits| {
        let mut bytes = valid.clone();
        for edit in edits {
            edit.apply(&mut bytes);
        }
        bytes
    })
}

/// This text with one to four changes; what is then no UTF-8 is replaced.
pub fn text(valid: &str) -> impl Strategy<Value = String> + use<> {
    bytes(valid.as_bytes()).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}
