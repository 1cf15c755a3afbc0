//! Input that isn't text: named, with the documented exit code, and nothing is begun.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

use mariasnap_tests::locker::binary;
use tempfile::TempDir;

const LATIN_1: &[u8] = b"# f\xfcr uns\n";

/// Exit code and standard error.
fn run(arguments: &[&OsStr]) -> (Option<i32>, String) {
    let output = Command::new(binary()).args(arguments).output().unwrap();
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// A directory with this file of the target `main`.
fn configured(main: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("targets")).unwrap();
    std::fs::write(dir.path().join("targets/main.toml"), main).unwrap();
    dir
}

/// Exit code and standard error of a command on `main`, which is configured in this directory.
fn run_in(dir: &Path, command: &str) -> (Option<i32>, String) {
    run(&[command.as_ref(), "main".as_ref(), "--config-dir".as_ref(), dir.as_ref()])
}

#[test]
fn a_configuration_that_isnt_text_is_named() {
    let dir = configured(LATIN_1);
    for command in ["snapshot", "check", "freeze", "list"] {
        let (code, said) = run_in(dir.path(), command);
        assert_eq!(code, Some(3), "{command}: {said}");
        for named in ["targets/main.toml", "valid UTF-8", "save it as UTF-8"] {
            assert!(said.contains(named), "{command}, {named}: {said}");
        }
    }
}

#[test]
fn an_option_file_that_isnt_text_is_named() {
    let dir = configured(b"");
    let options = dir.path().join("my.cnf");
    std::fs::write(&options, LATIN_1).unwrap();
    let config = format!("[database]\ndefaults_file = {options:?}");
    std::fs::write(dir.path().join("targets/main.toml"), config).unwrap();
    let (code, said) = run_in(dir.path(), "snapshot");
    assert_eq!(code, Some(3), "{said}");
    for named in ["main.toml", "database.defaults_file", "my.cnf", "valid UTF-8"] {
        assert!(said.contains(named), "{named}: {said}");
    }
}

#[test]
fn an_argument_that_isnt_text_is_wrong_usage() {
    let word = OsStr::from_bytes(b"m\xe4in");
    for arguments in [
        &["snapshot".as_ref(), word][..],
        &["destroy".as_ref(), "main".as_ref(), word],
    ] {
        let (code, said) = run(arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains("invalid UTF-8"), "{arguments:?}: {said}");
    }
}

/// A path needn't be text.
#[test]
fn a_directory_may_have_any_name() {
    let dir = configured(b"[lock]\nmax_hold = \"0s\"");
    let mut name = OsString::from(dir.path());
    name.push(OsStr::from_bytes(b"/m\xe4in"));
    std::os::unix::fs::symlink(dir.path(), &name).unwrap();
    let (code, said) = run_in(Path::new(&name), "snapshot");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("lock.max_hold"), "it was read: {said}");
}
