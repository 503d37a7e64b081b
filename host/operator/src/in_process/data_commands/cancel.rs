//! Ending operations.

use std::time::Duration;

use futures::FutureExt;
use serde_json::json;
use wasser_test_api_server::ApiServer;

use super::{Desk, NAMESPACE, named};
use crate::cli::data::cancel::{Gone, cancel};
use crate::cli::data::follow::FollowArgs;
use crate::cli::data::screen::Screen;
use crate::cli::data::tests::Written;
use crate::in_process::scene::Scene;

#[tokio::test]
async fn an_operation_of_a_real_operator_is_followed_and_cancelled_until_nothing_is_left() {
    let (scene, _operator) = Scene::bound().await;
    let desk = Desk::of(scene.server.clone(), "default");
    let (task, _interrupt) = desk.start("load demo --name warm --path /a", FollowArgs::default());
    desk.out.until("Executing").await;
    let look = |server: &ApiServer| server.object("Job", "default", "warm-loader-job");
    scene.server.until("the Job", look).await;
    scene.server.edit_status("Job", "default", "warm-loader-job", |status| {
        *status = json!({"conditions": [{"type": "Complete", "status": "True", "reason": "Test", "message": "it ended",
            "lastTransitionTime": "2026-01-01T00:00:42Z"}]});
    });
    assert_eq!(task.await.unwrap().unwrap().code(), 0);

    let cluster = scene.server.clone();
    let player = tokio::spawn(async move {
        cluster
            .play(|server| {
                server.collect();
            })
            .await;
    });
    let (warm, mut screen) = (named("dataload/warm"), desk.screen());
    let gone = cancel(&desk.session, &warm, true, None, &mut screen, std::future::pending()).await;
    assert_eq!(gone.unwrap(), Gone::Completely);
    player.abort();
    assert!(scene.server.object("DataLoad", "default", "warm").is_none());
    assert!(scene.server.object("Job", "default", "warm-loader-job").is_none());
}

#[tokio::test]
async fn a_deletion_that_takes_long_goes_on_without_the_user() {
    let desk = Desk::new();
    desk.create("load demo --name warm").await;
    desk.server.edit("DataLoad", NAMESPACE, "warm", |load| {
        load["metadata"]["finalizers"] = json!(["example.org/keep"]);
    });
    let warm = named("dataload/warm");
    let out = Written::default();
    let cancel = |limit: Option<Duration>, interrupted: bool, out: &Written| {
        let (session, warm) = (desk.session.clone(), warm.clone());
        let mut screen = Screen::new(Box::new(out.clone()), Box::new(out.clone()), false);
        let interrupt = async move {
            if !interrupted {
                std::future::pending::<()>().await;
            }
        };
        async move { cancel(&session, &warm, true, limit, &mut screen, interrupt).await }.boxed()
    };
    let limit = Duration::from_millis(50);
    let gone = cancel(Some(limit), false, &out).await.unwrap();
    assert_eq!((gone, gone.code()), (Gone::NotInTime(limit), 3));
    let gone = cancel(None, true, &out).await.unwrap();
    assert_eq!((gone, gone.code()), (Gone::Interrupted, 130));
    let shown = Written::default();
    let waiting = tokio::spawn(cancel(None, false, &shown));
    shown.until("is being deleted").await;
    desk.server.edit("DataLoad", NAMESPACE, "warm", |load| {
        load["metadata"]["finalizers"] = json!([]);
    });
    assert_eq!(waiting.await.unwrap().unwrap(), Gone::Completely);
    let problem = cancel(None, false, &out).await.unwrap_err().to_string();
    assert!(problem.contains("dataload/warm does not exist"), "{problem}");
}
