//! `mariasnap setup`: from a running server to regular snapshots, in one command run by root.
//!
//! It reads everything, decides everything (`plan`), prints it, and only then changes anything: files, the account,
//! units. Pure parts are apart from those that read (`ask`, `host`) or change (`write`, `units`).

mod account;
mod advice;
mod args;
mod ask;
mod console;
mod diff;
mod error;
mod files;
mod first;
mod helper_file;
mod host;
mod layout;
mod options;
mod plan;
mod program;
mod rule;
mod show;
mod target;
mod target_file;
mod target_text;
mod units;
mod write;

use std::collections::BTreeSet;
use std::path::Path;

pub use args::Args;
pub use error::{SetupError, SetupErrorKind};

use crate::database::Session;
use crate::layout::ground::Located;
use crate::layout::places::{self, Place};
use crate::layout::variables::Variables;
use crate::layout::{links, look};
use advice::Properties;
use console::{say, warn};
use files::Paths;
use plan::{Plan, Present, Survey};

/// Sets up one target. Nothing is changed before everything has been checked, nor with `--dry-run`; a run that was cut
/// short is carried on by the next one.
pub async fn run(args: Args) -> Result<(), SetupError> {
    host::require_root()?;
    host::require_openzfs()?;
    host::require_datasets(&args.datasets)?;
    units::require(&args)?;
    let paths = Paths::new(Path::new("/"), &args.target);
    let (mut session, socket) = ask::connect(&args).await?;
    let survey = survey(&args, &paths, &mut session, &socket).await?;
    show::survey(&args, &survey);
    let plan = plan::make(&args, &paths, survey)?;
    show::plan(&args, &plan);
    write::require_no_links(plan.files())?;
    if args.dry_run {
        show::in_full(&args, &plan);
        session.close().await;
        return Ok(());
    }
    say("");
    write_files(&plan)?;
    create_account(&plan, &mut session).await?;
    session.close().await;
    start_units(&args, &plan)?;
    let snapshot = first::snapshot(&args, &plan).await?;
    show::summary(&args, &plan, snapshot.as_deref());
    Ok(())
}

async fn survey(args: &Args, paths: &Paths, session: &mut Session, socket: &Path) -> Result<Survey, SetupError> {
    let (version, variables) = ask::variables(session, socket).await?;
    let mut places = places::places(&variables).ok_or_else(|| SetupError::Answer {
        socket: socket.to_owned(),
        what: "datadir",
    })?;
    places.retain(|place| place.purpose.concerns_setup());
    let located = located(&places, &variables)?;
    let tmpdir = variables.get("tmpdir");
    let layout = layout::layout(&located, &look::mounts()?, &args.datasets, tmpdir)?;
    Ok(Survey {
        socket: socket.to_owned(),
        version,
        account: ask::account(session).await?,
        plugin_ready: ask::plugin_ready(session, version).await?,
        properties: properties(&layout),
        present: present(paths)?,
        units: units::state(args),
        layout,
        variables,
    })
}

/// Where the server's places are, and what links in them lead to.
fn located(places: &[Place], variables: &Variables) -> Result<Vec<Located>, SetupError> {
    let mut located = places.iter().map(look::locate).collect::<Result<Vec<_>, _>>()?;
    let mut ends = match located.first() {
        Some(data) => links::linked(&data.path)?,
        None => Vec::new(),
    };
    let directories: BTreeSet<_> = located.iter().map(|place| &place.path).collect();
    let own = places::own_files(variables);
    for directory in directories {
        ends.extend(links::linked_files(directory, &own)?);
    }
    for end in &ends {
        located.push(look::locate(end)?);
    }
    Ok(located)
}

/// The datasets' properties; as they only serve advice, setup goes on without.
fn properties(layout: &layout::Layout) -> Properties {
    let (data, redo) = (layout.data.as_str(), layout.redo.as_str());
    let arguments = [
        "get",
        "-Hp",
        "-o",
        "name,property,value",
        advice::PROPERTIES,
        data,
        redo,
    ];
    match program::output(program::ZFS, &arguments) {
        Ok(text) => Properties::parse(&text),
        Err(error) => {
            warn(format!("no advice on the datasets: {error}"));
            Properties::default()
        }
    }
}

fn present(paths: &Paths) -> Result<Present, SetupError> {
    Ok(Present {
        helper: host::read(&paths.helper)?,
        target: host::read(&paths.target)?,
        rule: host::read(&paths.rule)?,
        timer: host::read(&paths.timer)?,
    })
}

fn write_files(plan: &Plan) -> Result<(), SetupError> {
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    for file in plan.files().filter(|file| file.writes()) {
        let backup = write::write(file, &stamp)?;
        say(format!("wrote     {}", file.path.display()));
        if let Some(backup) = backup {
            say(format!("          the old one is now {}", backup.display()));
        }
    }
    Ok(())
}

async fn create_account(plan: &Plan, session: &mut Session) -> Result<(), SetupError> {
    for statement in &plan.account.statements {
        ask::execute(session, statement).await?;
        say(format!("sql       {statement}"));
    }
    Ok(())
}

fn start_units(args: &Args, plan: &Plan) -> Result<(), SetupError> {
    for command in units::commands(args, plan) {
        units::run(&command)?;
        say(format!("systemctl {}", command.join(" ")));
    }
    Ok(())
}
