//! Creating operations, and what is in the way.

use rstest::rstest;
use serde_json::json;
use wasser_test_api_server::{Effect, Fault, Verb};

use super::{Desk, NAMESPACE, USER, forbidden};
use crate::cli::data::create::create;
use crate::cli::data::follow::FollowArgs;
use crate::cli::data::tests::manifest_in;

#[tokio::test]
async fn ctrl_c_before_the_answer_does_not_pretend_to_know() {
    let desk = Desk::new();
    let fault = Fault::any().of(USER).verb(Verb::Create);
    let armed = desk.server.arm(fault, Effect::ApplyThenHang);
    let (task, interrupt) = desk.start("load demo --name warm", FollowArgs::default());
    armed.hit(1).await;
    interrupt.send(()).unwrap();
    assert_eq!(task.await.unwrap().unwrap().code(), 130);
    let said = desk.errors.text();
    assert!(
        said.contains("Whether dataload/warm was created: wasser data wait dataload/warm -n team"),
        "{said}"
    );
}

#[tokio::test]
async fn a_schedule_is_not_waited_for() {
    let desk = Desk::new();
    let (task, _interrupt) = desk.start("load demo --name warm --schedule @daily", FollowArgs::default());
    assert_eq!(task.await.unwrap().unwrap().code(), 0);
    let said = desk.out.text();
    assert!(
        said.starts_with("dataload/warm created; it runs by its schedule. How a run ends: wasser data wait"),
        "{said}"
    );
}

#[tokio::test]
async fn what_cannot_be_created_says_why() {
    let desk = Desk::new();
    let problem = desk.refused("load dmeo").await;
    assert_eq!(
        problem,
        "the Dataset team/dmeo does not exist; there is only demo; create it first, or name another one"
    );
    let manifest = manifest_in(NAMESPACE, "load demo --name warm --path /a").unwrap();
    create(&desk.session, &manifest, true).await.unwrap();
    assert!(
        desk.server.objects("DataLoad", "").is_empty(),
        "a dry run creates nothing"
    );
    create(&desk.session, &manifest, false).await.unwrap();
    let problem = desk.refused("load demo --name warm --path /b").await;
    assert!(
        problem.contains("dataload/warm exists already")
            && problem.contains("wasser data cancel dataload/warm -n team"),
        "{problem}"
    );
    let kept = desk.server.object("DataLoad", NAMESPACE, "warm").unwrap();
    assert_eq!(kept["spec"]["target"], json!([{"path": "/a"}]));
}

#[rstest]
#[case(
    Verb::Create,
    "dataloads",
    "may not create dataloads.data.fluid.io in the namespace team: no role says so"
)]
#[case(
    Verb::List,
    "dataloads",
    "may not list dataloads.data.fluid.io in the namespace team"
)]
#[case(
    Verb::Watch,
    "dataloads",
    "may not watch dataloads.data.fluid.io in the namespace team"
)]
#[tokio::test]
async fn a_right_that_is_missing_is_named(#[case] verb: Verb, #[case] resource: &str, #[case] words: &str) {
    let desk = Desk::new();
    let _armed = desk.answer(verb, resource, forbidden());
    let (task, _interrupt) = desk.start("load demo --name warm", FollowArgs::default());
    let problem = task.await.unwrap().unwrap_err().to_string();
    assert!(problem.contains(words), "{problem}");
}

#[tokio::test]
async fn rights_to_datasets_are_not_needed() {
    let desk = Desk::new();
    let _armed = desk.answer(Verb::Get, "datasets", forbidden());
    desk.create("load demo --name warm").await;
}
