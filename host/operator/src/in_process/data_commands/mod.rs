//! `wasser data` against the API server: creating, following, listing and ending operations. In most
//! tests, nobody plays the operator but the test.

mod cancel;
mod create;
mod follow;
mod list;
mod logs;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wasser_test_api_server::{ApiServer, Armed, Effect, Failure, Fault, Verb};

use crate::cli::data::create::{create, create_and_follow};
use crate::cli::data::follow::{Ending, FollowArgs, follow};
use crate::cli::data::names::Named;
use crate::cli::data::place::Session;
use crate::cli::data::problem::Problem;
use crate::cli::data::screen::Screen;
use crate::cli::data::tests::{Written, manifest_in};

/// The name of the commands' clients.
const USER: &str = "user";
const NAMESPACE: &str = "team";

/// A server with a Dataset, and a user of it.
struct Desk {
    server: ApiServer,
    session: Session,
    out: Written,
    errors: Written,
}

impl Desk {
    /// Returns a server with the Dataset `demo`.
    fn new() -> Self {
        let server = ApiServer::new();
        server.namespace(NAMESPACE);
        server.install_crds();
        server.create(&json!({"apiVersion": "data.fluid.io/v1alpha1", "kind": "Dataset",
            "metadata": {"name": "demo", "namespace": NAMESPACE}, "spec": {}}));
        Self::of(server, NAMESPACE)
    }

    fn of(server: ApiServer, namespace: &str) -> Self {
        let session = Session {
            client: server.client(USER),
            namespace: namespace.to_owned(),
            program: "wasser".to_owned(),
            repeated: String::new(),
        };
        Self {
            server,
            session,
            out: Written::default(),
            errors: Written::default(),
        }
    }

    fn screen(&self) -> Screen {
        Screen::new(Box::new(self.out.clone()), Box::new(self.errors.clone()), false)
    }

    /// Starts a command that makes an operation. It is interrupted when the sender is used.
    fn start(&self, line: &str, options: FollowArgs) -> (JoinHandle<Result<Ending, Problem>>, oneshot::Sender<()>) {
        let manifest = manifest_in(&self.session.namespace, line).unwrap();
        let (session, mut screen) = (self.session.clone(), self.screen());
        let (sender, receiver) = oneshot::channel();
        let task = tokio::spawn(async move {
            create_and_follow(&session, &manifest, &options, &mut screen, interruption(receiver)).await
        });
        (task, sender)
    }

    /// Follows an operation until it ends.
    async fn follow(&self, text: &str, uid: Option<&str>) -> Result<Ending, Problem> {
        let (named, options, uid) = (named(text), FollowArgs::default(), uid.map(str::to_owned));
        follow(
            &self.session,
            &named,
            uid,
            &options,
            &mut self.screen(),
            std::future::pending(),
        )
        .await
    }

    /// Creates an operation, and does not follow it.
    async fn create(&self, line: &str) {
        let manifest = manifest_in(&self.session.namespace, line).unwrap();
        create(&self.session, &manifest, false).await.unwrap();
    }

    async fn refused(&self, line: &str) -> String {
        let manifest = manifest_in(NAMESPACE, line).unwrap();
        create(&self.session, &manifest, false).await.unwrap_err().to_string()
    }

    fn set(&self, name: &str, status: Value) {
        self.server
            .edit_status("DataLoad", NAMESPACE, name, |shown| *shown = complete(status));
    }

    fn answer(&self, verb: Verb, resource: &str, failure: Failure) -> Armed {
        let fault = Fault::any().of(USER).verb(verb).resource(resource);
        self.server.arm(fault, Effect::Answer(failure))
    }
}

/// Adds what the definition of a status requires.
fn complete(mut status: Value) -> Value {
    for (field, value) in [("conditions", json!([])), ("duration", json!("Unfinished"))] {
        if status.get(field).is_none() {
            status[field] = value;
        }
    }
    status
}

fn condition(kind: &str, message: &str) -> Value {
    json!([{"type": kind, "status": "True", "message": message}])
}

/// A user who does nothing unless the sender is used.
async fn interruption(receiver: oneshot::Receiver<()>) {
    if receiver.await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn forbidden() -> Failure {
    Failure::new(403, "Forbidden", "no role says so")
}

fn named(text: &str) -> Named {
    text.parse().unwrap()
}
