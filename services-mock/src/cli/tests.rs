//! What command lines mean, and which are refused.

use std::fs;

use services_mock::StoreAt;

use super::*;

fn read(arguments: &[&str]) -> Result<Vec<Settings>, clap::Error> {
    let command = ["services-mock"].iter().chain(arguments);
    let cli = Cli::try_parse_from(command)?;
    Ok(cli.meant(|_| None)?.instances)
}

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// With `JWT_SECRET` in the environment.
fn read_shop(arguments: &[&str]) -> Result<Meant, clap::Error> {
    let command = ["services-mock", "--service", "user", "--shop"];
    let cli = Cli::try_parse_from(command.iter().chain(arguments))?;
    cli.meant(|name| (name == "JWT_SECRET").then(|| SECRET.to_owned()))
}

fn shop_of(arguments: &[&str]) -> ShopSettings {
    let meant = read_shop(arguments).unwrap();
    meant.instances[0].shop.clone().unwrap()
}

fn refused(error: &clap::Error, parts: &[&str]) {
    assert_eq!(error.exit_code(), 2);
    let text = error.to_string();
    assert!(
        parts.iter().all(|part| text.contains(part)),
        "{parts:?}: {text}"
    );
}

#[test]
fn a_shop_has_defaults_but_no_secret_of_its_own() {
    let meant = read_shop(&[]).unwrap();
    assert!(meant.wants_scratch);
    let shop = meant.instances[0].shop.clone().unwrap();
    assert_eq!(shop.gateway_url.as_deref(), Some("http://127.0.0.1:8080"));
    assert_eq!(shop.jwt_secret.reveal(), SECRET);
    assert_eq!((shop.redis_url, shop.bcrypt_cost), (None, 12));
    let error = read(&["--service", "user", "--shop"]).unwrap_err();
    refused(&error, &["--jwt-secret-file", "JWT_SECRET"]);
    let plain = read(&["--service", "user"]).unwrap();
    assert!(plain[0].shop.is_none());
}

#[test]
fn a_store_is_a_folder_a_database_or_memory() {
    let folder = shop_of(&["--data-dir", "/data"]).store;
    assert_eq!(folder, StoreAt::Folder("/data".into()));
    assert!(!read_shop(&["--data-dir", "/data"]).unwrap().wants_scratch);
    assert!(!read_shop(&["--memory"]).unwrap().wants_scratch);
    let url = "postgres://a:b@host/shop";
    let database = shop_of(&["--database-url", url]).store;
    assert_eq!(database, StoreAt::Postgres(url.to_owned()));
    for two in [
        &["--memory", "--data-dir", "/data"][..],
        &["--memory", "--database-url", url],
        &["--data-dir", "/data", "--database-url", url],
        &["--memory", "--service", "user"],
    ] {
        refused(&read_shop(two).unwrap_err(), &[two[0]]);
    }
}

#[test]
fn redis_serves_carts_and_events_unless_told_otherwise() {
    let url = "redis://127.0.0.1:6379";
    assert_eq!(shop_of(&["--redis", url]).redis_url.as_deref(), Some(url));
    assert_eq!(
        shop_of(&["--redis", url, "--no-redis-state"]).redis_url,
        None
    );
    refused(&read_shop(&["--no-redis-state"]).unwrap_err(), &["--redis"]);
}

