//! The configuration: a TOML file, then the environment, then flags, each overriding the one before. Unknown keys are
//! errors. The rooms: `args` has the flags of `serve`, `dtm` its section, `limits` the bounds, `secret` what is not shown, `error` says what
//! is wrong in which source.

mod args;
mod dtm;
mod error;
mod limits;
mod secret;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use figment::Figment;
use figment::providers::{Env, Format as _, Toml};
use reprise_coordinator::CoordinatorConfig;
use reprise_engine::Completeness;
use reprise_host::HostConfig;
use reprise_outbound::{DatabaseConfig, OutboundConfig, Participant};
use reprise_store::{ServerOptions, SqliteOptions};
use serde::Deserialize;

pub use args::{Assignment, NamedUrl, ServeArgs};
pub use dtm::DtmConfig;
pub use error::ConfigError;
pub use limits::Limits;
pub use secret::Secret;

use crate::api::ApiLimits;

/// Read if it exists and no other file is named.
const USUAL_FILE: &str = "reprise.toml";
/// Variables that start so are settings; `__` goes one level down: `REPRISE__LIMITS__FUEL`.
const ENV_PREFIX: &str = "REPRISE__";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of the HTTP API; port 0 lets the system choose.
    pub listen: String,
    /// Folder of the database and the compiled components. It is created if it does not exist.
    pub data_dir: PathBuf,
    /// Where executions are kept.
    pub store: StoreKind,
    /// Where the database server is, if executions are kept there: `postgres://user:password@host/name` or `mysql://..`.
    pub store_url: Option<Secret>,
    /// Connections to it that read; one more writes.
    pub store_connections: u32,
    /// How long after its last sign of life this process is taken for dead by the next one.
    pub store_lease_ms: u64,
    /// How long a start waits for the end of another one's lease.
    pub store_lease_wait_ms: u64,
    /// Executions of dead nodes that this one takes over, per second.
    pub adopt_per_s: u32,
    /// What this process is called where others see its lease [default: host name and process id].
    pub node: Option<String>,
    /// The services that workflows call, by name.
    pub participants: BTreeMap<String, Participant>,
    /// The databases of SQL and XA operations, by name.
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// How often databases are searched for prepared transactions that nobody has ended.
    pub xa_sweep_ms: u64,
    /// Whether workflows may call whole URLs, or participants only.
    pub allow_urls: bool,
    /// Longest time of one attempt of a call where neither the branch nor the participant says otherwise.
    pub call_timeout_ms: u64,
    /// Longest time to connect to a participant.
    pub connect_timeout_ms: u64,
    /// Idle HTTP connections kept per participant.
    pub idle_connections: usize,
    /// How long an execution that waits stays in memory.
    pub idle_ms: u64,
    /// How often a guest that trapped is run again before it is quarantined.
    pub trap_retries: u32,
    /// Attempts of a commit or rollback after which it is reported as stuck.
    pub stuck_attempts: u32,
    /// Whether a call that may change something must say how it is undone (`strict`), or may (`lenient`, for code that
    /// was written for other systems). Holds for executions triggered from now on.
    pub completeness: Completeness,
    /// The longest `wait` of a request.
    pub wait_max_ms: u64,
    /// Bounds on guests and requests.
    pub limits: Limits,
    /// The API of DTM.
    pub dtm: DtmConfig,
    /// What is logged: a level, or filters as `info,reprise_coordinator=debug`.
    pub log: String,
    /// How the log is written.
    pub log_format: LogFormat,
}

