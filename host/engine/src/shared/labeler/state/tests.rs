//! Nodes and wishes without a client, and with the time as it is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use wasser_api::labels;

use super::*;

fn want(name: &str, nodes: &[&str]) -> WantedLabels {
    WantedLabels {
        labels: BTreeMap::from([
            (labels::common_label("ns", name, "uid"), labels::TRUE.to_owned()),
            (labels::EXCLUSIVE.to_owned(), name.to_owned()),
        ]),
        nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
        ..WantedLabels::default()
    }
}

fn bare(version: u64) -> Node {
    Node {
        version: Some(version),
        ..Node::default()
    }
}

/// A state with nodes that have no labels.
fn state(nodes: &[&str]) -> State {
    let mut state = State::default();
    state.nodes(nodes.iter().map(|name| ((*name).to_owned(), bare(1))));
    assert!(state.take(Instant::now()).is_empty());
    state
}

/// The names of the nodes that have to be patched now. They are, and the answers are seen.
fn patch(state: &mut State) -> Vec<String> {
    let taken = state.take(Instant::now());
    let names = taken.iter().map(|(name, _)| name.clone()).collect();
    for (name, changes) in taken {
        let mut node = state.nodes[&name].clone();
        for (key, value) in changes {
            match value.as_str() {
                Some(value) => drop(node.labels.insert(key, value.to_owned())),
                None => drop(node.labels.remove(&key)),
            }
        }
        node.version = node.version.map(|version| version + 1);
        state.patched(&name, Some(node));
    }
    names
}

fn counting() -> (Wake, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    let counted = count.clone();
    let wake = move || {
        counted.fetch_add(1, Ordering::Relaxed);
    };
    (Arc::new(wake), count)
}

#[test]
fn only_nodes_that_a_change_concerns_are_looked_at() {
    let mut state = state(&["a", "b", "c"]);
    assert!(state.want("1", want("x", &["a", "b"])));
    assert_eq!(state.dirty.len(), 2);
    assert_eq!(patch(&mut state), ["a", "b"]);
    assert!(!state.want("1", want("x", &["a", "b"])));
    state.node("c", Some(bare(5)));
    state.node(
        "a",
        Some(Node {
            version: Some(9),
            ..state.nodes["a"].clone()
        }),
    );
    assert!(patch(&mut state).is_empty());
    assert!(state.want("1", want("x", &["b", "c"])));
    assert_eq!(patch(&mut state), ["a", "c"]);
}

#[test]
fn a_watch_that_is_behind_an_answer_is_not_believed_but_a_new_list_is() {
    let mut state = state(&["a"]);
    state.want("1", want("x", &["a"]));
    assert_eq!(patch(&mut state), ["a"]);
    state.node("a", Some(bare(1)));
    assert!(patch(&mut state).is_empty());
    state.nodes([("a".to_owned(), bare(1))]);
    assert_eq!(patch(&mut state), ["a"]);
}

#[test]
fn whoever_leaves_is_woken_once_nothing_of_it_is_left_even_if_it_is_being_written() {
    let mut state = state(&["a", "b"]);
    state.want("1", want("x", &["a"]));
    state.want("2", want("y", &["b"]));
    let taken = state.take(Instant::now());
    assert_eq!(taken.len(), 2);
    let (wake, woken) = counting();
    assert!(
        !state.leave("1", want("x", &["a"]), wake.clone()),
        "it is being written"
    );
    for (name, changes) in taken {
        let set = changes
            .into_iter()
            .map(|(key, value)| (key, value.as_str().unwrap().to_owned()));
        let labels = set.collect();
        state.patched(&name, Some(Node { labels, ..bare(2) }));
    }
    assert!(state.fulfilled().is_empty());
    assert_eq!(patch(&mut state), ["a"]);
    state.fulfilled().iter().for_each(|wake| wake());
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    assert!(state.leave("1", want("x", &[]), wake));
    assert!(!state.is_leaving());
    state.take(Instant::now() + REMEMBERED);
    assert_eq!(state.wishes.len(), 1);
}

