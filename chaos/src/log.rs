//! The product's log lines while a world runs, under the world's time. For people who look for what went wrong: a trace says what was, lines
//! say why.

use std::fmt;
use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Milliseconds since the world began, as in its trace.
struct WorldTime;

impl FormatTime for WorldTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        match turmoil::sim_elapsed() {
            Some(elapsed) => write!(writer, "{:>8}", elapsed.as_millis()),
            None => write!(writer, "{:>8}", "-"),
        }
    }
}

/// Writes lines that pass `filter` to standard error from now on.
///
/// # Errors
/// When the filter cannot be read, or lines are written already.
pub fn to_stderr(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|error| format!("the filter {filter:?}: {error}"))?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_timer(WorldTime).with_writer(io::stderr);
    lines.with_ansi(false).try_init().map_err(|error| error.to_string())
}
