//! Certificates for a server of the tests.

use std::path::Path;
use std::process::Command;

fn openssl(dir: &Path, arguments: &[&str]) {
    let done = Command::new("openssl")
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("openssl must be installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// A CA and a server's certificate for `localhost`: `ca.pem`, `server.pem` and `server.key`.
pub fn certificates(dir: &Path) {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    let ca = [
        "req",
        "-x509",
        "-subj",
        "/CN=test CA",
        "-days",
        "2",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    ];
    openssl(dir, &[&ca[..], &key[..]].concat());
    let request = [
        "req",
        "-subj",
        "/CN=localhost",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    ];
    openssl(dir, &[&request[..], &key[..]].concat());
    std::fs::write(
        dir.join("extensions"),
        "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n",
    )
    .unwrap();
    let sign = [
        "x509",
        "-req",
        "-in",
        "server.csr",
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
    ];
    openssl(
        dir,
        &[
            &sign[..],
            &["-days", "2", "-extfile", "extensions", "-out", "server.pem"],
        ]
        .concat(),
    );
}
