use std::path::Path;
use std::time::Duration;

use super::option_file::OptionFile;
use super::raw::Raw;
use super::*;

const FILE: &str = "/etc/mariasnap/targets/main.toml";

fn parse(text: &str) -> Result<Settings, ConfigError> {
    parse_with(text, "", None)
}

fn parse_with(text: &str, options: &str, credential: Option<&str>) -> Result<Settings, ConfigError> {
    let path = Path::new(FILE);
    let credential = credential.map(|secret| Secret::new(secret.to_owned()));
    Settings::check(path, Raw::parse(text, path)?, OptionFile::parse(options), credential)
}

#[test]
fn an_empty_file_is_a_valid_configuration() {
    let settings = parse("").unwrap();
    assert_eq!(
        settings.database.endpoint,
        Endpoint::Socket("/run/mysqld/mysqld.sock".into())
    );
    assert_eq!(settings.database.user, "mariasnap");
    assert_eq!(settings.database.password, None);
    assert_eq!(settings.lock.strategy, LockStrategy::Auto);
    assert_eq!(settings.lock.max_wait.get(), Duration::from_secs(30));
    assert_eq!(settings.lock.max_stall.get(), Duration::from_secs(10));
    assert!(settings.lock.allow_bugs.is_empty());
    assert!(settings.lock.early_cut);
    assert_eq!(settings.lock.max_hold.get(), Duration::from_secs(15));
    assert_eq!(settings.lock.hold_key, "lock.max_hold");
    assert_eq!(settings.clone().for_freeze().lock.hold_key, "freeze.max_hold");
    assert_eq!(settings.keep_last, None);
    assert_eq!(settings.helper, HelperSettings::default());
    assert_eq!(settings.layout, LayoutCheck::Error);
}

#[test]
fn errors_name_the_file_and_the_key() {
    for (text, key) in [
        ("[database]\nsocket = \"/a\"\nhost = \"b\"", "database.socket"),
        ("[database]\nsocket = \"a\"", "database.socket"),
        ("[database]\nport = 1", "database.port"),
        ("[database]\nhost = \"b\"\nport = 0", "database.port"),
        ("[database]\nhost = \"b\"\nport = 99999", "database.port"),
        ("[database]\ntls = \"off\"", "database.tls"),
        ("[database]\nhost = \"b\"\ntls = \"preferred\"", "database.tls"),
        (
            "[database]\nhost = \"b\"\ntls = \"off\"\ntls_ca = \"/a\"",
            "database.tls_ca",
        ),
        ("[database]\nuser = \"\"", "database.user"),
        ("[database]\nconnect_timeout = \"0s\"", "database.connect_timeout"),
        ("[lock]\nstrategy = \"strict\"", "lock.strategy"),
        ("[lock]\nmax_stall = \"0s\"", "lock.max_stall"),
        ("[lock]\nmax_wait = \"5s\"\nmax_stall = \"6s\"", "lock.max_stall"),
        ("[lock]\nallow_bugs = [\"MDEV-1\"]", "lock.allow_bugs"),
        ("[lock]\nmax_wait = \"0s\"", "lock.max_wait"),
        ("[lock]\nmax_wait = \"51s\"", "lock.max_wait"),
        ("[lock]\nmax_hold = \"soon\"", "lock.max_hold"),
        ("[keep]\nlast = 0", "keep.last"),
        ("[layout]\ncheck = \"no\"", "layout.check"),
        ("[helper]\nsocket = \"x\"", "helper.socket"),
        ("[helper]\ntimeout = \"5\"", "helper.timeout"),
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.starts_with(FILE), "{text}: {message}");
        assert!(message.contains(key), "{text}: {message}");
    }
}

#[test]
fn every_strategy_has_its_word() {
    let strategy = |word: &str| {
        let lock = parse(&format!("[lock]\nstrategy = {word:?}")).unwrap().lock;
        match lock.strategy {
            LockStrategy::Auto => "auto",
            LockStrategy::Fixed(kind) => kind.as_str(),
        }
    };
    for word in ["auto", "exact", "online", "ftwrl", "instance", "none"] {
        assert_eq!(strategy(word), word);
    }
    let message = parse("[lock]\nstrategy = \"x\"").unwrap_err().to_string();
    assert!(message.contains("\"instance\""), "{message}");
}

