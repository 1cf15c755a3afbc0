//! Building the product from within its tests.

use std::process::Command;

/// Lets a build run as it would outside `cargo test`, which says in the environment which package is tested.
///
/// A build script that looks at that runs again where it changes, and all that depends on it is compiled again: TLS and
/// the database's driver, each time from one to the other.
pub fn outside_cargo(build: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let is_about_a_package = |prefix: &&str| name.to_string_lossy().starts_with(*prefix);
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(is_about_a_package) {
            build.env_remove(&name);
        }
    }
}