#[test]
fn secrets_come_from_files_and_a_file_wins() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (jwt, password) = (
        file("jwt", &"j".repeat(40)),
        file("password", "a password\n"),
    );
    let hook = file("hook", "hook secret\n");
    let shop = shop_of(&[
        "--jwt-secret-file",
        &jwt,
        "--admin-email",
        "root@example.com",
        "--admin-password-file",
        &password,
        "--webhook-secret-file",
        &hook,
        "--webhook-url",
        "http://127.0.0.1:9/hook",
    ]);
    assert_eq!(shop.jwt_secret.reveal(), "j".repeat(40));
    assert_eq!(shop.admin.unwrap().password.reveal(), "a password");
    assert_eq!(shop.webhook_secret.unwrap().reveal(), "hook secret");

    let (short, empty) = (file("short", "1234"), file("empty", "\n"));
    let missing = folder.path().join("missing").display().to_string();
    for (arguments, parts) in [
        (
            &["--jwt-secret-file", &short][..],
            &["--jwt-secret-file", "got 4"][..],
        ),
        (
            &["--jwt-secret-file", &empty],
            &["--jwt-secret-file", &empty],
        ),
        (
            &["--jwt-secret-file", &missing],
            &["--jwt-secret-file", &missing],
        ),
        (
            &["--webhook-secret-file", &missing],
            &["--webhook-secret-file", &missing],
        ),
        (
            &["--degradation-token-file", &missing],
            &["--degradation-token-file", &missing],
        ),
        (&["--admin-email", "a@b"], &["--admin-password-file"]),
        (
            &["--admin-email", "root", "--admin-password-file", &password],
            &["--admin-email", "\"root\""],
        ),
        (
            &["--admin-email", "a@b", "--admin-password-file", &short],
            &["--admin-password-file", "got 4"],
        ),
    ] {
        refused(&read_shop(arguments).unwrap_err(), parts);
    }
}

#[test]
fn wrong_values_are_named_with_their_option_but_passwords_are_not_shown() {
    for (arguments, parts) in [
        (&["--bcrypt-cost", "3"][..], &["--bcrypt-cost", "3"][..]),
        (&["--gateway", "127.0.0.1:80"], &["gateway", "127.0.0.1:80"]),
        (
            &["--database-url", "mysql://x"],
            &["--database-url", "mysql://x"],
        ),
        (&["--smtp", "http://x"], &["--smtp", "http://x"]),
        (&["--smtp", "smtp://"], &["--smtp", "smtp://"]),
        (&["--redis", "http://x"], &["--redis", "http://x"]),
        (&["--route-time", "/api"], &["--route-time", "/api"]),
        (&["--cpu-burn", "2"], &["cpu-burn", "2.0"]),
        (&["--degradation-memory", "0"], &["degradation-memory", "0"]),
    ] {
        refused(&read_shop(arguments).unwrap_err(), parts);
    }
    let error = read_shop(&["--database-url", "mysql://u:hush@x"]).unwrap_err();
    assert!(!error.to_string().contains("hush"), "{error}");
}

#[test]
fn options_of_a_shop_ask_for_one() {
    for option in [
        &["--memory"][..],
        &["--data-dir", "x"],
        &["--gateway", "http://a:1"],
        &["--jwt-secret-file", "x"],
        &["--smtp", "smtp://a"],
    ] {
        let mut arguments = vec!["--service", "user"];
        arguments.extend(option);
        refused(&read(&arguments).unwrap_err(), &["--shop"]);
    }
}

#[test]
fn services_can_be_repeated_with_name_and_address() {
    let settings = read(&[
        "--service",
        "user/u1@127.0.0.1:0",
        "--service",
        "cart-service",
    ])
    .unwrap();
    let read: Vec<_> = settings
        .iter()
        .map(|s| (s.service.name(), s.name.as_deref(), s.address.to_string()))
        .collect();
    let cart = ("cart-service", None, "127.0.0.1:8082".to_owned());
    assert_eq!(
        read,
        [("user-service", Some("u1"), "127.0.0.1:0".to_owned()), cart]
    );
    assert_ne!(settings[0].seed, settings[1].seed);
}

#[test]
fn wrong_usage_is_refused() {
    for arguments in [
        &[][..],
        &["--service", "shop"],
        &["--service", "user@nowhere"],
        &["--service", "user", "--service", "cart", "--name", "x"],
        &["--service", "user", "--speed", "0"],
        &["--service", "user", "--service-time", "10ms"],
        &["--service", "user", "--advertise", "http://a:1"],
        &[
            "--service",
            "user",
            "--redis",
            "redis://a",
            "--address",
            "0.0.0.0:1",
        ],
    ] {
        let error = read(arguments).expect_err("should be refused");
        assert_eq!(error.exit_code(), 2, "{arguments:?}");
    }
}
