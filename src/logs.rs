//! Logs: structured events to standard error, as text or JSON.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Begins logging to standard error. Standard output is kept for what commands print.
///
/// # Errors
///
/// In words: the filter is not one, or logging was begun before.
pub fn init(format: LogFormat, filter: &str) -> Result<(), String> {
    let filter = parse_filter(filter)?;
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let begun = match format {
        LogFormat::Text => logs.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
    };
    begun.map_err(|failure| failure.to_string())
}

/// Whether a text is a filter: a level, or `target=level` directives.
///
/// # Errors
///
/// What is wrong with it, in words.
pub fn check_filter(filter: &str) -> Result<(), String> {
    parse_filter(filter).map(|_| ())
}

fn parse_filter(filter: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(filter).map_err(|failure| format!("`{filter}` is not a filter for logs: {failure}"))
}
