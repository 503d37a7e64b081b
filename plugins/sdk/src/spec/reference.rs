//! References to images, as the kubelet reads them.

use std::fmt;

use crate::{Error, Result};

/// The longest name of a repository, its registry included.
const LONGEST_NAME: usize = 255;
/// The longest tag.
const LONGEST_TAG: usize = 128;

/// A reference to an image. What is not given is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reference {
    /// The repository with its registry: `registry:5000/juicedata/mount`.
    pub name: String,
    /// The tag: `ce-v1.3.1`.
    pub tag: String,
    /// The digest: `sha256:` and 64 digits.
    pub digest: String,
}

impl Reference {
    /// Reads `<name>[:<tag>][@<digest>]`.
    ///
    /// # Errors
    /// No kubelet reads it; the text says why.
    pub fn parse(text: &str) -> std::result::Result<Self, String> {
        let (name, tag, digest) = divide(text);
        check_name(name)?;
        tag.map(check_tag).transpose()?;
        digest.map(check_digest).transpose()?;
        Ok(Reference::of_parts(name, tag, digest))
    }

    /// Reads one that a user has written. What no kubelet reads, as `<REPOSITORY>/client:v1` in many a
    /// manifest, is taken as it is: the API server takes it, and the kubelet says what is wrong.
    ///
    /// # Errors
    /// It has spaces, or an empty part, so that it is unclear what is meant; the text says why.
    pub fn written(text: &str) -> std::result::Result<Self, String> {
        let (name, tag, digest) = divide(text);
        if [Some(name), tag, digest].into_iter().flatten().all(is_one_word) {
            return Ok(Reference::of_parts(name, tag, digest));
        }
        Reference::parse(text)
    }

    fn of_parts(name: &str, tag: Option<&str>, digest: Option<&str>) -> Self {
        Reference {
            name: name.into(),
            tag: tag.unwrap_or_default().into(),
            digest: digest.unwrap_or_default().into(),
        }
    }

    /// Reads the fields `image` and `imageTag` of the object at `field`, each as a user has written it.
    /// Either may hold the tag and the digest; `imageTag` takes them as `<tag>`, `<digest>` or
    /// `<tag>@<digest>`.
    ///
    /// # Errors
    /// They contradict each other, or one of them cannot be read.
    pub fn of(image: &str, image_tag: &str, field: &str) -> Result<Self> {
        let mut reference = Reference::default();
        if !image.is_empty() {
            reference = Reference::written(image).map_err(|why| {
                let message = format!(
                    "`{}` is not a reference to an image: {why}; write for instance \
                     `registry.example.com/juicedata/mount`",
                    image.escape_debug()
                );
                Error::invalid(format!("{field}.image"), message)
            })?;
        }
        let field = format!("{field}.imageTag");
        let (tag, digest) = parse_tag(image_tag).map_err(|why| {
            let message = format!(
                "`{}` is not a tag: {why}; write for instance `v1.3.1`",
                image_tag.escape_debug()
            );
            Error::invalid(&field, message)
        })?;
        for (own, given, what) in [
            (&mut reference.tag, tag, "tag"),
            (&mut reference.digest, digest, "digest"),
        ] {
            if !own.is_empty() && !given.is_empty() && own != given {
                let message = format!(
                    "`{given}` contradicts the {what} `{own}` of the field image; give one of them \
                     only"
                );
                return Err(Error::invalid(field, message));
            }
            if own.is_empty() {
                *own = given.into();
            }
        }
        Ok(reference)
    }

    /// Completes the reference: an image without a name is `default` with another tag, and one
    /// without tag and digest has those of `default`.
    pub fn or(mut self, default: &Reference) -> Self {
        if self.name.is_empty() {
            self.name.clone_from(&default.name);
        }
        if self.tag.is_empty() && self.digest.is_empty() {
            self.tag.clone_from(&default.tag);
            self.digest.clone_from(&default.digest);
        }
        self
    }

    /// Reports whether the reference names a repository, and an image in it.
    pub fn is_complete(&self) -> bool {
        !(self.name.is_empty() || self.tag.is_empty() && self.digest.is_empty())
    }

    /// Returns the texts for `image` and `imageTag` of a chart, which joins them with a colon. A
    /// digest is divided at its own colon; the second text is empty if there is neither tag nor
    /// digest.
    pub fn split(&self) -> (String, String) {
        let text = self.to_string();
        if self.tag.is_empty() && self.digest.is_empty() {
            return (text, String::new());
        }
        let (image, tag) = text.rsplit_once(':').unwrap_or((text.as_str(), ""));
        (image.into(), tag.into())
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.tag.is_empty() {
            write!(f, ":{}", self.tag)?;
        }
        if !self.digest.is_empty() {
            write!(f, "@{}", self.digest)?;
        }
        Ok(())
    }
}

