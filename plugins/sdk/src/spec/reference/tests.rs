use proptest::prelude::*;
use rstest::rstest;

use super::Reference;
use crate::Error;

const HEX: &str = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

fn digest() -> String {
    format!("sha256:{HEX}")
}

/// What a chart makes of the two fields.
fn join(image: &str, tag: &str) -> Result<String, Error> {
    let default = Reference::parse("juicedata/mount:ce-v1.3.1").unwrap();
    let (image, tag) = Reference::of(image, tag, "f")?.or(&default).split();
    Ok(format!("{image}:{tag}"))
}

#[rstest]
#[case::neither("", "", "juicedata/mount:ce-v1.3.1")]
#[case::name_only("mirror/mount", "", "mirror/mount:ce-v1.3.1")]
#[case::tag_only("", "nightly", "juicedata/mount:nightly")]
#[case::both("mirror/mount", "nightly", "mirror/mount:nightly")]
#[case::port("registry:5000/mount", "", "registry:5000/mount:ce-v1.3.1")]
#[case::port_and_tag("registry:5000/mount", "v1", "registry:5000/mount:v1")]
#[case::tag_in_image("mirror/mount:v1", "", "mirror/mount:v1")]
#[case::port_and_tag_in_image("registry:5000/a/mount:v1", "", "registry:5000/a/mount:v1")]
#[case::the_same_tag_twice("mount:v1", "v1", "mount:v1")]
#[case::address("127.0.0.1:5000/mount", "", "127.0.0.1:5000/mount:ce-v1.3.1")]
#[case::address_of_six("[fd00::1]:5000/mount", "v1", "[fd00::1]:5000/mount:v1")]
#[case::no_port_but_a_tag("localhost:5000", "", "localhost:5000")]
#[case::capital_registry("Registry/mount", "v1", "Registry/mount:v1")]
#[case::separators("a__b/c--d.e_f", "V_1.2-x", "a__b/c--d.e_f:V_1.2-x")]
fn tags_are_taken_from_either_field(#[case] image: &str, #[case] tag: &str, #[case] expected: &str) {
    assert_eq!(join(image, tag).unwrap(), expected);
}

#[rstest]
#[case::in_image("mirror/mount@D", "", "mirror/mount@D")]
#[case::with_tag_in_image("r:5000/mount:v1@D", "", "r:5000/mount:v1@D")]
#[case::in_tag("mirror/mount", "D", "mirror/mount@D")]
#[case::in_tag_with_at("mirror/mount", "@D", "mirror/mount@D")]
#[case::tag_and_digest_in_tag("mirror/mount", "v1@D", "mirror/mount:v1@D")]
#[case::divided("mirror/mount@D", "v1", "mirror/mount:v1@D")]
#[case::divided_the_other_way("mirror/mount:v1", "D", "mirror/mount:v1@D")]
#[case::of_the_default("", "D", "juicedata/mount@D")]
fn digests_are_taken_from_either_field(#[case] image: &str, #[case] tag: &str, #[case] expected: &str) {
    let full = |text: &str| text.replace('D', &digest());
    assert_eq!(join(&full(image), &full(tag)).unwrap(), full(expected));
}

#[rstest]
#[case::space(
    "my mount",
    "",
    "f.image: `my mount` is not a reference to an image: `my mount` is not made of small letters"
)]
#[case::end_of_line("mount\n", "", "f.image: `mount\\n` is not")]
#[case::only_a_tag(":v1", "", "it has no name")]
#[case::empty_tag("mount:", "", "its tag is empty")]
#[case::empty_digest("mount@", "", "the digest `` does not begin")]
#[case::another_tag(
    "mount:v1",
    "v2",
    "f.imageTag: `v2` contradicts the tag `v1` of the field image; give one of them only"
)]
#[case::tag_of_spaces("", " ", "f.imageTag: ` ` is not a tag")]
#[case::image_as_tag("", "mirror/mount", "f.imageTag: `mirror/mount` is not a tag")]
#[case::name_and_tag_as_tag(
    "",
    "mount:v1",
    "f.imageTag: `mount:v1` is not a tag: the digest `mount:v1` does not begin with `sha256:`"
)]
fn what_cannot_be_meant_is_refused(#[case] image: &str, #[case] tag: &str, #[case] message: &str) {
    let refused = join(image, tag).unwrap_err().to_string();
    assert!(refused.contains(message), "{refused}");
}

