//! The CRDs of ThinRuntime and ThinRuntimeProfile: what they say, and that the committed files are
//! what the types generate.
#![cfg(feature = "crd")]

use wasser_testkit::crd;
use wasser_thin::spec;

#[test]
fn the_kinds_have_every_field_of_the_api_and_no_other() {
    let [runtime, profile] = spec::crds();
    crd::expect_fields(runtime, include_str!("runtime.tsv"));
    crd::expect_fields(profile, include_str!("profile.tsv"));
}

#[test]
fn the_committed_files_are_what_the_types_generate() {
    for crd in spec::crds() {
        crd::expect_committed(crd, "wasser-thin");
    }
}