#[test]
fn one_attempt_never_lasts_longer_than_all() {
    let lock = parse("[lock]\nmax_wait = \"2s\"").unwrap().lock;
    assert_eq!(lock.max_stall.get(), Duration::from_secs(2));
    let lock = parse("[lock]\nmax_stall = \"500ms\"\nallow_bugs = [\"MDEV-36025\"]")
        .unwrap()
        .lock;
    assert_eq!(lock.max_stall.get(), Duration::from_millis(500));
    assert_eq!(lock.allow_bugs, ["MDEV-36025"]);
}

#[test]
fn the_wait_may_last_almost_as_long_as_the_ticket() {
    let settings = parse("[lock]\nmax_wait = \"50s\"").unwrap();
    assert_eq!(settings.lock.max_wait.get(), Duration::from_secs(50));
    let message = parse("[lock]\nmax_wait = \"51s\"").unwrap_err().to_string();
    assert!(
        message.contains("limit of 50s") && message.contains("ticket"),
        "{message}"
    );
}

#[test]
fn unknown_keys_and_bad_syntax_name_the_line() {
    for (text, place) in [
        ("\n[lock]\nmaxwait = \"1s\"", ":3:1:"),
        ("[datbase]", ":1:2:"),
        ("[lock", ":1:"),
    ] {
        let message = parse(text).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{FILE}{place}")), "{message}");
    }
}

#[test]
fn a_password_in_the_wrong_place_is_not_echoed() {
    for text in ["[database]\npassword = \"hunter2\"", "[database]\npassword = hunter2"] {
        let error = parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn tcp_is_encrypted_unless_the_file_says_off() {
    let endpoint = |text: &str| parse(text).unwrap().database.endpoint;
    let tcp = |port, tls| Endpoint::Tcp {
        host: "db1".to_owned(),
        port,
        tls,
    };
    assert_eq!(endpoint("[database]\nhost = \"db1\""), tcp(3306, Tls::Required(None)));
    assert_eq!(
        endpoint("[database]\nhost = \"db1\"\nport = 1\ntls = \"off\""),
        tcp(1, Tls::Off)
    );
    let with_ca = "[database]\nhost = \"db1\"\ntls_ca = \"/ca.pem\"";
    assert_eq!(endpoint(with_ca), tcp(3306, Tls::Required(Some("/ca.pem".into()))));
}

#[test]
fn the_option_file_fills_what_is_left_open() {
    let options = "[client]\nuser=a\npassword=b\nsocket=/c\n";
    let database = parse_with("", options, None).unwrap().database;
    assert_eq!(
        (database.user.as_str(), &database.endpoint),
        ("a", &Endpoint::Socket("/c".into()))
    );
    assert_eq!(database.password, Some(Secret::new("b".to_owned())));

    let own = "[database]\nuser = \"x\"\nsocket = \"/y\"";
    let database = parse_with(own, options, Some("z")).unwrap().database;
    assert_eq!(
        (database.user.as_str(), &database.endpoint),
        ("x", &Endpoint::Socket("/y".into()))
    );
    assert_eq!(database.password, Some(Secret::new("z".to_owned())));
}

#[test]
fn an_option_file_names_a_host() {
    let options = "[client]\nhost=db1\nport=3307\n";
    let endpoint = parse_with("", options, None).unwrap().database.endpoint;
    let tls = Tls::Required(None);
    assert_eq!(
        endpoint,
        Endpoint::Tcp {
            host: "db1".to_owned(),
            port: 3307,
            tls
        }
    );
    let local = parse_with("", "[client]\nhost=localhost\n", None)
        .unwrap()
        .database
        .endpoint;
    assert_eq!(local, Endpoint::Socket("/run/mysqld/mysqld.sock".into()));
}

#[test]
fn a_missing_target_is_told_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let target = TargetName::parse("nowhere").unwrap();
    let message = load(dir.path(), &target).unwrap_err().to_string();
    assert!(message.contains("targets/nowhere.toml"), "{message}");
    assert_eq!(load_helper(dir.path(), &target).unwrap(), HelperSettings::default());
}

#[test]
fn what_cant_be_a_target_is_in_no_targets_way() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(targets(dir.path()).unwrap(), []);
    std::fs::create_dir(targets_dir(dir.path())).unwrap();
    for file in [
        "main.toml",
        "a.toml",
        ".#main.toml",
        "main (copy).toml",
        ".toml",
        "main.toml~",
    ] {
        std::fs::write(targets_dir(dir.path()).join(file), "").unwrap();
    }
    let found = ["a", "main"].map(|name| TargetName::parse(name).unwrap());
    assert_eq!(targets(dir.path()).unwrap(), found);
}
