//! The options of shop mode, and what they mean.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use http::Uri;
use services_mock::{Admin, Secret, ShopSettings, StoreAt};

/// Options that only go with `--shop`.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Shop")]
pub(crate) struct ShopOptions {
    /// Run the real services over a store instead of static answers.
    #[arg(long)]
    pub(crate) shop: bool,

    /// Folder of the SQLite files, shared by all instances on the machine [default: a temporary
    /// folder, gone when the process ends].
    #[arg(long, value_name = "DIR", requires = "shop", conflicts_with_all = ["memory", "database_url"])]
    data_dir: Option<PathBuf>,

    /// Keep state in this process, for a single instance of each service.
    #[arg(long, requires = "shop", conflicts_with = "database_url")]
    pub(crate) memory: bool,

    /// PostgreSQL database, postgres://user:password@host/database; one schema per service.
    #[arg(long, value_name = "URL", requires = "shop")]
    database_url: Option<String>,

    /// Load balancer through which the services call each other
    /// [default: http://127.0.0.1:8080].
    #[arg(long, value_name = "URL", requires = "shop")]
    gateway: Option<String>,

    /// Use --redis for registration only, not for carts and events.
    #[arg(long, requires_all = ["shop", "redis"])]
    no_redis_state: bool,

    /// File with the secret of all tokens, at least 32 bytes [else: the environment variable
    /// JWT_SECRET].
    #[arg(long, value_name = "FILE", requires = "shop")]
    jwt_secret_file: Option<PathBuf>,

    /// Account with role ADMIN that user-service makes when it is missing.
    #[arg(long, value_name = "EMAIL", requires_all = ["shop", "admin_password_file"])]
    admin_email: Option<String>,

    /// File with that account's password, 8 to 71 bytes.
    #[arg(long, value_name = "FILE", requires_all = ["shop", "admin_email"])]
    admin_password_file: Option<PathBuf>,

    /// Cost of password hashes, 4 to 31; each step doubles it [default: 12].
    #[arg(long, value_name = "COST", requires = "shop", value_parser = clap::value_parser!(u32).range(4..=31))]
    bcrypt_cost: Option<u32>,

    /// Mail server, smtp://host:port [default: e-mail is recorded only].
    #[arg(long, value_name = "URL", requires = "shop")]
    smtp: Option<String>,

    /// File with the secret that signs webhooks [default: none are sent].
    #[arg(long, value_name = "FILE", requires = "shop")]
    webhook_secret_file: Option<PathBuf>,

    /// Where payment webhooks go, http://host[:port]/path.
    #[arg(long, value_name = "URL", requires_all = ["shop", "webhook_secret_file"])]
    webhook_url: Option<String>,
}

const GATEWAY: &str = "http://127.0.0.1:8080";
const SHORTEST_PASSWORD: usize = 8;
/// bcrypt looks at no more than 72 bytes, of which one ends the text.
const LONGEST_PASSWORD: usize = 71;

