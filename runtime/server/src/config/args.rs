//! The flags of `reprise serve`, and what they set.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider};

use super::{LogFormat, StoreKind};

const AFTER_HELP: &str = "\
Settings come from the TOML file, then the environment, then flags; later ones win. Every key can be set in each:

  in the file          listen = \"127.0.0.1:8080\"
                       [participants.bank]
                       url = \"http://bank:8000\"
                       [limits]
                       input_bytes = 1048576
  in the environment   REPRISE__LISTEN=127.0.0.1:8080  REPRISE__PARTICIPANTS__BANK__URL=http://bank:8000
  as a flag            --listen 127.0.0.1:8080  --participant bank=http://bank:8000  --set limits.input_bytes=1048576

Keys: listen, data_dir, store (sqlite | postgres | mysql | memory), store_url, store_connections, store_lease_ms,
  store_lease_wait_ms, adopt_per_s, node, participants.NAME.{url, timeout_ms, headers, http2_prior_knowledge,
  deadline_ms, retry, ongoing_ms, outcome_map, concurrency, rate.{per_second, burst}, breaker.{failures, open_ms}},
  discovery.etcd.NAME.{endpoints, user, password}, discovery.register.{target, address, ttl_s},
  databases.NAME.{url, connections, connect_timeout_ms, statement_timeout_ms, barrier_table}, xa_sweep_ms,
  completeness (strict | lenient), allow_urls, call_timeout_ms, connect_timeout_ms, idle_connections, idle_ms, trap_retries, stuck_attempts, wait_max_ms,
  log, log_format (text | json), limits.{component_bytes, input_bytes, payload_bytes, response_bytes, journal_entries,
  journal_bytes, branches, open_tickets, active, instances, instances_bytes, memory_bytes, fuel, compute_ms},
  dtm.{enabled, listen, grpc_listen, timeout_to_fail_s, callback_s, wait_ms}

When it is ready it prints one line of JSON to stdout, {\"listen\":\"127.0.0.1:8080\"}, with \"dtm\" and
\"dtm_grpc\" where those are served; the log goes to stderr.
SIGTERM and SIGINT stop it: nothing more is admitted, what is under way is made durable; a second one stops it at once.";

/// Flags of `serve`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ServeArgs {
    /// The configuration file [default: reprise.toml, if it exists].
    #[arg(long, value_name = "FILE", env = "REPRISE_CONFIG")]
    pub config: Option<PathBuf>,
    /// Address of the HTTP API; port 0 lets the system choose [default: 127.0.0.1:8080].
    #[arg(long, value_name = "HOST:PORT")]
    pub listen: Option<String>,
    /// Folder of the database and the compiled components [default: reprise-data].
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Where executions are kept [default: sqlite].
    #[arg(long, value_enum)]
    pub store: Option<StoreKind>,
    /// Serve clients of DTM too: HTTP on 127.0.0.1:36789, gRPC on 127.0.0.1:36790 (docs/dtm.md).
    #[arg(long)]
    pub dtm: bool,
    /// A service that workflows call by this name; repeatable.
    #[arg(long = "participant", value_name = "NAME=URL")]
    pub participants: Vec<NamedUrl>,
    /// Any other setting; repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<Assignment>,
    /// What is logged: a level, or filters as info,reprise_coordinator=debug [default: info].
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// How the log is written [default: text].
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
}

/// `bank=http://bank:8000`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedUrl {
    name: String,
    url: String,
}

impl FromStr for NamedUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, url)) if !name.is_empty() && !url.is_empty() => {
                Ok(Self { name: name.to_owned(), url: url.to_owned() })
            }
            Some(_) | None => Err("write NAME=URL, for instance bank=http://127.0.0.1:8000".into()),
        }
    }
}

/// `limits.fuel=1000000`
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    keys: Vec<String>,
    value: Value,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "write KEY=VALUE, for instance limits.input_bytes=1048576".to_owned();
        let (key, value) = text.split_once('=').ok_or_else(wrong)?;
        let keys: Vec<String> = key.split('.').map(str::to_owned).collect();
        if keys.iter().any(String::is_empty) {
            return Err(wrong());
        }
        let Ok(value) = value.parse::<Value>();
        Ok(Self { keys, value })
    }
}

impl Provider for &ServeArgs {
    fn metadata(&self) -> Metadata {
        Metadata::named("command line flags")
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let mut settings = Dict::new();
        for Assignment { keys, value } in &self.set {
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            put(&mut settings, &keys, value.clone());
        }
        for NamedUrl { name, url } in &self.participants {
            put(&mut settings, &["participants", name, "url"], url.clone().into());
        }
        let store = self.store.map(|store| match store {
            StoreKind::Sqlite => "sqlite",
            StoreKind::Postgres => "postgres",
            StoreKind::Mysql => "mysql",
            StoreKind::Memory => "memory",
        });
        let log_format = self.log_format.map(|format| match format {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        });
        let plain = [
            ("listen", self.listen.clone()),
            ("data_dir", self.data_dir.as_ref().map(|dir| dir.to_string_lossy().into_owned())),
            ("store", store.map(str::to_owned)),
            ("log", self.log.clone()),
            ("log_format", log_format.map(str::to_owned)),
        ];
        for (key, value) in plain {
            if let Some(value) = value {
                put(&mut settings, &[key], value.into());
            }
        }
        if self.dtm {
            put(&mut settings, &["dtm", "enabled"], true.into());
        }
        Ok(Profile::Default.collect(settings))
    }
}

/// Sets a value some levels down.
fn put(dict: &mut Dict, keys: &[&str], value: Value) {
    let Some((first, rest)) = keys.split_first() else { return };
    if rest.is_empty() {
        dict.insert((*first).to_owned(), value);
        return;
    }
    let slot = dict.entry((*first).to_owned()).or_insert_with(|| Dict::new().into());
    if !matches!(slot, Value::Dict(..)) {
        *slot = Dict::new().into();
    }
    if let Value::Dict(_, inner) = slot {
        put(inner, rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_checked() {
        for (text, valid) in [("bank=http://b", true), ("bank", false), ("=x", false), ("bank=", false)] {
            assert_eq!(text.parse::<NamedUrl>().is_ok(), valid, "{text}");
        }
        for (text, valid) in [("a.b=1", true), ("a=", true), ("a..b=1", false), ("a", false)] {
            assert_eq!(text.parse::<Assignment>().is_ok(), valid, "{text}");
        }
    }
}
