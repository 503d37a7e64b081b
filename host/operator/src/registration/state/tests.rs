//! What is judged in which order, and what is written when.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::*;

fn map(name: &str, seconds: i64) -> ConfigMap {
    let mut map = ConfigMap::default();
    map.metadata.name = Some(name.to_owned());
    map.metadata.uid = Some(format!("{name}-{seconds}"));
    map.metadata.creation_timestamp = Some(Time(jiff::Timestamp::from_second(seconds).unwrap()));
    map
}

fn list(state: &mut State, maps: Vec<ConfigMap>) -> Vec<String> {
    assert!(state.take(Event::Init).is_empty());
    for map in maps {
        assert!(state.take(Event::InitApply(map)).is_empty());
    }
    state.take(Event::InitDone).iter().map(describe).collect()
}

fn describe(change: &Change) -> String {
    match change {
        Change::Apply(map) => format!("+{}", name(map)),
        Change::Remove(name) => format!("-{name}"),
    }
}

fn refused(reason: &str) -> Verdict {
    Verdict::refused(&reason, None)
}

#[test]
fn a_list_is_judged_oldest_first_and_shows_what_is_gone() {
    let mut state = State::default();
    assert_eq!(
        list(&mut state, vec![map("a", 30), map("b", 10), map("c", 20)]),
        ["+b", "+c", "+a"]
    );
    assert_eq!(list(&mut state, vec![map("a", 30)]), ["-b", "-c", "+a"]);
    assert_eq!(
        state
            .take(Event::Delete(map("a", 30)))
            .iter()
            .map(describe)
            .collect::<Vec<_>>(),
        ["-a"]
    );
}

#[test]
fn who_has_served_is_judged_first() {
    let serving = |mut map: ConfigMap, word: &str| {
        map.metadata.annotations = Some([("wasser.fluid.io/verdict".to_owned(), word.to_owned())].into());
        map
    };
    let maps = vec![
        serving(map("a", 10), "last-good"),
        serving(map("b", 20), "loaded"),
        map("c", 5),
    ];
    assert_eq!(list(&mut State::default(), maps), ["+b", "+c", "+a"]);
}

#[test]
fn a_kind_that_cannot_be_listed_is_waited_for_until_it_can() {
    let mut state = State::default();
    state.take(Event::Apply(map("a", 1)));
    state.judged("a", refused("no digest"));
    assert_eq!(state.unwritten(Instant::now()).len(), 1);
    let mut loaded = refused("serves MyRuntime");
    loaded.state = wasser_plugin::State::Loaded;
    loaded.facts = BTreeMap::from([("kind", "MyRuntime".to_owned())]);
    state.judged("a", loaded);
    let reasons = BTreeMap::from([("MyRuntime".to_owned(), "it may not be listed".to_owned())]);
    state.unlisted(reasons);
    let unwritten = state.unwritten(Instant::now());
    let news = unwritten[0].news.as_ref().unwrap();
    assert_eq!(
        (news.state, news.message.as_str()),
        (wasser_plugin::State::Waiting, "it may not be listed")
    );
    let mut written = map("a", 1);
    written.metadata.annotations = Some(unwritten[0].annotations.clone());
    assert!(has_served(&written));
    assert!(state.unwritten(Instant::now()).is_empty());
    state.unlisted(BTreeMap::new());
    state.listed(BTreeSet::from(["MyRuntime".to_owned()]));
    assert_eq!(
        state.unwritten(Instant::now())[0].news.as_ref().unwrap().message,
        "serves MyRuntime"
    );
}

