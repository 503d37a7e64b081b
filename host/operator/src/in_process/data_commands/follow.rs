//! Following an operation to its end, and what ends that before.

use std::time::Duration;

use serde_json::json;
use wasser_test_api_server::{Cut, Effect, Failure, Fault, Verb};

use super::{Desk, NAMESPACE, USER, condition};
use crate::cli::data::follow::{Ending, FollowArgs};
use crate::in_process::scene::QUIET;

#[tokio::test]
async fn an_operation_is_created_and_followed_to_its_end_by_watch() {
    let desk = Desk::new();
    let (task, _interrupt) = desk.start("load demo --name warm", FollowArgs::default());
    desk.out.until("has not looked at it").await;
    desk.set(
        "warm",
        json!({"phase": "Pending", "conditions": condition("Waiting", "the Dataset team/demo is not Bound")}),
    );
    desk.out.until("Pending").await;
    // The same again, and then a watch that breaks off, show nothing new.
    desk.server.edit("DataLoad", NAMESPACE, "warm", |load| {
        load["metadata"]["annotations"]["a"] = json!("b");
    });
    desk.server.cut("dataloads", Cut::End);
    desk.set("warm", json!({"phase": "Executing", "infos": {"progress": "45%"}}));
    desk.out.until("45%").await;
    desk.set(
        "warm",
        json!({"phase": "Complete", "duration": "42s", "infos": {"progress": "100%", "files": "2000"}}),
    );
    let ending = task.await.unwrap().unwrap();
    assert_eq!(ending.code(), 0, "{ending:?}");
    assert_eq!(
        desk.out.text(),
        "dataload/warm created\n\
         dataload/warm  waits for the operator, which has not looked at it yet\n\
         dataload/warm  Pending  the Dataset team/demo is not Bound\n\
         dataload/warm  Executing  45%\n\
         dataload/warm is complete after 42s (files 2000)\n"
    );
    assert_eq!(desk.errors.text(), "");
    let requests = desk.server.take_requests();
    let reads = requests.of(USER).describe();
    // The Dataset, the list and its watch, and the watch after the cut: never the object by itself.
    assert!(!reads.contains("get dataloads"), "{reads}");
}

#[tokio::test]
async fn a_failure_ends_with_its_reason() {
    let desk = Desk::new();
    let (task, _interrupt) = desk.start("load demo --name warm --path /nowhere", FollowArgs::default());
    desk.out.until("has not looked at it").await;
    desk.set(
        "warm",
        json!({"phase": "Failed", "conditions": condition("Failed", "/nowhere: no such path")}),
    );
    assert_eq!(task.await.unwrap().unwrap().code(), 1);
    assert_eq!(
        desk.errors.text(),
        "Error: dataload/warm has failed: /nowhere: no such path\n"
    );
}

#[tokio::test]
async fn ctrl_c_leaves_the_operation_running_and_says_how_to_come_back() {
    let mut desk = Desk::new();
    desk.session.repeated = " --context other".to_owned();
    let (task, interrupt) = desk.start("load demo --name warm", FollowArgs::default());
    desk.out.until("has not looked at it").await;
    desk.server.take_requests();
    interrupt.send(()).unwrap();
    assert_eq!(task.await.unwrap().unwrap().code(), 130);
    let said = desk.errors.text();
    assert!(
        said.contains(
            "dataload/warm goes on. To follow it again: wasser data wait dataload/warm -n team --context other\n"
        ),
        "{said}"
    );
    desk.server.settled(QUIET).await;
    assert_eq!(desk.server.take_requests().of(USER).writes().describe(), "");
    assert!(desk.server.object("DataLoad", NAMESPACE, "warm").is_some());

    // And it can be followed again.
    desk.set("warm", json!({"phase": "Complete", "duration": "1s"}));
    let ending = desk.follow("dataload/warm", None).await;
    assert_eq!(ending.unwrap(), Ending::Complete(" after 1s".to_owned()));
}

#[tokio::test]
async fn an_operation_that_is_deleted_while_it_is_followed_is_told() {
    let desk = Desk::new();
    let (task, _interrupt) = desk.start("load demo --name warm", FollowArgs::default());
    desk.out.until("has not looked at it").await;
    // Its finalizer keeps it for a while.
    desk.server.edit("DataLoad", NAMESPACE, "warm", |load| {
        load["metadata"]["finalizers"] = json!(["example.org/keep"]);
    });
    desk.server.delete("DataLoad", NAMESPACE, "warm");
    desk.out.until("is being deleted").await;
    desk.server.edit("DataLoad", NAMESPACE, "warm", |load| {
        load["metadata"]["finalizers"] = json!([]);
    });
    assert_eq!(task.await.unwrap().unwrap(), Ending::Deleted);
    let said = desk.errors.text();
    assert!(said.contains("dataload/warm was deleted before it had ended"), "{said}");
}

#[tokio::test]
async fn an_operation_that_goes_as_soon_as_it_ends_has_its_result() {
    let desk = Desk::new();
    let (task, _interrupt) = desk.start("load demo --name warm --ttl 0", FollowArgs::default());
    desk.out.until("has not looked at it").await;
    desk.set("warm", json!({"phase": "Complete", "duration": "1s"}));
    desk.server.delete("DataLoad", NAMESPACE, "warm");
    assert_eq!(task.await.unwrap().unwrap(), Ending::Complete(" after 1s".to_owned()));
}

#[tokio::test]
async fn another_operation_of_the_same_name_is_not_followed() {
    let desk = Desk::new();
    let ending = desk.follow("dataload/warm", Some("gone")).await;
    assert_eq!(ending.unwrap(), Ending::Deleted);
    desk.create("load demo --name warm").await;
    let ending = desk.follow("dataload/warm", Some("gone")).await;
    assert_eq!(ending.unwrap(), Ending::Deleted);
}

#[tokio::test]
async fn what_takes_too_long_goes_on_and_is_told() {
    let desk = Desk::new();
    let options = FollowArgs {
        timeout: Some(Duration::from_millis(50)),
        logs: false,
    };
    let (task, _interrupt) = desk.start("load demo --name warm", options);
    assert_eq!(task.await.unwrap().unwrap().code(), 3);
    let said = desk.errors.text();
    assert!(
        said.contains("not ended within 0.05 s; it goes on, and can be followed again: wasser data wait dataload/warm"),
        "{said}"
    );
    assert!(desk.server.object("DataLoad", NAMESPACE, "warm").is_some());
}

#[tokio::test]
async fn an_api_server_that_fails_for_a_while_is_asked_again() {
    let desk = Desk::new();
    let fault = Fault::any().of(USER).verb(Verb::List).times(1);
    let _armed = desk
        .server
        .arm(fault, Effect::Answer(Failure::internal("etcd is away")));
    let (task, _interrupt) = desk.start("load demo --name warm", FollowArgs::default());
    desk.out.until("is tried again: ").await;
    desk.set("warm", json!({"phase": "Complete", "duration": "1s"}));
    assert_eq!(task.await.unwrap().unwrap().code(), 0);
}
