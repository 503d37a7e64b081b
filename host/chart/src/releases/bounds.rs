//! How much a record may bring that this installation has not written. A text of some kilobytes
//! unpacks to megabytes, and a megabyte of zeros in a list to many times that as values.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// Values of a record, fields' names included.
const MAX_VALUES: usize = 100_000;
/// Objects of a manifest, as of a chart that is rendered.
const MAX_OBJECTS: usize = 500;
/// Values of a manifest, after aliases.
const MAX_MANIFEST_VALUES: usize = 100_000;
/// Characters of a manifest at which a value can begin or end. A parser of YAML keeps every scalar
/// and bracket of a document before anybody can count them.
const MAX_MARKS: usize = 300_000;

/// Checks that JSON has no more values than a record may have.
///
/// # Errors
/// It has more, or is not JSON.
pub fn check_json(json: &[u8]) -> Result<(), String> {
    let mut left = MAX_VALUES;
    let mut reader = serde_json::Deserializer::from_slice(json);
    let counted = Counting { left: &mut left }.deserialize(&mut reader);
    counted.and_then(|()| reader.end()).map_err(|error| error.to_string())
}

/// Checks that a manifest has no more values than one may have.
///
/// # Errors
/// It has more, or is not YAML.
pub fn check_manifest(manifest: &str) -> Result<(), String> {
    let is_mark = |byte: &&u8| matches!(byte, b'\n' | b',' | b':' | b'-' | b'?' | b'[' | b']' | b'{' | b'}');
    let marks = manifest.as_bytes().iter().filter(is_mark).count();
    if marks > MAX_MARKS {
        return Err(format!(
            "it has {marks} characters that may separate values, and {MAX_MARKS} are allowed"
        ));
    }
    let mut left = MAX_MANIFEST_VALUES;
    for document in yaml_serde::Deserializer::from_str(manifest) {
        let counted = Counting { left: &mut left }.deserialize(document);
        counted.map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Checks that a manifest has no more objects than one may have.
///
/// # Errors
/// It has more.
pub fn check_objects(objects: usize) -> Result<(), String> {
    if objects > MAX_OBJECTS {
        return Err(format!("it has {objects} objects, and {MAX_OBJECTS} are allowed"));
    }
    Ok(())
}

/// Counts the values of a document, and keeps none.
struct Counting<'a> {
    /// The number that may still come.
    left: &'a mut usize,
}

impl Counting<'_> {
    fn again(&mut self) -> Counting<'_> {
        Counting { left: &mut *self.left }
    }

    fn count<E: Error>(self) -> Result<(), E> {
        match self.left.checked_sub(1) {
            Some(left) => {
                *self.left = left;
                Ok(())
            }
            None => Err(E::custom("it has more values than are allowed")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Counting<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counting<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.count()
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.count()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.count()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.count()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.count()
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<(), E> {
        self.count()
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<(), E> {
        self.count()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.count()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.count()
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        self.again().count()?;
        while items.next_element_seed(self.again())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<(), A::Error> {
        self.again().count()?;
        while fields.next_key_seed(self.again())?.is_some() {
            fields.next_value_seed(self.again())?;
        }
        Ok(())
    }

    /// A value with a tag of YAML.
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<(), A::Error> {
        let (IgnoredAny, content) = data.variant()?;
        content.newtype_variant_seed(self)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::numbers(format!("[{}0]", "0,".repeat(MAX_VALUES)))]
    #[case::fields(format!("{{{}\"a\":0}}", "\"a\":0,".repeat(MAX_VALUES / 2)))]
    #[case::lists(format!("[{}[]]", "[],".repeat(MAX_VALUES)))]
    fn json_with_too_many_values_is_refused(#[case] json: String) {
        let problem = check_json(json.as_bytes()).unwrap_err();
        assert!(problem.starts_with("it has more values"), "{problem}");
    }

    #[rstest]
    #[case::a_list(format!("a: [{}0]", "0,".repeat(MAX_MARKS)), "it has 300003 characters")]
    #[case::lines("-\n".repeat(MAX_MARKS), "it has 600000 characters")]
    #[case::keys(format!("{{{}}}", "? ".repeat(MAX_MARKS)), "it has 300002 characters")]
    #[case::values(format!("a: [{}0]", "0,".repeat(MAX_MANIFEST_VALUES)), "it has more values")]
    #[case::aliases(
        format!("a: &a [{}0]\nb: [{}0]", "0,".repeat(1000), "*a,".repeat(1000)),
        "it has more values"
    )]
    #[case::aliases_of_aliases(
        format!("a: &a [0,0,0,0,0,0,0,0,0,0]\n{}", ('b'..='j').map(|key| {
            let before = char::from(key as u8 - 1);
            format!("{key}: &{key} [{}*{before}]\n", format!("*{before},").repeat(9))
        }).collect::<String>()),
        ""
    )]
    fn a_manifest_with_too_many_values_is_refused(#[case] manifest: String, #[case] words: &str) {
        let problem = check_manifest(&manifest).unwrap_err();
        assert!(problem.contains(words), "{problem}");
    }

    #[test]
    fn what_yaml_has_in_addition_is_counted_as_well() {
        let manifest = "# nothing\n---\n---\na: !tag {b: !!str 1}\nc: [~, 1.5, 0x10, true, -1, 184467440737095516150]\n\
            d: &d {e: f}\ng: *d\n? [1]\n: 2\n";
        check_manifest(manifest).unwrap();
        assert!(check_manifest("a: [").is_err());
    }
}
