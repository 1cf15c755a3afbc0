//! Building the product from within its tests.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The tree that is under test.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// Has `make` bring these of its targets up to date; cargo makes that quick where nothing changed.
pub(crate) fn make(targets: &[&str]) {
    let mut make = Command::new("make");
    make.args(["--no-print-directory", "-C"]).arg(top()).args(targets);
    outside_cargo(&mut make);
    let built = make.output().expect("make runs");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "make {targets:?}: {said}");
}

/// Lets a build run as it would outside `cargo test`, which says in the environment which package is tested.
///
/// A build script that looks at that runs again where it changes, and all that depends on it is compiled again: TLS and
/// the database's driver, each time from one to the other.
fn outside_cargo(build: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let is_about_a_package = |prefix: &&str| name.to_string_lossy().starts_with(*prefix);
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(is_about_a_package) {
            build.env_remove(&name);
        }
    }
}