/// Where executions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// In `reprise.db` in the data folder: durable.
    Sqlite,
    /// In a PostgreSQL database, or in what speaks its protocol.
    Postgres,
    /// In a MySQL or MariaDB database, or in what speaks their protocol.
    #[serde(alias = "mariadb")]
    #[value(alias = "mariadb")]
    Mysql,
    /// In memory: everything is forgotten at the end. For trials.
    Memory,
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Default for Config {
    fn default() -> Self {
        let (coordinator, outbound) = (CoordinatorConfig::default(), OutboundConfig::default());
        Self {
            listen: "127.0.0.1:8080".into(),
            data_dir: "reprise-data".into(),
            store: StoreKind::Sqlite,
            store_url: None,
            store_connections: 8,
            store_lease_ms: 10_000,
            store_lease_wait_ms: 20_000,
            adopt_per_s: coordinator.adopt_per_s,
            node: None,
            participants: outbound.participants,
            databases: outbound.databases,
            xa_sweep_ms: milliseconds(coordinator.xa_sweep),
            allow_urls: outbound.allow_urls,
            call_timeout_ms: milliseconds(outbound.default_timeout),
            connect_timeout_ms: milliseconds(outbound.connect_timeout),
            idle_connections: outbound.pool_idle_per_host,
            idle_ms: milliseconds(coordinator.idle),
            trap_retries: coordinator.trap_retries,
            stuck_attempts: coordinator.stuck_attempts,
            completeness: coordinator.completeness,
            wait_max_ms: 60_000,
            limits: Limits::default(),
            dtm: DtmConfig::default(),
            log: "info".into(),
            log_format: LogFormat::Text,
        }
    }
}

