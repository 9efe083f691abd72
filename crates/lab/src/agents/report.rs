//! What was measured, and whether it is as it should be.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::gauge::Reading;
use super::words::Count;
use super::{Options, per_second};

/// Entries a second more than at rest that a log may be given while nothing happens to any machine.
const STRAY_ENTRIES: f64 = 1.0;
/// Share of the samples of a span that must be said, and of those said that must be acknowledged.
const HEARD_SHARE: f64 = 0.95;

/// Everything that was seen.
pub(super) struct Seen {
    pub(super) resting: Reading,
    pub(super) rested: Reading,
    pub(super) before: Reading,
    pub(super) after: Reading,
    pub(super) last: Reading,
    pub(super) said: Count,
    pub(super) heard: Count,
    pub(super) quantiles: [u64; 3],
    pub(super) connecting: Duration,
    pub(super) unhealthy: u64,
    pub(super) told: Duration,
}

/// The outcome.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Agents.
    pub agents: u32,
    /// Of these, with a connection of their own.
    pub streams: u32,
    /// Between two samples of one agent, seconds.
    pub interval_s: f64,
    /// How long was measured, seconds.
    pub span_s: f64,
    /// From the first greeting until all were welcomed, seconds.
    pub connect_s: f64,
    /// Samples a second.
    pub samples_per_s: f64,
    /// Their encoded bytes a second.
    pub payload_bytes_per_s: f64,
    /// Bytes a second through the loopback device: both directions, with TLS and TCP, and whatever else the machine did.
    pub wire_bytes_per_s: f64,
    /// Processors that the node kept busy, before anybody was connected.
    pub cpu_at_rest: f64,
    /// The same under load.
    pub cpu: f64,
    /// Memory of the node before anybody was connected, bytes.
    pub rss_at_rest: u64,
    /// The same at the end of the span.
    pub rss: u64,
    /// Log entries a second before anybody was connected.
    pub entries_per_s_at_rest: f64,
    /// Log entries while everybody connected.
    pub entries_connecting: u64,
    /// Log entries a second under load.
    pub entries_per_s: f64,
    /// Log entries a second that the load added, beside what the clock of the log writes.
    pub stray_entries_per_s: f64,
    /// From a batch to its acknowledgement, milliseconds, of the streams without a connection of their own: median.
    pub answer_ms_p50: u64,
    /// The 99th percentile.
    pub answer_ms_p99: u64,
    /// The longest.
    pub answer_ms_max: u64,
    /// Machines to which something fatal happened.
    pub faults: u32,
    /// Machines that were unhealthy then.
    pub unhealthy: u64,
    /// From the faults until that was so, seconds.
    pub verdicts_s: f64,
    /// Log entries of the faults.
    pub entries_of_faults: u64,
    /// What is not as it should be.
    pub wrong: Vec<String>,
}

impl Report {
    pub(super) fn of(options: &Options, seen: &Seen) -> Self {
        let Seen { resting, rested, before, after, last, .. } = seen;
        let span = after.at.duration_since(before.at);
        #[allow(clippy::cast_precision_loss)]
        let rate = |count: u64| count as f64 / span.as_secs_f64();
        let at_rest = per_second(resting, rested, |reading| reading.entries);
        let under_load = per_second(before, after, |reading| reading.entries);
        let mut report = Self {
            agents: options.agents,
            streams: options.streams,
            interval_s: options.interval.as_secs_f64(),
            span_s: span.as_secs_f64(),
            connect_s: seen.connecting.as_secs_f64(),
            samples_per_s: rate(seen.heard.samples - seen.said.samples),
            payload_bytes_per_s: rate(seen.heard.bytes - seen.said.bytes),
            wire_bytes_per_s: per_second(before, after, |reading| reading.loopback),
            cpu_at_rest: per_second(resting, rested, |reading| reading.cpu_ms) / 1_000.0,
            cpu: per_second(before, after, |reading| reading.cpu_ms) / 1_000.0,
            rss_at_rest: rested.rss,
            rss: after.rss,
            entries_per_s_at_rest: at_rest,
            entries_connecting: before.entries - rested.entries,
            entries_per_s: under_load,
            stray_entries_per_s: (under_load - at_rest).max(0.0),
            answer_ms_p50: seen.quantiles[0],
            answer_ms_p99: seen.quantiles[1],
            answer_ms_max: seen.quantiles[2],
            faults: options.faults,
            unhealthy: seen.unhealthy,
            verdicts_s: seen.told.as_secs_f64(),
            entries_of_faults: last.entries - after.entries,
            wrong: Vec::new(),
        };
        report.wrong = report.judge(options, seen);
        report
    }