#[test]
fn that_a_plugin_serves_is_said_once_its_runtimes_are_listed() {
    let serving = || {
        let mut loaded = refused("serves MyRuntime");
        (loaded.state, loaded.facts) = (Loaded, BTreeMap::from([("kind", "MyRuntime".to_owned())]));
        loaded
    };
    let now = Instant::now();
    let mut state = State::default();
    state.take(Event::Apply(map("a", 1)));
    state.judged("a", serving());
    assert!(state.unwritten(now).is_empty());
    assert_eq!(state.held(), Some(now + PATIENCE));
    state.listed(BTreeSet::from(["MyRuntime".to_owned()]));
    assert_eq!(state.unwritten(now).len(), 1);
    assert_eq!(state.held(), None);

    // The next operator lists it again, which says nothing else of what stands there.
    let mut annotated = map("a", 1);
    annotated.metadata.annotations = Some(serving().annotations());
    let mut state = State::default();
    state.take(Event::Apply(annotated));
    state.judged("a", serving());
    assert!(state.unwritten(now).is_empty());
    assert_eq!(state.held(), None);

    // An API server that says nothing of the kind is not waited for.
    let mut state = State::default();
    state.take(Event::Apply(map("a", 1)));
    state.judged("a", serving());
    assert!(state.unwritten(now).is_empty());
    assert_eq!(state.unwritten(now + PATIENCE).len(), 1);
    assert_eq!(state.held(), None);
}

#[test]
fn a_verdict_is_written_once() {
    let mut state = State::default();
    state.take(Event::Apply(map("a", 1)));
    assert!(state.unwritten(Instant::now()).is_empty());
    state.judged("a", refused("no digest"));
    assert_eq!(state.unwritten(Instant::now()).len(), 1);
    assert!(state.unwritten(Instant::now()).is_empty());
    // The watch shows what was written; nothing is to be done.
    let mut annotated = map("a", 1);
    annotated.metadata.annotations = Some(refused("no digest").annotations());
    state.take(Event::Apply(annotated.clone()));
    assert!(state.unwritten(Instant::now()).is_empty());
    // Another verdict is news, and so is an annotation that somebody removed.
    state.judged("a", refused("no chart"));
    assert_eq!(state.unwritten(Instant::now()).len(), 1);
    state.take(Event::Apply(map("a", 1)));
    assert_eq!(state.unwritten(Instant::now()).len(), 1);
}

#[test]
fn how_far_a_build_is_is_no_news_of_the_verdict() {
    let mut state = State::default();
    let mut annotated = map("a", 1);
    annotated.metadata.annotations = Some(refused("no digest").annotations());
    state.take(Event::Apply(annotated));
    state.judged("a", refused("no digest"));
    let told = |far: &str| BTreeMap::from([("a".to_owned(), far.to_owned()), ("b".to_owned(), String::new())]);
    state.rollouts(told("1 of 3"));
    let unwritten = state.unwritten(Instant::now());
    assert_eq!(unwritten.len(), 1);
    assert_eq!(unwritten[0].news, None);
    assert_eq!(unwritten[0].annotations[ROLLOUT_ANNOTATION], "1 of 3");
    state.rollouts(told("1 of 3"));
    assert!(state.unwritten(Instant::now()).is_empty());
    state.rollouts(BTreeMap::new());
    assert!(
        !state.unwritten(Instant::now())[0]
            .annotations
            .contains_key(ROLLOUT_ANNOTATION)
    );
}

#[test]
fn a_failed_writing_is_tried_again() {
    let mut state = State::default();
    state.take(Event::Apply(map("a", 1)));
    state.judged("a", refused("no digest"));
    assert_eq!(state.unwritten(Instant::now()).len(), 1);
    state.forget_writing("a");
    assert_eq!(state.unwritten(Instant::now()).len(), 1);
}

#[test]
fn annotations_of_an_earlier_process_count() {
    let mut state = State::default();
    let mut annotated = map("a", 1);
    annotated.metadata.annotations = Some(refused("no digest").annotations());
    state.take(Event::Apply(annotated));
    state.judged("a", refused("no digest"));
    assert!(state.unwritten(Instant::now()).is_empty());
}

#[test]
fn a_namesake_starts_anew() {
    let mut state = State::default();
    state.take(Event::Apply(map("a", 1)));
    state.judged("a", refused("no digest"));
    state.take(Event::Apply(map("a", 2)));
    assert!(state.unwritten(Instant::now()).is_empty());
}

#[test]
fn a_kind_that_is_served_again_has_no_orphans() {
    let mut state = State::default();
    state.orphaned("A");
    state.orphaned("B");
    state.adopted("A");
    assert_eq!(state.orphans().into_keys().collect::<Vec<_>>(), ["B"]);
    assert!(state.orphans().is_empty());
}
