//! Creates an operation and follows it, or only shows what would be created.

use std::pin::pin;
use std::process::ExitCode;

use anyhow::Result;
use kube::ResourceExt;
use kube::api::{DynamicObject, ListParams, PostParams};
use wasser_process::signals;

use super::draft::{CommonArgs, Draft, Format, Manifest, print};
use super::follow::{Ending, FollowArgs, follow};
use super::names;
use super::place::{PlaceArgs, Session, qualified};
use super::problem::{Problem, there};
use super::screen::Screen;

/// The Datasets, as RBAC has them.
const DATASETS: &str = "datasets.data.fluid.io";

/// What is not done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DryRun {
    /// Nothing: the operation is created.
    #[default]
    None,
    /// No request: the manifest is printed.
    Client,
    /// No change: the API server checks the operation.
    Server,
}

/// What all commands have that make an operation.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct MakeArgs {
    #[command(flatten)]
    pub common: CommonArgs,
    #[command(flatten)]
    pub create: CreateArgs,
    #[command(flatten)]
    pub place: PlaceArgs,
}

/// What happens with the operation.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CreateArgs {
    /// Print the operation that would be created; `server` has the API server check it.
    #[arg(long, value_enum, default_value_t, value_name = "HOW")]
    pub dry_run: DryRun,
    /// Print the operation, with --dry-run or --no-wait [default of --dry-run: name].
    #[arg(long, short, value_enum, value_name = "FORMAT")]
    pub output: Option<Format>,
    /// Do not follow the operation.
    #[arg(long)]
    pub no_wait: bool,
    #[command(flatten)]
    pub follow: FollowArgs,
}

/// Does what a command that makes an operation says.
pub async fn run(program: &str, make: &MakeArgs, draft: impl Fn(&str) -> Result<Draft, Problem>) -> Result<ExitCode> {
    let MakeArgs {
        common,
        create: options,
        place,
    } = make;
    if options.output.is_some() && options.dry_run == DryRun::None && !options.no_wait {
        let message = "--output prints the operation only, so it goes with --dry-run or --no-wait; add one of them";
        return Err(Problem::usage(message).into());
    }
    let namespace = place.namespace().await?;
    let manifest = draft(&namespace)?.place(common, &namespace, names::random())?;
    if options.dry_run == DryRun::Client {
        let format = options.output.unwrap_or(Format::Name);
        crate::cli::print(&print(&manifest.object, &manifest.named, format)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let session = place.session(program).await?;
    // From now on, Ctrl-C ends the following only.
    let interrupt = signals::interrupt()?;
    if options.dry_run == DryRun::Server || options.no_wait {
        let created = create(&session, &manifest, options.dry_run == DryRun::Server).await?;
        let text = match options.output {
            Some(format) => print(&created, &manifest.named, format)?,
            None if options.dry_run == DryRun::Server => format!("{} created (server dry run)\n", manifest.named),
            None => announcement(&session, &manifest),
        };
        crate::cli::print(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut screen = Screen::standard();
    let ending = create_and_follow(&session, &manifest, &options.follow, &mut screen, interrupt).await?;
    Ok(ExitCode::from(ending.code()))
}

/// Creates an operation and follows it. What a schedule starts is not followed, since it has no end.
///
/// # Errors
/// It cannot be created, or not be followed.
pub async fn create_and_follow(
    session: &Session,
    manifest: &Manifest,
    options: &FollowArgs,
    screen: &mut Screen,
    interrupt: impl Future<Output = ()>,
) -> Result<Ending, Problem> {
    let named = &manifest.named;
    let mut interrupt = pin!(interrupt);
    let created = tokio::select! {
        created = create(session, manifest, false) => created?,
        () = &mut interrupt => {
            screen.complain(&format!(
                "interrupted before the API server has answered. Whether {named} was created: {}",
                session.command("wait", named)
            ));
            return Ok(Ending::Interrupted);
        }
    };
    screen.say(announcement(session, manifest).trim_end());
    if manifest.is_scheduled {
        return Ok(Ending::Complete(String::new()));
    }
    let ending = follow(session, named, created.uid(), options, screen, interrupt).await?;
    ending.report(session, named, screen);
    Ok(ending)
}

fn announcement(session: &Session, manifest: &Manifest) -> String {
    let named = &manifest.named;
    if manifest.is_scheduled {
        let wait = session.command("wait", named);
        return format!("{named} created; it runs by its schedule. How a run ends: {wait}\n");
    }
    format!("{named} created\n")
}

/// Creates an operation whose Datasets exist. One of the same name is never changed.
///
/// # Errors
/// A Dataset does not exist, or the API server refuses the operation.
pub async fn create(session: &Session, manifest: &Manifest, is_dry: bool) -> Result<DynamicObject, Problem> {
    for name in &manifest.datasets {
        find_dataset(session, name).await?;
    }
    let named = &manifest.named;
    let params = PostParams {
        dry_run: is_dry,
        field_manager: Some("wasser-data".to_owned()),
    };
    let created = session.api(named.kind).create(&params, &manifest.object).await;
    created.map_err(|error| match &error {
        kube::Error::Api(status) if status.is_already_exists() => Problem::Exists {
            named: named.clone(),
            namespace: session.namespace.clone(),
            cancel: session.command("cancel", named),
        },
        _ => {
            let resource = qualified(named.kind);
            Problem::of(
                &error,
                &session.attempt("create", &resource, format!("creating {named}")),
            )
        }
    })
}

/// Checks that a Dataset exists. Whoever may not look finds out from the operation.
async fn find_dataset(session: &Session, name: &str) -> Result<(), Problem> {
    let is_forbidden = |error: &kube::Error| matches!(error, kube::Error::Api(status) if status.is_forbidden());
    let datasets = session.datasets();
    let attempt = |verb| session.attempt(verb, DATASETS, format!("looking for the Dataset {name}"));
    match datasets.get_metadata_opt(name).await {
        Ok(Some(_)) => return Ok(()),
        Ok(None) => {}
        Err(error) if is_forbidden(&error) => return Ok(()),
        Err(error) => return Err(Problem::of(&error, &attempt("get"))),
    }
    let there = match datasets.list_metadata(&ListParams::default()).await {
        Ok(list) => there(&list.iter().map(ResourceExt::name_any).collect::<Vec<_>>()),
        Err(error) if is_forbidden(&error) => String::new(),
        // Of a kind that is not served, nothing is found either.
        Err(error) => return Err(Problem::of(&error, &attempt("list"))),
    };
    Err(Problem::NoDataset {
        namespace: session.namespace.clone(),
        name: name.to_owned(),
        there,
    })
}
