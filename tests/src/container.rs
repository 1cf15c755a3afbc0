//! The image as packaging/container/build makes it, run as a node runs it but without one: its own root, read-only, its
//! own user, no privilege to gain, and a run directory that outlives it.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::locker::{Running, binary};

/// Nobody of this number is on a host.
const USER: u32 = 65532;

/// Mounts, and then becomes, what stands in `$@`; nothing of it outlives the process.
const ENTER: &str = r#"
root=$1 run=$2 config=$3 user=$4
shift 4
mount --bind "$root" "$root"
mount --bind "$config" "$root/etc/mariasnap"
mount -o remount,ro,bind "$root/etc/mariasnap"
mount --bind "$run" "$root/run/mariasnap"
mount -o remount,ro,bind "$root"
exec setpriv --no-new-privs chroot --userspec="$user" --groups= "$root" "$@"
"#;

/// An unpacked image.
pub struct Image {
    dir: TempDir,
    process: Value,
}

/// Does what must succeed.
pub fn must(command: &mut Command) -> String {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {said}");
    String::from_utf8(done.stdout).unwrap()
}

/// Builds the image of the program that is tested into a directory.
pub fn build(directory: &Path) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../packaging/container/build");
    must(Command::new(script).arg(binary()).arg(directory));
}

impl Image {
    /// Builds and unpacks it.
    pub fn unpacked() -> Self {
        let dir = tempfile::tempdir().unwrap();
        build(&dir.path().join("built"));
        let image = format!("{}/built/image:{}", dir.path().display(), env!("CARGO_PKG_VERSION"));
        let bundle = dir.path().join("bundle");
        must(Command::new("umoci").args(["unpack", "--image", &image]).arg(&bundle));
        let config = std::fs::read(bundle.join("config.json")).unwrap();
        let process = serde_json::from_slice::<Value>(&config).unwrap()["process"].take();
        Self { dir, process }
    }

    /// Its root.
    pub fn root(&self) -> PathBuf {
        self.dir.path().join("bundle/rootfs")
    }

    /// What the image says of its process: user, arguments, environment.
    pub fn process(&self) -> &Value {
        &self.process
    }
}

/// A pod: one image, one configuration, and a run directory that its containers share one after another.
pub struct Pod<'a> {
    image: &'a Image,
    dir: TempDir,
}

impl<'a> Pod<'a> {
    /// One whose target `main` has this configuration, and whose secret is this option file.
    pub fn new(image: &'a Image, config: &str, secret: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pod = Self { image, dir };
        for name in ["etc/targets", "etc/secret", "run"] {
            std::fs::create_dir_all(pod.dir.path().join(name)).unwrap();
        }
        chown(pod.dir.path().join("run"), Some(USER), Some(USER)).unwrap();
        std::fs::write(pod.dir.path().join("etc/targets/main.toml"), config).unwrap();
        std::fs::write(pod.dir.path().join("etc/secret/main.cnf"), secret).unwrap();
        pod
    }

    /// The file that says what is frozen.
    pub fn told(&self) -> PathBuf {
        self.dir.path().join("run/main.freeze.json")
    }

    /// Starts a container with these arguments to its entrypoint.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let texts = |key: &str| -> Vec<String> { serde_json::from_value(self.image.process[key].clone()).unwrap() };
        let user = &self.image.process["user"];
        let child = tokio::process::Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-euc", ENTER, "enter"])
            .arg(self.image.root())
            .args([self.dir.path().join("run"), self.dir.path().join("etc")])
            .arg(format!("{}:{}", user["uid"], user["gid"]))
            .args(texts("args"))
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Running::of(child)
    }

    /// What the Deployment runs.
    pub fn freeze(&self) -> Running {
        self.start(&["freeze", "main", "--once", "--json"])
    }

    /// What the readiness probe runs; its exit code.
    pub async fn probe(&self) -> i32 {
        self.start(&["frozen", "main"]).end().await.code
    }
}
