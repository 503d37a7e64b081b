use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rstest::rstest;

use super::*;
use crate::shared::rollout::{MOST, PATIENCE};

const KIND: &str = "DemoRuntime";

/// Runtimes of one kind whose releases another build would change.
struct Scene {
    rollouts: Rollouts,
    build: &'static str,
    now: Instant,
    woken: Arc<AtomicUsize>,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            rollouts: Rollouts::default(),
            build: "one",
            now: Instant::now(),
            woken: Arc::default(),
        };
        scene.rollouts.serve(KIND, "demo", "one");
        scene
    }

    fn next_build(&mut self, build: &'static str) {
        self.rollouts.serve(KIND, "demo", build);
        self.build = build;
    }

    fn candidate<'a>(&'a self, uid: &'a str, asked: &str) -> Candidate<'a> {
        Candidate {
            kind: KIND,
            build: self.build,
            uid,
            asked: Some(Asked {
                of: "spec".to_owned(),
                digest: asked.to_owned(),
            }),
        }
    }

    fn ask(&self, uid: &str, asked: &str, health: Health) -> Turn {
        let woken = self.woken.clone();
        let wake: Wake = Arc::new(move || {
            woken.fetch_add(1, Ordering::Relaxed);
        });
        self.rollouts.turn(self.candidate(uid, asked), health, self.now, &wake)
    }

    fn turn(&self, uid: &str) -> Turn {
        self.ask(uid, "", Health::Whole)
    }

    fn settle(&self, uid: &str) {
        self.rollouts.settle(self.candidate(uid, ""));
    }

    /// How many of so many runtimes are upgraded now.
    fn upgraded(&self, count: usize) -> usize {
        let is_now = |number: &usize| self.turn(&format!("uid-{number}")) == Turn::Now;
        (0..count).filter(is_now).count()
    }

    fn see(&self, uid: &str, seen: Seen) -> bool {
        self.rollouts.observe(self.candidate(uid, ""), seen, self.now)
    }

    /// Sees it work for long enough.
    fn works(&mut self, uid: &str) {
        self.see(uid, Seen::Works);
        self.now += SETTLING;
        assert!(!self.see(uid, Seen::Works));
    }

    fn fails(&self, uid: &str) {
        self.see(uid, Seen::Fails(format!("{uid} is refused")));
    }

    /// Those that are upgraded and observed.
    fn under_way(&self, count: usize) -> Vec<String> {
        let names = (0..count).map(|number| format!("uid-{number}"));
        names
            .filter(|uid| self.rollouts.is_observed(KIND, self.build, uid))
            .collect()
    }

    fn told(&self) -> Option<String> {
        self.rollouts.told().borrow().get("demo").cloned()
    }

    fn woken(&self) -> usize {
        self.woken.load(Ordering::Relaxed)
    }
}

#[test]
fn a_build_comes_to_one_release_first_and_to_more_as_they_work() {
    let mut scene = Scene::new();
    assert_eq!(scene.upgraded(10), 1);
    assert_eq!(scene.upgraded(10), 1, "it may be interrupted and come again");
    for (round, wanted) in [(1, 3), (2, 7), (3, 10)] {
        let begun = scene.under_way(10);
        assert!(begun.iter().all(|uid| scene.see(uid, Seen::Works)), "too early to say");
        scene.now += SETTLING;
        assert!(!begun.iter().any(|uid| scene.see(uid, Seen::Works)));
        assert_eq!(scene.upgraded(10), wanted, "round {round}");
    }
    assert!(scene.woken() >= 9, "those who wait are woken");
}

#[test]
fn what_works_with_interruptions_does_not_work_yet() {
    let mut scene = Scene::new();
    assert_eq!(scene.turn("first"), Turn::Now);
    for seen in [Seen::Works, Seen::NotYet("down".to_owned()), Seen::Works] {
        assert!(scene.see("first", seen));
        scene.now += SETTLING / 2;
    }
    scene.rollouts.upgraded(KIND, "one", "first", scene.now);
    assert!(scene.see("first", Seen::Works), "it was upgraded just now");
    assert_eq!(scene.turn("second"), Turn::Later);
}

#[test]
fn no_more_than_some_are_under_way_at_a_time() {
    let mut scene = Scene::new();
    for number in 0..MOST {
        let uid = format!("early-{number}");
        assert_eq!(scene.turn(&uid), Turn::Now);
        scene.works(&uid);
    }
    assert_eq!(scene.upgraded(200), MOST);
}