    fn judge(&self, options: &Options, seen: &Seen) -> Vec<String> {
        let mut wrong = Vec::new();
        let wanted = f64::from(options.agents) / self.interval_s;
        if self.samples_per_s < wanted * HEARD_SHARE {
            wrong.push(format!(
                "{:.0} samples a second were said where {wanted:.0} should be: the load is not what it claims",
                self.samples_per_s
            ));
        }
        let carried = f64::from(options.agents - options.streams) * self.span_s / self.interval_s;
        #[allow(clippy::cast_precision_loss)]
        let acknowledged = (seen.heard.acknowledged - seen.said.acknowledged) as f64;
        if acknowledged < carried * HEARD_SHARE {
            wrong.push(format!(
                "{acknowledged:.0} of {carried:.0} batches were acknowledged: the node does not keep up"
            ));
        }
        if self.stray_entries_per_s > STRAY_ENTRIES {
            wrong.push(format!(
                "{:.1} log entries a second though nothing happened to any machine",
                self.stray_entries_per_s
            ));
        }
        if self.unhealthy < u64::from(options.faults) {
            wrong.push(format!("{} machines are unhealthy where {} have lost a GPU", self.unhealthy, options.faults));
        }
        wrong
    }

    /// Whether all is as it should be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.wrong.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes >> 20;
        writeln!(
            f,
            "{} agents, {} with a connection of their own, a sample every {} s",
            self.agents, self.streams, self.interval_s
        )?;
        writeln!(f, "all welcomed after {:.1} s, {} log entries meanwhile", self.connect_s, self.entries_connecting)?;
        writeln!(
            f,
            "for {:.0} s: {:.0} samples/s, {:.2} MB/s encoded, {:.2} MB/s on the loopback device",
            self.span_s,
            self.samples_per_s,
            self.payload_bytes_per_s / 1e6,
            self.wire_bytes_per_s / 1e6
        )?;
        writeln!(
            f,
            "node: {:.2} processors (at rest {:.2}), {} MiB (at rest {})",
            self.cpu,
            self.cpu_at_rest,
            mib(self.rss),
            mib(self.rss_at_rest)
        )?;
        writeln!(f, "log: {:.2} entries/s (at rest {:.2})", self.entries_per_s, self.entries_per_s_at_rest)?;
        writeln!(
            f,
            "acknowledged after p50 {} ms, p99 {} ms, max {} ms",
            self.answer_ms_p50, self.answer_ms_p99, self.answer_ms_max
        )?;
        writeln!(
            f,
            "{} faults: {} unhealthy after {:.1} s, {} log entries",
            self.faults, self.unhealthy, self.verdicts_s, self.entries_of_faults
        )?;
        self.wrong.iter().try_for_each(|wrong| writeln!(f, "wrong: {wrong}"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tokio::time::Instant;

    use super::*;

    const SPAN: u32 = 10;

    fn options() -> Options {
        Options {
            program: PathBuf::new(),
            dir: PathBuf::new(),
            agents: 100,
            streams: 20,
            interval: Duration::from_secs(1),
            span: Duration::from_secs(10),
            faults: 3,
        }
    }

    /// A node that carries its load: an entry a second, whatever is said.
    fn seen() -> Seen {
        let begun = Instant::now();
        let reading = |spans: u32| Reading {
            at: begun + Duration::from_secs(10) * spans,
            cpu_ms: 500 * u64::from(spans),
            rss: 1 << 30,
            loopback: 1_000_000 * u64::from(spans),
            entries: 10 * u64::from(spans),
        };
        let samples = u64::from(100 * SPAN);
        Seen {
            resting: reading(0),
            rested: reading(1),
            before: reading(2),
            after: reading(3),
            last: reading(4),
            said: Count::default(),
            heard: Count { samples, bytes: 100 * samples, acknowledged: u64::from(80 * SPAN) },
            quantiles: [1, 2, 3],
            connecting: Duration::from_secs(1),
            unhealthy: 3,
            told: Duration::from_secs(1),
        }
    }

    #[test]
    fn a_load_that_is_carried_is_clean() {
        let report = Report::of(&options(), &seen());
        assert!(report.is_clean(), "{report}");
        assert!((report.cpu - 0.05).abs() < 1e-9 && (report.samples_per_s - 100.0).abs() < 1e-9, "{report}");
    }

    #[test]
    fn what_is_not_as_it_should_be_is_named() {
        let wrong = |change: fn(&mut Seen)| {
            let mut seen = seen();
            change(&mut seen);
            let wrong = Report::of(&options(), &seen).wrong;
            assert_eq!(wrong.len(), 1, "{wrong:?}");
            wrong[0].clone()
        };
        // As a node would that put every sample into its log.
        assert!(wrong(|seen| (seen.after.entries, seen.last.entries) = (1_030, 1_040)).contains("log entries"));
        assert!(wrong(|seen| seen.heard.samples /= 2).contains("not what it claims"));
        assert!(wrong(|seen| seen.heard.acknowledged /= 2).contains("keep up"));
        assert!(wrong(|seen| seen.unhealthy = 2).contains("lost a GPU"));
    }
}
