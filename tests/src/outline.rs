//! What an introspection says of our interface, apart from its layout and comments.

use mariasnap_dbus::names::INTERFACE;

/// The interface as the package installs it.
pub const FILE: &str = include_str!("../../dbus/data/org.mariasnap.SnapshotHelper1.xml");

/// `method NAME` and `arg NAME TYPE DIRECTION` of our interface, in order.
pub fn outline(xml: &str) -> Vec<String> {
    let start = xml
        .find(&format!("<interface name=\"{INTERFACE}\""))
        .expect("our interface");
    let end = start + xml[start..].find("</interface>").expect("its end");
    let mut lines = Vec::new();
    for tag in xml[start..end].split('<').skip(1) {
        let attribute = |name: &str| {
            let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
            rest.split_once('"').map(|(value, _)| value.to_owned())
        };
        let kind = tag.split([' ', '>', '/']).next().unwrap();
        if ["method", "arg", "signal", "property"].contains(&kind) {
            let shown = ["name", "type", "direction"].map(|name| attribute(name).unwrap_or_default());
            lines.push(format!("{kind} {}", shown.join(" ")));
        }
    }
    lines
}