#[test]
fn a_failure_of_the_first_one_stops_it_until_that_works() {
    let scene = Scene::new();
    assert_eq!(scene.turn("first"), Turn::Now);
    assert_eq!(scene.turn("second"), Turn::Later);
    scene.fails("first");
    assert_eq!(scene.turn("second"), Turn::Later);
    let told = scene.told().unwrap();
    assert!(
        told.contains("first is refused") && told.contains("no further ones are upgraded"),
        "{told}"
    );
    assert_eq!(scene.turn("first"), Turn::Now, "it may be tried again itself");
    assert!(!scene.see("first", Seen::Works));
    assert_eq!(scene.woken(), 1);
    assert_eq!(scene.turn("second"), Turn::Now);
}

#[test]
fn one_in_ten_may_fail() {
    let mut scene = Scene::new();
    for number in 0..10 {
        let uid = format!("early-{number}");
        assert_eq!(scene.turn(&uid), Turn::Now);
        scene.works(&uid);
    }
    for (uid, next) in [("a", Turn::Now), ("b", Turn::Later)] {
        assert_eq!(scene.turn(uid), Turn::Now);
        scene.fails(uid);
        assert_eq!(scene.turn(&format!("after-{uid}")), next);
    }
}

#[rstest]
#[case::all_of_it_worked_before(Health::Whole, Some("1 do not work"))]
#[case::a_part_of_it_did_not(Health::Part, None)]
fn what_only_serves_fails_after_a_while_if_all_of_it_worked(#[case] before: Health, #[case] told: Option<&str>) {
    let mut scene = Scene::new();
    assert_eq!(scene.ask("first", "", before), Turn::Now);
    let serves = || Seen::Serves("a pod is not ready".to_owned());
    assert!(scene.see("first", serves()));
    assert_eq!(scene.told(), None);
    scene.now += PATIENCE;
    assert!(!scene.see("first", serves()));
    assert_eq!(scene.told().is_some(), told.is_some());
    assert!(told.is_none_or(|told| scene.told().unwrap().contains(told)));
}

#[test]
fn what_only_served_before_and_was_refused_has_only_to_serve_again() {
    let scene = Scene::new();
    assert_eq!(scene.ask("first", "", Health::Part), Turn::Now);
    scene.fails("first");
    assert!(!scene.see("first", Seen::Serves("a pod is not ready".to_owned())));
    assert_eq!(scene.told(), None);
}

#[test]
fn what_does_not_serve_fails_after_a_while() {
    let mut scene = Scene::new();
    assert_eq!(scene.ask("first", "", Health::Part), Turn::Now);
    let down = || Seen::NotYet("down".to_owned());
    assert!(scene.see("first", down()));
    scene.now += PATIENCE;
    assert!(!scene.see("first", down()));
    assert!(scene.told().unwrap().contains("1 do not work"));
}

#[test]
fn what_users_do_meanwhile_says_nothing_about_the_build() {
    let scene = Scene::new();
    for (uid, asked, seen) in [
        ("changed", "other", Seen::Fails("the spec is not valid".to_owned())),
        ("deleted", "", Seen::Unattended),
        ("scaled to nothing", "", Seen::Idle),
    ] {
        assert_eq!(scene.turn(uid), Turn::Now);
        assert!(!scene.rollouts.observe(scene.candidate(uid, asked), seen, scene.now));
    }
    assert_eq!(scene.told(), None);
    assert_eq!(scene.turn("next"), Turn::Now, "their places are free");
}

#[test]
fn one_that_has_failed_still_has_when_it_has_no_pods() {
    let mut scene = Scene::new();
    assert_eq!(scene.turn("first"), Turn::Now);
    scene.fails("first");
    assert!(!scene.see("first", Seen::Idle));
    assert_eq!(scene.turn("next"), Turn::Later);
    scene.works("first");
    assert_eq!(scene.turn("next"), Turn::Now);
}

#[test]
fn what_is_not_known_is_not_another_wish() {
    let mut scene = Scene::new();
    for uid in ["first", "second", "third"] {
        scene.settle(uid);
    }
    scene.next_build("two");
    assert_eq!(scene.turn("first"), Turn::Now);
    let wake: Wake = Arc::new(|| ());
    let ask = |uid, asked| {
        let candidate = Candidate {
            asked,
            ..scene.candidate(uid, "")
        };
        scene.rollouts.turn(candidate, Health::Whole, scene.now, &wake)
    };
    assert_eq!(ask("second", None), Turn::Later);
    let of_more = Asked {
        of: "spec and a profile".to_owned(),
        digest: "other".to_owned(),
    };
    assert_eq!(ask("third", Some(of_more)), Turn::Later, "the build looks at more");
}

