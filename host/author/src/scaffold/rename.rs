//! The texts of the templates, with the name of another runtime.

/// The words of the templates, and what stands for each.
pub struct Names([(&'static str, String); 5]);

impl Names {
    /// Returns the words for a plugin of this name, whose SDK is found there, and which is for Wasser at
    /// this tag.
    pub fn new(name: &str, sdk: String, tag: String) -> Self {
        let camel = camel(name);
        Self([
            ("exampleruntime", format!("{}runtime", camel.to_lowercase())),
            ("Example", camel),
            ("example", name.to_owned()),
            ("WASSER_SDK", sdk),
            ("WASSER_TAG", tag),
        ])
    }

    /// Replaces each word where the template has it. What stands for one can contain another, so that
    /// nothing is replaced twice.
    pub fn replace(&self, template: &str) -> String {
        let mut text = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((at, word, instead)) = self.first(rest) {
            text.push_str(rest.get(..at).unwrap_or_default());
            text.push_str(instead);
            rest = rest.get(at + word.len()..).unwrap_or_default();
        }
        text.push_str(rest);
        text
    }

    /// Returns the first word in a text. Of two at one place it is that which is named first.
    fn first(&self, text: &str) -> Option<(usize, &str, &str)> {
        let found = self.0.iter().filter_map(|(word, instead)| {
            let at = text.find(word)?;
            Some((at, *word, instead.as_str()))
        });
        found.min_by_key(|(at, ..)| *at)
    }
}

/// Returns the name as the first part of a kind: `my-cache` is `MyCache`.
fn camel(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_is_replaced_twice() {
        let names = Names::new(
            "my-example",
            "path = \"/example/WASSER_SDK\"".to_owned(),
            "v1.2.3".to_owned(),
        );
        assert_eq!(
            names.replace("ExampleRuntime exampleruntimes example-worker {WASSER_SDK} WASSER_TAG; others"),
            "MyExampleRuntime myexampleruntimes my-example-worker {path = \"/example/WASSER_SDK\"} v1.2.3; others"
        );
    }
}