impl ShopOptions {
    /// The shop as it was asked for; its store is memory where a temporary folder is wanted, see
    /// [`ShopOptions::wants_scratch`]. `environment` looks up a variable.
    ///
    /// # Errors
    /// What is wrong, with option and value, as far as it is no secret.
    pub(crate) fn settings(
        &self,
        redis: Option<&str>,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<ShopSettings>, String> {
        if !self.shop {
            return Ok(None);
        }
        let jwt_secret = self.jwt_secret(environment)?;
        let gateway = self.gateway.as_deref().unwrap_or(GATEWAY);
        let webhook_secret = self.webhook_secret_file.as_deref();
        let webhook_secret = webhook_secret.map(|file| read_secret("--webhook-secret-file", file));
        let mut shop = ShopSettings::new(jwt_secret);
        shop.store = self.store()?;
        shop.bcrypt_cost = self.bcrypt_cost.unwrap_or(shop.bcrypt_cost);
        shop.admin = self.admin()?;
        shop.gateway_url = Some(gateway.trim_end_matches('/').to_owned());
        shop.redis_url = self.redis_state(redis)?;
        shop.smtp_url = checked("--smtp", self.smtp.as_deref(), &["smtp"])?;
        shop.webhook_secret = webhook_secret.transpose()?;
        shop.webhook_url = checked("--webhook-url", self.webhook_url.as_deref(), &["http"])?;
        Ok(Some(shop))
    }

    /// Whether the services are to share a folder that is gone with the process.
    pub(crate) fn wants_scratch(&self) -> bool {
        self.shop && !self.memory && self.data_dir.is_none() && self.database_url.is_none()
    }

    fn store(&self) -> Result<StoreAt, String> {
        let schemes = ["postgres", "postgresql"];
        if let Some(url) = checked_start("--database-url", self.database_url.as_deref(), &schemes)?
        {
            return Ok(StoreAt::Postgres(url));
        }
        let folder = self.data_dir.clone();
        Ok(folder.map_or(StoreAt::Memory, StoreAt::Folder))
    }

    fn jwt_secret(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Secret, String> {
        if let Some(file) = &self.jwt_secret_file {
            return long_enough("--jwt-secret-file", read_secret("--jwt-secret-file", file)?);
        }
        let given = environment("JWT_SECRET").filter(|secret| !secret.is_empty());
        let missing =
            "--shop needs a secret: --jwt-secret-file FILE or the environment variable JWT_SECRET";
        long_enough("JWT_SECRET", given.map(Secret::new).ok_or(missing)?)
    }

    fn admin(&self) -> Result<Option<Admin>, String> {
        let (Some(email), Some(file)) = (&self.admin_email, &self.admin_password_file) else {
            return Ok(None);
        };
        let parts = email.split_once('@');
        if parts.is_none_or(|(name, host)| name.is_empty() || host.is_empty()) {
            return Err(format!(
                "--admin-email: expected an e-mail address, got {email:?}"
            ));
        }
        let password = read_secret("--admin-password-file", file)?;
        let length = password.reveal().len();
        if !(SHORTEST_PASSWORD..=LONGEST_PASSWORD).contains(&length) {
            return Err(format!(
                "--admin-password-file: expected 8 to 71 bytes, got {length}"
            ));
        }
        let email = email.clone();
        Ok(Some(Admin { email, password }))
    }

    fn redis_state(&self, redis: Option<&str>) -> Result<Option<String>, String> {
        let redis = redis.filter(|_| !self.no_redis_state);
        let schemes = ["redis", "rediss", "redis+unix", "unix"];
        checked_start("--redis", redis, &schemes)
    }
}

fn long_enough(option: &str, secret: Secret) -> Result<Secret, String> {
    let length = secret.reveal().len();
    if length < 32 {
        return Err(format!(
            "{option}: expected a secret of at least 32 bytes, got {length}"
        ));
    }
    Ok(secret)
}

/// A file's text without the line end that editors leave.
///
/// # Errors
/// A file that cannot be read or is empty, named with its option.
pub(crate) fn read_secret(option: &str, file: &Path) -> Result<Secret, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{option} {shown}: {error}"))?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(format!("{option} {shown}: the file is empty"));
    }
    Ok(Secret::new(text))
}

/// An address of one of the schemes with a host.
fn checked(option: &str, url: Option<&str>, schemes: &[&str]) -> Result<Option<String>, String> {
    let url = checked_start(option, url, schemes)?;
    let has_host = |url: &str| url.parse::<Uri>().is_ok_and(|uri| uri.host().is_some());
    match url {
        Some(url) if !has_host(&url) => Err(wrong(option, &url, schemes)),
        url => Ok(url),
    }
}

fn checked_start(
    option: &str,
    url: Option<&str>,
    schemes: &[&str],
) -> Result<Option<String>, String> {
    let Some(url) = url else { return Ok(None) };
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    if scheme.is_some_and(|scheme| schemes.contains(&scheme)) {
        return Ok(Some(url.to_owned()));
    }
    Err(wrong(option, url, schemes))
}

fn wrong(option: &str, url: &str, schemes: &[&str]) -> String {
    let schemes = schemes.join(":// or ");
    format!("{option}: expected {schemes}://…, got {:?}", shown(url))
}

/// An address without what may be a password.
fn shown(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}"),
        None => url.to_owned(),
    }
}
