//! The polkit rule that confines the target's service to the target's datasets.

use mariasnap_dbus::{TargetName, names};

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

    #[test]
    fn no_text_escapes_its_string() {
        assert_eq!(quote("a\"; evil(); //\n"), r#""a\"; evil(); //\n""#);
    }
}