/// Divides a reference into name, tag and digest.
fn divide(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, digest) = text
        .split_once('@')
        .map_or((text, None), |(rest, digest)| (rest, Some(digest)));
    // A colon before a slash belongs to the port of the registry.
    match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag), digest),
        _ => (rest, None, digest),
    }
}

fn is_one_word(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Reads `<tag>`, `<digest>`, `@<digest>` or `<tag>@<digest>`; both are empty if nothing is given.
fn parse_tag(text: &str) -> std::result::Result<(&str, &str), String> {
    let (tag, digest) = match text.split_once('@') {
        Some((tag, digest)) => (tag, Some(digest)),
        None if text.contains(':') => ("", Some(text)),
        None => (text, None),
    };
    if !tag.is_empty() && (!is_one_word(tag) || tag.contains(['/', ':'])) {
        check_tag(tag)?;
    }
    digest.map(check_digest).transpose()?;
    Ok((tag, digest.unwrap_or_default()))
}

fn check_name(name: &str) -> std::result::Result<(), String> {
    if name.is_empty() {
        return Err("it has no name".into());
    }
    if name.len() > LONGEST_NAME {
        return Err(format!("its name has more than {LONGEST_NAME} characters"));
    }
    // As container runtimes do: the first part is a registry if no repository could be called so.
    let (registry, path) = match name.split_once('/') {
        Some((first, path)) if is_registry(first) => (Some(first), path),
        _ => (None, name),
    };
    registry.map(check_registry).transpose()?;
    if path.len() == 64 && path.bytes().all(is_lower_hex) {
        return Err("its name looks like an image's ID".into());
    }
    path.split('/').try_for_each(check_component)
}

fn is_registry(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.bytes().any(|byte| byte.is_ascii_uppercase())
}

fn check_registry(registry: &str) -> std::result::Result<(), String> {
    // A colon inside the brackets of an IPv6 address is not that of the port.
    let (host, port) = match registry.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (registry, None),
    };
    if port.is_some_and(|port| port.is_empty() || !port.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err(format!("the port of its registry `{registry}` is not a number"));
    }
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match address {
        Some(address) => !address.is_empty() && address.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':'),
        None => host.split('.').all(is_label),
    };
    if is_host {
        Ok(())
    } else {
        Err(format!("`{host}` is not the name of a registry"))
    }
}

fn is_label(label: &str) -> bool {
    let bytes = label.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
}

/// Letters and digits, between which may be a dot, one or two underscores, or hyphens.
fn check_component(part: &str) -> std::result::Result<(), String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator = |text: &str| matches!(text, "." | "_" | "__") || text.bytes().all(|byte| byte == b'-');
    let fits = part.starts_with(is_plain) && part.ends_with(is_plain) && part.split(is_plain).all(separator);
    if fits {
        return Ok(());
    }
    Err(match part {
        "" => "a part of its name is empty".into(),
        _ if part.bytes().any(|byte| byte.is_ascii_uppercase()) => format!("`{part}` has capital letters"),
        _ => format!(
            "`{}` is not made of small letters and digits, with `.`, `_` or `-` between them",
            part.escape_debug()
        ),
    })
}

fn check_tag(tag: &str) -> std::result::Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if tag.is_empty() {
        return Err("its tag is empty".into());
    }
    if tag.len() > LONGEST_TAG {
        return Err(format!("its tag has more than {LONGEST_TAG} characters"));
    }
    if tag.starts_with(['.', '-']) || !tag.chars().all(fits) {
        return Err(format!(
            "`{}` is not made of letters, digits, `_`, `.` and `-`",
            tag.escape_debug()
        ));
    }
    Ok(())
}

fn check_digest(digest: &str) -> std::result::Result<(), String> {
    let (algorithm, digits) = digest.split_once(':').unwrap_or_default();
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => {
            return Err(format!(
                "the digest `{}` does not begin with `sha256:`",
                digest.escape_debug()
            ));
        }
    };
    if digits.len() != length || !digits.bytes().all(is_lower_hex) {
        return Err(format!(
            "the digest does not have {length} digits from 0 to f after `{algorithm}:`"
        ));
    }
    Ok(())
}

fn is_lower_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
mod tests;
