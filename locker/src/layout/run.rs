//! A whole check: ask the server, ask the helper, look, judge.

use mariasnap_dbus::{Dataset, TargetName};

use super::ask::{Answers, ask};
use super::finding::{Check, Finding, Verdict};
use super::judge::Judge;
use super::look::{self, View};
use super::member::Member;
use super::places::{outside, own_files, places};
use super::purpose::Purpose;
use super::settings;
use crate::config::{Bound, Database, Endpoint, LayoutCheck, Settings};
use crate::database::{DatabaseError, Server, ServerBounds, Session};
use crate::helper::{Caller, Helper, HelperFailure};

/// Most details that one line of an error or a log names.
const NAMED: usize = 4;

/// What keeps a check from being made.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The helper.
    #[error(transparent)]
    Helper(#[from] HelperFailure),
}

/// What a run is told before its lock.
#[derive(Debug)]
pub enum Preflight {
    /// It may go on; what isn't as it should be.
    Go(Vec<String>),
    /// A snapshot couldn't be restored: why not.
    Stop(String),
}

/// The check before a run's lock, as `layout.check` has it. It has connections of its own, so that nothing that it
/// waits for or fails at touches the one that is to lock.
pub async fn preflight(target: &TargetName, settings: &Settings) -> Result<Preflight, CheckError> {
    if settings.layout == LayoutCheck::Off {
        return Ok(Preflight::Go(Vec::new()));
    }
    let check = make(target, settings, &settings.database, Caller::Locker).await?;
    for detail in check.details(Verdict::Unchecked) {
        tracing::debug!("{detail}");
    }
    let errors = check.details(Verdict::Error);
    if settings.layout == LayoutCheck::Error && !errors.is_empty() {
        return Ok(Preflight::Stop(few(&errors)));
    }
    Ok(Preflight::Go([errors, check.details(Verdict::Warning)].concat()))
}

/// The first few, and how many more.
fn few(details: &[String]) -> String {
    let mut text = details.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
    if details.len() > NAMED {
        text.push_str(&format!("; and {} more", details.len() - NAMED));
    }
    text
}

/// The check that a person asks for. Root asks the server as its own root where the account has no password, for it
/// can't log in as the unit's user then, and sees more.
pub async fn check(target: &TargetName, settings: &Settings) -> Result<Check, CheckError> {
    let configured = &settings.database;
    let Some(as_root) = configured.for_root() else {
        return make(target, settings, configured, Caller::Person).await;
    };
    match make(target, settings, &as_root, Caller::Person).await {
        Err(CheckError::Database(error @ DatabaseError::Connect { .. })) if error.is_denied() => {
            make(target, settings, configured, Caller::Person).await
        }
        done => done,
    }
}

async fn make(
    target: &TargetName,
    settings: &Settings,
    database: &Database,
    caller: Caller,
) -> Result<Check, CheckError> {
    let answers = answers(database).await?;
    let helper = Helper::connect(&settings.helper, caller).await?;
    let members = members(&helper, target).await?;
    let mut findings = match (&database.endpoint, members) {
        (Endpoint::Tcp { .. }, _) => vec![not_here()],
        (_, None) => vec![not_listed(target)],
        (_, Some(members)) => of_places(target, &members, &answers, settings.lock.strategy.lets_commits_go_on()),
    };
    findings.extend(settings::findings(&answers));
    Ok(Check::new(target, findings))
}

async fn answers(database: &Database) -> Result<Answers, DatabaseError> {
    let mut session = Session::connect(database).await?;
    let server = Server::inspect(&mut session).await?;
    // Nothing here is worth waiting for: a table that is being altered goes unseen.
    let bounds = ServerBounds {
        lock_wait: Bound::seconds(2),
        silence: database.connect_timeout.get(),
    };
    session.set_bounds(&server, bounds).await?;
    let answers = ask(&mut session, &server).await?;
    session.close().await;
    Ok(answers)
}

/// The target's datasets; none where the helper doesn't list the target for this user.
async fn members(helper: &Helper, target: &TargetName) -> Result<Option<Vec<Member>>, HelperFailure> {
    let targets = helper.targets().await?;
    let found = targets.into_iter().find(|known| known.name == target.as_str());
    // A name that this side can't read covers nothing that this side finds.
    let member = |dataset: mariasnap_dbus::TargetDataset| {
        Some(Member {
            name: Dataset::parse(&dataset.name).ok()?,
            children: dataset.children,
        })
    };
    Ok(found.map(|target| target.datasets.into_iter().filter_map(member).collect()))
}

fn of_places(target: &TargetName, members: &[Member], answers: &Answers, needs_binlog: bool) -> Vec<Finding> {
    let variables = &answers.variables;
    let unknown = |why: String| vec![Finding::of_setting(Purpose::Data.kind(), Verdict::Warning, why)];
    let Some(mut places) = places(variables) else {
        return unknown("the layout isn't checked: the server didn't say its datadir".to_owned());
    };
    let datadir = places.first().map(|data| data.path.clone()).unwrap_or_default();
    places.extend(outside(&datadir, answers.outside.known()));
    let view: View = look::view(&places, &own_files(variables));
    let mounts = match look::mounts() {
        Ok(mounts) => mounts,
        Err(error) => return unknown(format!("the layout isn't checked: {error}")),
    };
    let judge = Judge {
        target,
        members,
        mounts: &mounts,
        tmpdir: variables.get("tmpdir"),
        needs_binlog,
        is_root: is_root(),
    };
    judge.findings(&view)
}

fn not_here() -> Finding {
    let detail = "the layout isn't checked: the database is reached over TCP, so its files needn't be this machine's";
    Finding::of_setting(Purpose::Data.kind(), Verdict::Warning, detail)
}

fn not_listed(target: &TargetName) -> Finding {
    let detail = format!(
        "the layout isn't checked: the helper doesn't list target {target} for this user; there is none, or a polkit rule \
         has to allow org.mariasnap.list"
    );
    Finding::of_setting(Purpose::Data.kind(), Verdict::Warning, detail)
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_a_few_and_counts_the_rest() {
        let details = |n: usize| (0..n).map(|n| format!("d{n}")).collect::<Vec<_>>();
        assert_eq!(few(&details(2)), "d0; d1");
        assert_eq!(few(&details(6)), "d0; d1; d2; d3; and 2 more");
    }
}
