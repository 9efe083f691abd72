//! Rehearsal: what a pool would have done on metrics that are written down, before it does it to a fleet.

use argosy_model::ShardTime;
use serde::Deserialize;

use crate::decide::{Decision, decide, first_target};
use crate::{Clock, Percent, QueueDepth, Reading, Series, Specification, Standing};

/// One line of metrics.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// When, such as `2026-11-22T09:00:00Z`.
    pub at: String,
    /// Mean utilisation of the pool's machines.
    #[serde(default)]
    pub utilisation_percent: Option<Percent>,
    /// Jobs that wait.
    #[serde(default)]
    pub queue_depth: Option<u64>,
    /// Machines that work; as many as the pool is to have if left out.
    #[serde(default)]
    pub ready: Option<u32>,
}

/// What was decided on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The line's moment as it was written.
    pub at: String,
    /// The same in shard time: milliseconds since the first line.
    pub now: ShardTime,
    /// The target before.
    pub before: u32,
    /// What was decided.
    pub decision: Decision,
}

/// A line that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ARG-1205: {file}, line {line}: {reason}; write one JSON object a line, oldest first")]
pub struct LineError {
    /// What the file is called.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

/// Runs a pool over lines of metrics; `file` is what messages call them.
///
/// # Errors
/// ARG-1205 with the line.
pub fn rehearse(pool: &Specification, file: &str, lines: &str) -> Result<Vec<Step>, LineError> {
    let mut standing = Standing { target: first_target(pool), ..Standing::default() };
    let (mut utilisation, mut queue, mut begin) = (Series::default(), None, None);
    let (mut steps, mut last) = (Vec::new(), ShardTime(0));
    let numbered = (1..).zip(lines.lines()).filter(|(_, text)| !text.trim().is_empty());
    for (line, text) in numbered {
        let wrong = |reason: String| LineError { file: file.to_owned(), line, reason };
        let seen: Observation = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let clock: Clock = seen.at.parse().map_err(wrong)?;
        let begin = *begin.get_or_insert(clock);
        let since = u64::try_from(clock.unix_ms() - begin.unix_ms()).ok().map(ShardTime);
        let at =
            since.filter(|at| *at >= last).ok_or_else(|| wrong("it is earlier than the line before".to_owned()))?;
        last = at;
        if let Some(seen) = seen.utilisation_percent {
            utilisation.push(at, seen);
        }
        if let Some(jobs) = seen.queue_depth {
            queue = Some(QueueDepth { jobs, at });
        }
        let ready = seen.ready.unwrap_or(standing.target);
        let stale_after = pool.stale_after.0;
        let reading = Reading { at, clock, ready, utilisation: &utilisation, queue, stale_after };
        let decision = decide(pool, &standing, &reading);
        let before = standing.target;
        standing = standing.moved(decision.target, at);
        steps.push(Step { at: seen.at, now: at, before, decision });
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PoolFile;

    const METRICS: &str = r#"{"at": "2026-11-23T09:00:00Z", "utilisation_percent": 90}
{"at": "2026-11-23T09:00:30Z", "utilisation_percent": 90}
{"at": "2026-11-23T09:02:00Z", "utilisation_percent": 90}

{"at": "2026-11-23T09:30:00Z"}
"#;

    fn training() -> Specification {
        PoolFile::parse("pools.yaml", include_str!("../tests/pools.yaml")).expect("sound").pools.remove(0)
    }

    #[test]
    fn a_rehearsal_keeps_cooldowns_and_stale_metrics_as_the_fleet_would() {
        let steps = rehearse(&training(), "m.jsonl", METRICS).expect("sound");
        let targets: Vec<u32> = steps.iter().map(|step| step.decision.target).collect();
        assert_eq!(targets, [7, 7, 11, 11], "two minutes of rest between two steps; then nothing is known");
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named() {
        for (line, text) in [(1, "{}"), (1, r#"{"at": "noon"}"#), (1, r#"{"at": "2026-11-23T09:00:00Z", "cpu": 1}"#)] {
            let error = rehearse(&training(), "m.jsonl", text).expect_err(text);
            assert_eq!((error.line, error.to_string().starts_with("ARG-1205: m.jsonl, line 1: ")), (line, true));
        }
        let backwards = "{\"at\": \"2026-11-23T09:00:00Z\"}\n{\"at\": \"2026-11-23T08:00:00Z\"}";
        assert_eq!(rehearse(&training(), "m.jsonl", backwards).map_err(|error| error.line), Err(2));
    }
}
