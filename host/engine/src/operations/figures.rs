//! The figures that the pod of an operation leaves as its last words: lines such as `files=2000`.

use std::collections::BTreeMap;

use wasser_api::text;

/// The most figures of a pod that are shown.
const MOST: usize = 8;
/// Bytes of a name, and of a value.
const NAME: usize = 32;
const VALUE: usize = 128;

/// Returns the figures among the last words of a pod. What is not a figure is left out: the words come
/// from a container, and are shown to users.
pub fn read(words: &str) -> BTreeMap<String, String> {
    let plain = |name: &str| !name.is_empty() && name.len() <= NAME && name.chars().all(|c| c.is_ascii_alphanumeric());
    let figures = words.lines().filter_map(|line| {
        let (name, value) = line.split_once('=')?;
        let value = value.trim();
        let fits = plain(name) && !value.is_empty() && value.len() <= VALUE;
        fits.then(|| (name.to_owned(), text::shown(value)))
    });
    figures.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_figures_are_taken_from_the_last_words_of_a_pod() {
        let words = "files=3\nbytes= 6.00 MiB \nall is loaded\n=x\na b=c\nempty=\nurl=redis://u:secret@host\n";
        let read = read(&format!("{words}{}=long\nlong={}", "n".repeat(33), "v".repeat(129)));
        let expected = [("bytes", "6.00 MiB"), ("files", "3"), ("url", "redis://u:****@host")];
        assert_eq!(
            read.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(),
            expected
        );
    }
}
