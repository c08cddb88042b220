//! The log: to stderr, as text or JSON.

use tracing_subscriber::EnvFilter;

use crate::config::{Config, ConfigError, LogFormat};

/// Starts logging. A process that logs already (a test) goes on as it does.
pub(super) fn init(config: &Config) -> Result<(), ConfigError> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| {
        ConfigError::Keys(format!("key `log`: {error}; use error, warn, info, debug, trace or filters as info,x=debug"))
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let done = match config.log_format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    drop(done);
    Ok(())
}
