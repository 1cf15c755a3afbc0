//! The polkit rule that confines the target's service to the target's datasets.

use std::path::PathBuf;

use mariasnap_dbus::{TargetName, names};

use super::error::SetupError;
use super::files::{Change, Planned, same_text};
use super::target::Target;

/// The service whose processes the rule admits.
pub(crate) fn service(target: &TargetName) -> String {
    format!("mariasnap@{target}.service")
}

/// The name that systemd gives the service's dynamic user.
pub(crate) const USER: &str = "mariasnap";

const BODY: &str = r#"// Written by "mariasnap setup @NAME@". It lets the service of this one target list, take and destroy snapshots of these
// datasets. Where it doesn't apply it says nothing, so the actions' defaults, which refuse daemons, decide.
polkit.addRule(function(action, subject) {
    var actions = [@ACTIONS@];
    if (actions.indexOf(action.id) < 0 ||
        action.lookup(@DETAIL_TARGET@) !== @TARGET@ ||
        action.lookup(@DETAIL_DATASET@) !== @DATASET@ ||
        subject.user !== @USER@) {
        return polkit.Result.NOT_HANDLED;
    }
    // polkit 124 and later tell the caller's unit, and an empty one where they can't be sure of it: then it isn't ours.
    // Before 124 there is no such property, and the service's own user is all there is to go by.
    if ("system_unit" in subject && subject.system_unit !== @UNIT@) {
        return polkit.Result.NOT_HANDLED;
    }
    return polkit.Result.YES;
});
"#;

/// The rule's text. Values are written as JSON strings, which are JavaScript strings too.
pub(crate) fn render(target: &Target) -> String {
    let actions = [names::ACTION_LIST, names::ACTION_SNAPSHOT, names::ACTION_DESTROY];
    let actions: Vec<_> = actions.iter().map(|action| quote(action)).collect();
    BODY.replace("@ACTIONS@", &actions.join(", "))
        .replace("@DETAIL_TARGET@", &quote(names::DETAIL_TARGET))
        .replace("@DETAIL_DATASET@", &quote(names::DETAIL_DATASET))
        .replace("@USER@", &quote(USER))
        .replace("@UNIT@", &quote(&service(&target.name)))
        .replace("@TARGET@", &quote(target.name.as_str()))
        .replace("@DATASET@", &quote(&target.detail()))
        .replace("@NAME@", target.name.as_str())
}

/// What becomes of the rule. One that names other datasets than the helper will would only ever refuse, so its list
/// follows the helper's entry where the rest is as setup wrote it, and where it isn't the admin has to see to it.
pub(crate) fn planned(
    path: PathBuf,
    target: &Target,
    present: Option<String>,
    force: bool,
) -> Result<Planned, SetupError> {
    let mut planned = Planned::new(path, render(target), present, force, same_text);
    let (Change::Keep, Some(present)) = (planned.change, &planned.present) else {
        return Ok(planned);
    };
    if differs_in_datasets_only(present, &planned.wanted, target) {
        planned.change = Change::Replace;
    } else if !names_datasets(present, target) {
        return Err(SetupError::Kept {
            why: format!(
                "it isn't as setup wrote it and doesn't admit the target's datasets; let its line for the dataset read \
                 \"{}{} ||\", or let --force replace the file",
                dataset_test(),
                quote(&target.detail())
            ),
            path: planned.path,
        });
    }
    Ok(planned)
}

/// What stands before the datasets.
fn dataset_test() -> String {
    format!("action.lookup({}) !== ", quote(names::DETAIL_DATASET))
}

/// Whether two rules are the same but for the one string that lists the datasets.
fn differs_in_datasets_only(present: &str, wanted: &str, target: &Target) -> bool {
    let test = dataset_test();
    let other = wanted.split_once(&test).and_then(|(before, rest)| {
        let after = rest.strip_prefix(&quote(&target.detail()))?;
        let middle = present.strip_prefix(before)?.strip_prefix(&test)?;
        middle.strip_suffix(after)
    });
    other.is_some_and(|literal| serde_json::from_str::<String>(literal).is_ok())
}

/// Whether a line of code, as opposed to one of comment, has the datasets as one string.
fn names_datasets(rule: &str, target: &Target) -> bool {
    let detail = target.detail();
    let literals = [quote(&detail), format!("'{detail}'")];
    let mut code = rule.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.any(|line| literals.iter().any(|literal| line.contains(literal)))
}

/// A JSON string. The line separators that JSON allows and old JavaScript doesn't can't occur in checked names.
pub(crate) fn quote(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mariasnap_dbus::Prefix;

    fn target() -> Target {
        Target {
            name: TargetName::parse("main").unwrap(),
            members: vec!["tank/log".parse().unwrap(), "tank/mysql/*".parse().unwrap()],
            prefix: Prefix::parse("mariasnap").unwrap(),
            min_keep: 1,
        }
    }

    #[test]
    fn every_placeholder_is_filled() {
        let rule = render(&target());
        assert!(!rule.contains('@') || rule.matches('@').count() == 1, "{rule}");
        for line in [
            r#"var actions = ["org.mariasnap.list", "org.mariasnap.snapshot", "org.mariasnap.destroy"];"#,
            r#"action.lookup("target") !== "main""#,
            r#"action.lookup("dataset") !== "tank/log,tank/mysql/*""#,
            r#"subject.user !== "mariasnap""#,
            r#"subject.system_unit !== "mariasnap@main.service""#,
        ] {
            assert!(rule.contains(line), "{line} in {rule}");
        }
    }

    fn grown() -> Target {
        Target {
            members: vec!["tank/log".parse().unwrap(), "tank/more".parse().unwrap()],
            ..target()
        }
    }

    fn over(present: String, force: bool) -> Result<Planned, SetupError> {
        planned("/r".into(), &grown(), Some(present), force)
    }

    #[test]
    fn the_datasets_follow_the_helpers_entry() {
        let planned = over(render(&target()), false).unwrap();
        assert_eq!(planned.change, Change::Replace);
        assert!(planned.wanted.contains("\"tank/log,tank/more\""));
        assert_eq!(over(render(&grown()), false).unwrap().change, Change::Unchanged);
    }

    #[test]
    fn an_edited_rule_stays_only_while_it_admits_the_datasets() {
        let edited = |rule: String| {
            rule.replace(
                "return polkit.Result.YES",
                "polkit.log(\"x\"); return polkit.Result.YES",
            )
        };
        assert_eq!(over(edited(render(&grown())), false).unwrap().change, Change::Keep);
        let stale = edited(render(&target())) + "// \"tank/log,tank/more\"\n";
        let error = over(stale.clone(), false).unwrap_err().to_string();
        let line = r#"action.lookup("dataset") !== "tank/log,tank/more" ||"#;
        assert!(error.contains(line), "{error}");
        assert_eq!(over(stale, true).unwrap().change, Change::Replace);
    }

    #[test]
    fn no_text_escapes_its_string() {
        assert_eq!(quote("a\"; evil(); //\n"), r#""a\"; evil(); //\n""#);
    }
}