#[test]
fn what_another_operator_puts_back_after_a_runtime_has_left_goes_again() {
    let mut state = state(&["a"]);
    state.want("1", want("x", &["a"]));
    assert_eq!(patch(&mut state), ["a"]);
    let labelled = state.nodes["a"].clone();
    let (wake, woken) = counting();
    assert!(!state.leave("1", want("x", &["a"]), wake.clone()));
    assert_eq!(patch(&mut state), ["a"]);
    assert!(state.leave("1", want("x", &["a"]), wake.clone()));
    let put_back = Node {
        version: Some(9),
        ..labelled
    };
    state.node("a", Some(put_back.clone()));
    assert_eq!(patch(&mut state), ["a"]);
    // Whoever asks once more is told of it.
    state.node(
        "a",
        Some(Node {
            version: Some(20),
            ..put_back.clone()
        }),
    );
    assert!(!state.leave("1", want("x", &["a"]), wake.clone()));
    assert_eq!(patch(&mut state), ["a"]);
    state.fulfilled().iter().for_each(|wake| wake());
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    assert!(state.leave("1", want("x", &["a"]), wake));
    // One of the same name, with the same labels, keeps its own.
    state.want("2", want("x", &["a"]));
    assert_eq!(patch(&mut state), ["a"]);
    assert!(patch(&mut state).is_empty());
    state.take(Instant::now() + REMEMBERED);
    assert!(state.wishes.len() == 1 && state.left.is_empty());
}

#[test]
fn nothing_is_kept_of_a_runtime_that_was_abandoned() {
    let mut state = state(&["a"]);
    state.want("1", want("x", &["a"]));
    patch(&mut state);
    state.abandon("1");
    assert_eq!(patch(&mut state), ["a"]);
    assert!(state.fulfilled().is_empty());
    state.take(Instant::now() + REMEMBERED);
    assert!(state.wishes.is_empty() && state.wishes_of_mark.is_empty() && state.wishes_of_node.is_empty());
    assert!(state.nodes_of_mark.is_empty());
}

#[test]
fn a_node_that_refuses_is_tried_less_and_less_often_and_holds_up_no_other() {
    let (mut state, begin) = (state(&["a", "b"]), Instant::now());
    state.want("1", want("x", &["a"]));
    let mut now = begin;
    let mut attempts = Vec::new();
    for _ in 0..12 {
        assert_eq!(state.take(now).len(), 1);
        attempts.push((now - begin).as_secs());
        now += state.failed("a", "no".to_owned(), now);
        // Neither a change of the node nor one of the wishes is a reason to hurry.
        state.want("1", want("x", &["a", "b"]));
        let b = state.take(begin);
        b.into_iter().for_each(|(name, _)| state.patched(&name, Some(bare(2))));
        state.want("1", want("x", &["a"]));
        state
            .take(begin)
            .into_iter()
            .for_each(|(name, _)| state.patched(&name, Some(bare(2))));
        assert_eq!(state.next(begin), Some(now));
    }
    assert_eq!(attempts, [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111]);
}

#[test]
fn nodes_that_hold_up_a_runtime_that_leaves_are_named_with_their_answer() {
    let (mut state, now) = (state(&["a", "b"]), Instant::now());
    state.want("1", want("x", &["a", "b"]));
    assert_eq!(patch(&mut state), ["a", "b"]);
    assert!(!state.leave("1", want("x", &[]), Arc::new(|| ())));
    assert_eq!(state.take(now).len(), 2);
    assert!(state.failures_of("1").is_empty(), "nothing has failed yet");
    state.failed("a", "denied by a webhook".to_owned(), now);
    state.patched("b", Some(bare(3)));
    let expected = [("a".to_owned(), "denied by a webhook".to_owned())];
    assert_eq!(state.failures_of("1"), expected);
    assert!(state.failures_of("2").is_empty());
}