#[rstest]
#[case::placeholder("<IMG_REPO>/mount", "<VERSION>", "")]
#[case::variable("$IMG_REPO/mount", "v1", "")]
#[case::capitals("mirror/Mount", "v1", "`Mount` has capital letters")]
#[case::scheme("https://mirror/mount", "v1", "")]
#[case::port_without_number("registry:/mount", "v1", "the port of its registry `registry:` is not a number")]
#[case::empty_part("mirror//mount", "v1", "a part of its name is empty")]
#[case::trailing_slash("mirror/", "v1", "a part of its name is empty")]
#[case::two_tags("mount:v1:v2", "", "`mount:v1` is not made of")]
#[case::id(HEX, "v1", "its name looks like an image's ID")]
#[case::short_digest(
    "mount@sha256:abc",
    "",
    "the digest does not have 64 digits from 0 to f after `sha256:`"
)]
#[case::other_digest("mount@md5:abc", "", "the digest `md5:abc` does not begin with `sha256:`")]
#[case::tag_with_dot_first("mount", ".v1", "")]
fn what_no_kubelet_reads_is_left_to_it(#[case] image: &str, #[case] tag: &str, #[case] why: &str) {
    let colon = if tag.is_empty() { "" } else { ":" };
    let written = format!("{image}{colon}{tag}");
    assert_eq!(join(image, tag).unwrap(), written);
    let refused = Reference::parse(&written).unwrap_err();
    assert!(refused.contains(why), "{refused}");
}

#[test]
fn two_digests_contradict_each_other() {
    let other = format!("sha256:{}", HEX.replace('5', "6"));
    let refused = join(&format!("mount@{}", digest()), &other).unwrap_err().to_string();
    assert!(refused.contains("contradicts the digest"), "{refused}");
}

#[test]
fn names_and_tags_have_an_end() {
    let parse = |name: usize, tag: usize| Reference::parse(&format!("{}:{}", "a".repeat(name), "b".repeat(tag)));
    assert!(parse(255, 128).is_ok());
    assert!(parse(256, 1).is_err());
    assert!(parse(1, 129).is_err());
}

fn reference() -> impl Strategy<Value = Reference> {
    let part = "[a-z0-9]{1,4}((\\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}";
    let registry = prop_oneof![
        // Not a registry.
        "[a-z]{1,5}/",
        "[a-z]{1,5}:[0-9]{1,5}/",
        "[a-zA-Z0-9]{1,4}(-[a-z0-9]{1,3})?\\.[a-z]{2,3}(:[0-9]{2,4})?/",
        Just("localhost/".to_string()),
    ];
    let path = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    let tag = prop::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}");
    let digest = prop::option::of("sha256:[0-9a-f]{64}");
    (registry, path, tag, digest).prop_map(|(registry, path, tag, digest)| Reference {
        name: registry + &path,
        tag: tag.unwrap_or_default(),
        digest: digest.unwrap_or_default(),
    })
}

proptest! {
    #[test]
    fn a_reference_is_the_same_however_it_is_divided(reference in reference(), tag_in_image: bool,
        digest_in_image: bool) {
        let text = |with_tag: bool, with_digest: bool| Reference {
            tag: if with_tag { reference.tag.clone() } else { String::new() },
            digest: if with_digest { reference.digest.clone() } else { String::new() },
            name: String::new(),
        }
        .to_string();
        let image = format!("{}{}", reference.name, text(tag_in_image, digest_in_image));
        let rest = text(!tag_in_image, !digest_in_image);
        let tag = rest.strip_prefix(':').unwrap_or(&rest);
        prop_assert_eq!(Reference::of(&image, tag, "f").unwrap(), reference.clone());
        let (image, tag) = reference.split();
        let joined = if tag.is_empty() { image } else { format!("{image}:{tag}") };
        prop_assert_eq!(&joined, &reference.to_string());
        prop_assert_eq!(Reference::parse(&joined).unwrap(), reference);
    }

    #[test]
    fn any_text_is_a_reference_or_refused_by_field(image in "[ -~\\n]{0,20}|\\PC{0,8}",
        tag in "[ -~]{0,12}|\\PC{0,6}") {
        match join(&image, &tag) {
            Ok(joined) => {
                let parsed = Reference::written(&joined);
                prop_assert!(parsed.is_ok_and(|reference| reference.is_complete()), "{} {} gives {}", image, tag,
                    joined);
                prop_assert!(joined.bytes().all(|byte| byte.is_ascii_graphic()));
            }
            Err(Error::InvalidSpec { field, .. }) => prop_assert!(field == "f.image" || field == "f.imageTag", "{}",
                field),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}