#[test]
fn one_whose_reconcile_does_not_end_fails_as_well() {
    let mut scene = Scene::new();
    assert_eq!(scene.turn("first"), Turn::Now);
    scene.now += PATIENCE * 2;
    assert_eq!(scene.turn("second"), Turn::Later);
    assert!(scene.told().unwrap().contains("does not end"));
}

#[test]
fn what_users_change_is_not_held_up() {
    let mut scene = Scene::new();
    for uid in ["first", "second", "third", "fourth"] {
        scene.settle(uid);
    }
    scene.next_build("two");
    assert_eq!(scene.turn("first"), Turn::Now);
    assert_eq!(scene.turn("second"), Turn::Later);
    assert_eq!(
        scene.ask("second", "changed", Health::Whole),
        Turn::Now,
        "while it waited"
    );
    assert_eq!(
        scene.ask("third", "changed", Health::Whole),
        Turn::Now,
        "with the build"
    );
    scene.settle("fourth");
    assert_eq!(scene.turn("fourth"), Turn::Now, "it had all that the build wants");
    assert_eq!(
        scene.ask("broken", "", Health::None),
        Turn::Now,
        "it did not work before"
    );
    assert_eq!(scene.under_way(0).len(), 0);
}

#[test]
fn damage_is_repaired_at_once_and_counts() {
    let scene = Scene::new();
    assert_eq!(scene.turn("first"), Turn::Now);
    scene
        .rollouts
        .force(scene.candidate("second", ""), Health::Whole, scene.now);
    scene.fails("second");
    assert!(scene.told().unwrap().contains("second is refused"));
}

#[test]
fn another_build_begins_with_one_again() {
    let mut scene = Scene::new();
    assert_eq!(scene.turn("first"), Turn::Now);
    scene.fails("first");
    scene.next_build("two");
    assert_eq!(scene.upgraded(5), 1);
    assert!(!scene.rollouts.is_observed(KIND, "two", "first"));
}

#[test]
fn a_reconcile_that_began_with_another_build_changes_nothing() {
    let mut scene = Scene::new();
    scene.next_build("two");
    assert_eq!(scene.turn("first"), Turn::Now);
    assert_eq!(scene.turn("second"), Turn::Later);
    scene.build = "one";
    scene.settle("first");
    assert_eq!(scene.turn("third"), Turn::Later);
    assert!(!scene.see("first", Seen::Works));
    scene.build = "two";
    assert!(scene.rollouts.is_observed(KIND, "two", "first"));
    assert_eq!(scene.turn("second"), Turn::Later);
}

#[test]
fn a_runtime_that_is_deleted_gives_its_place_back() {
    let scene = Scene::new();
    assert_eq!(scene.turn("first"), Turn::Now);
    assert_eq!(scene.turn("second"), Turn::Later);
    scene.rollouts.forget("first");
    assert_eq!(scene.woken(), 1);
    assert_eq!(scene.turn("second"), Turn::Now);
}

#[test]
fn those_who_are_called_and_do_not_come_stand_in_nobodys_way() {
    let mut scene = Scene::new();
    assert_eq!(scene.turn("first"), Turn::Now);
    for uid in ["second", "third", "fourth"] {
        assert_eq!(scene.turn(uid), Turn::Later);
    }
    scene.works("first");
    assert_eq!(scene.woken(), 2);
    assert_eq!(scene.turn("fourth"), Turn::Now, "it looks again by itself");
    assert_eq!(scene.told(), None);
}

#[test]
fn nothing_is_told_of_a_kind_that_nobody_serves() {
    let scene = Scene::new();
    assert_eq!(scene.upgraded(2), 1);
    let standing = Standing {
        waiting: 1,
        observed: 1,
        ..Standing::default()
    };
    assert_eq!(scene.rollouts.standings(), [("demo".to_owned(), standing)]);
    scene.rollouts.end(KIND);
    assert_eq!((scene.told(), scene.rollouts.standings()), (None, Vec::new()));
    scene.settle("uid-1");
    assert_eq!(scene.rollouts.standings(), []);
}

#[test]
fn it_is_told_how_far_it_is_until_it_ends() {
    let mut scene = Scene::new();
    scene.settle("same");
    assert_eq!(scene.told(), None);
    assert_eq!(scene.upgraded(2), 1);
    let told = scene.told().unwrap();
    assert!(told.starts_with("1 of 3 releases have what this build"), "{told}");
    let first = scene.under_way(2).remove(0);
    scene.works(&first);
    assert_eq!(scene.upgraded(2), 2);
    assert_eq!(scene.told(), None, "nobody waits");
}