/// For people who look whose lease it is.
fn node_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    format!("{}/{}", if host.is_empty() { "localhost" } else { host }, std::process::id())
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Config {
    /// Reads the file, the environment and the flags, in this order.
    ///
    /// # Errors
    /// [`ConfigError`]: which key of which source, and what is wrong with it.
    pub fn load(args: &ServeArgs) -> Result<Self, ConfigError> {
        let figment = match &args.config {
            Some(path) if !path.is_file() => return Err(ConfigError::NoFile { path: path.clone() }),
            Some(path) => Figment::from(Toml::file_exact(path)),
            None if Path::new(USUAL_FILE).is_file() => Figment::from(Toml::file_exact(USUAL_FILE)),
            None => Figment::new(),
        };
        let config: Self = figment.merge(Env::prefixed(ENV_PREFIX).split("__")).merge(args).extract()?;
        config.limits.check()?;
        config.dtm.check(config.allow_urls)?;
        if config.xa_sweep_ms == 0 {
            return Err(ConfigError::Rule { key: "xa_sweep_ms", rule: "at least 1" });
        }
        config.check_store()?;
        Ok(config)
    }

    /// Where compiled components are kept; nowhere without a data folder.
    #[must_use]
    pub fn cache_dir(&self) -> Option<PathBuf> {
        match self.store {
            StoreKind::Sqlite | StoreKind::Postgres | StoreKind::Mysql => Some(self.data_dir.join("compiled")),
            StoreKind::Memory => None,
        }
    }

    /// Settings of the SQLite store.
    #[must_use]
    pub fn sqlite(&self) -> SqliteOptions {
        SqliteOptions::new(self.data_dir.join("reprise.db"))
    }

    /// Settings of the store on a database server.
    #[must_use]
    pub fn store_server(&self) -> ServerOptions {
        ServerOptions {
            node: self.node.clone().unwrap_or_else(node_name),
            readers: self.store_connections,
            lease: Duration::from_millis(self.store_lease_ms),
            lease_wait: Duration::from_millis(self.store_lease_wait_ms),
            ..ServerOptions::new(self.store_url.as_ref().map_or("", Secret::reveal))
        }
    }

    fn check_store(&self) -> Result<(), ConfigError> {
        let schemes: (&[&str], _) = match self.store {
            StoreKind::Sqlite | StoreKind::Memory => return Ok(()),
            StoreKind::Postgres => (&["postgres", "postgresql"], "postgres://user:password@host/name"),
            StoreKind::Mysql => (&["mysql", "mariadb"], "mysql://user:password@host/name"),
        };
        let scheme = self.store_url.as_ref().and_then(|url| url.reveal().split(':').next());
        for (key, holds, rule) in [
            ("store_url", scheme.is_some_and(|scheme| schemes.0.contains(&scheme)), schemes.1),
            ("store_connections", self.store_connections > 0, "at least 1"),
            ("store_lease_ms", self.store_lease_ms >= 1_000, "at least 1000"),
            ("adopt_per_s", self.adopt_per_s > 0, "at least 1"),
            ("node", self.node.as_ref().is_none_or(|node| (1..=255).contains(&node.len())), "1 to 255 characters"),
        ] {
            if !holds {
                return Err(ConfigError::Rule { key, rule });
            }
        }
        Ok(())
    }

    /// Settings of the guest host.
    #[must_use]
    pub fn host(&self) -> HostConfig {
        HostConfig { cache_dir: self.cache_dir(), ..self.limits.host() }
    }

    /// Settings of the outbound side.
    #[must_use]
    pub fn outbound(&self) -> OutboundConfig {
        OutboundConfig {
            participants: self.participants.clone(),
            databases: self.databases.clone(),
            default_timeout: Duration::from_millis(self.call_timeout_ms),
            connect_timeout: Duration::from_millis(self.connect_timeout_ms),
            response_bytes_max: self.limits.response_bytes,
            pool_idle_per_host: self.idle_connections,
            allow_urls: self.allow_urls,
        }
    }

    /// Settings of the coordinator.
    #[must_use]
    pub fn coordinator(&self) -> CoordinatorConfig {
        CoordinatorConfig {
            active_max: self.limits.active,
            instances: self.limits.instances as usize,
            idle: Duration::from_millis(self.idle_ms),
            limits: self.limits.guest(),
            input_bytes_max: self.limits.input_bytes,
            trap_retries: self.trap_retries,
            stuck_attempts: self.stuck_attempts,
            completeness: self.completeness,
            xa_sweep: Duration::from_millis(self.xa_sweep_ms),
            adopt_per_s: self.adopt_per_s,
            // Always: a store may have their executions, whether or not their clients are served.
            natives: reprise_dtm::natives(),
            ..CoordinatorConfig::default()
        }
    }

    /// Bounds on requests.
    #[must_use]
    pub const fn api(&self) -> ApiLimits {
        ApiLimits {
            component_bytes: self.limits.component_bytes,
            input_bytes: self.limits.input_bytes,
            wait_max: Duration::from_millis(self.wait_max_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Serve {
        #[command(flatten)]
        args: ServeArgs,
    }

    fn load(toml: &str, arguments: &[&str]) -> Result<Config, ConfigError> {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
        std::fs::write(file.path(), toml).expect("written");
        let path = file.path().to_str().expect("text");
        let arguments = ["serve", "--config", path].into_iter().chain(arguments.iter().copied());
        Config::load(&Serve::parse_from(arguments).args)
    }

    #[test]
    fn flags_override_the_file() {
        let toml = "listen = '0.0.0.0:1'\nidle_ms = 5\n[participants.bank]\nurl = 'http://a'\ntimeout_ms = 7\n\
                    [participants.'stock.eu']\nurl = 'http://c'\n[limits]\nfuel = 9";
        let arguments = ["--listen", "127.0.0.1:0", "--participant", "bank=http://b", "--set", "limits.branches=3"];
        let config = load(toml, &arguments).expect("valid");
        let bank = &config.participants["bank"];
        assert_eq!((config.listen.as_str(), config.idle_ms), ("127.0.0.1:0", 5));
        assert_eq!((bank.url.as_str(), bank.timeout), ("http://b", Some(Duration::from_millis(7))));
        assert_eq!((config.limits.fuel, config.limits.branches), (Some(9), 3));
        assert!(config.participants.contains_key("stock.eu"));
    }

    #[test]
    fn policies_of_a_participant_are_read() {
        let toml = "[participants.bank]\nurl = 'http://a'\ndeadline_ms = 600_000\nconcurrency = 50\n\
                    retry = { attempts = 20, jitter = 0.3 }\nrate = { per_second = 100 }\n\
                    breaker = { failures = 5, open_ms = 10_000 }\n\
                    [participants.bank.outcome_map]\nhttp = { 404 = 'failure', '500-599' = 'retry' }\n\
                    matches = [{ body = '/error/code', equals = 7, outcome = 'failure' }]";
        let config = load(toml, &["--set", "participants.bank.rate.per_second=0.5"]).expect("valid");
        let bank = &config.participants["bank"];
        assert_eq!((bank.deadline_ms, bank.concurrency.map(u32::from)), (Some(600_000), Some(50)));
        assert_eq!((bank.retry.attempts, bank.retry.jitter), (Some(20), Some(0.3)));
        assert_eq!(bank.rate.map(|rate| rate.per_second), Some(0.5));
        assert_eq!(bank.breaker.map(|breaker| (breaker.failures.get(), breaker.open_ms)), Some((5, 10_000)));
        assert_eq!(bank.outcome_map.http["500-599"], reprise_engine::Outcome::Unknown);
        assert_eq!(bank.outcome_map.matches[0].equals, Some(7.into()));
        reprise_outbound::Outbound::new(config.outbound()).expect("usable");
    }

    #[test]
    fn nothing_set_is_the_default() {
        assert_eq!(load("", &[]).expect("valid"), Config::default());
    }

    #[test]
    fn a_misplaced_secret_is_not_shown() {
        let toml = "[participants.bank]\nurl = 'http://x'\nheaders = 'Bearer s3cret'";
        let error = load(toml, &[]).expect_err("wrong").to_string();
        assert!(error.contains("`participants.bank.headers`") && !error.contains("s3cret"), "{error}");
        for toml in ["store_url = ['s3cret']", "[store_url]\ns3cret = 1"] {
            let error = load(toml, &[]).expect_err("wrong").to_string();
            assert!(error.contains("`store") && !error.contains("s3cret"), "{error}");
        }
        let config = load("store = 'postgres'\nstore_url = 'postgres://me:s3cret@x/y'", &[]).expect("valid");
        let shown = format!("{config:?} {:?}", config.store_server());
        assert!(!shown.contains("s3cret"), "{shown}");
        let error =
            load("store = 'mysql'\nstore_url = 'postgres://me:s3cret@x/y'", &[]).expect_err("wrong").to_string();
        assert!(error.contains("`store_url`") && error.contains("mysql://") && !error.contains("s3cret"), "{error}");
        for toml in ["databases = 's3cret'", "[databases]\nledger = 's3cret'", "[databases.ledger]\nurl = ['s3cret']"] {
            let error = load(toml, &[]).expect_err("wrong").to_string();
            assert!(error.contains("`databases") && !error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (toml, arguments, contains) in [
            ("lisen = 'x'", &[][..], &["`lisen`", ".toml", "listen"][..]),
            ("[limits]\nful = 1", &[], &["`limits.ful`", "fuel"]),
            ("[limits]\nfuel = 'much'", &[], &["`limits.fuel`", "much"]),
            ("[limits]\ninstances = 0", &[], &["`limits.instances`", "at least 1"]),
            ("[participants.bank]\nurl = 'http://x'\nport = 3", &[], &["`participants.bank.port`"]),
            ("[participants.bank]\ntimeout_ms = 3", &[], &["`participants.bank`", "url"]),
            ("[participants.b]\nurl = 'http://x'\nrate = { burst = 1 }", &[], &["`participants.b.rate", "per_second"]),
            ("[participants.b]\nurl = 'http://x'\nconcurrency = 0", &[], &["`participants.b.concurrency`", "nonzero"]),
            (
                "[participants.b]\nurl = 'http://x'\nretry = { pause = 1 }",
                &[],
                &["`participants.b.retry.pause`", "jitter"],
            ),
            (
                "[participants.b]\nurl = 'http://x'\n[participants.b.outcome_map.http]\n404 = 'maybe'",
                &[],
                &["`participants.b.outcome_map.http.404`", "maybe"],
            ),
            ("xa_sweep_ms = 0", &[], &["`xa_sweep_ms`", "at least 1"]),
            ("[databases.ledger]\nurl = 'sqlite:x'\nport = 3", &[], &["`databases.ledger.port`"]),
            ("[dtm]\ntimeout_to_fail_s = 0", &[], &["`dtm.timeout_to_fail_s`", "at least 1"]),
            ("allow_urls = false", &["--dtm"], &["`allow_urls`", "whole URLs"]),
            ("store = 'oracle'", &[], &["`store`", "oracle", "sqlite"]),
            ("store = 'postgres'", &[], &["`store_url`", "postgres://"]),
            ("listen = ", &[], &[".toml", "line 1"]),
            ("", &["--set", "limits.nothing=1"], &["`limits.nothing`", "command line"]),
        ] {
            let error = load(toml, arguments).expect_err("wrong").to_string();
            for part in contains {
                assert!(error.contains(part), "{toml:?}: {part} is not in: {error}");
            }
        }
    }
}
