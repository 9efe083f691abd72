//! A run over time, drawn: faults on top, then each shard with a lane for every node, then what was broken.
//!
//! A lane shows when its node did not answer, when its replica led and in which term, how far it knew the log to be committed (all lanes
//! of a shard on one scale, so that a replica that is behind lies below), and when it came to know of a new term.

use std::fmt::Write as _;

use argosy_page::Escaped;

use super::{Mark, seconds};
use crate::timeline::{Commit, Timeline};

const WIDTH: f64 = 1_100.0;
/// Left of the lanes, for their names.
const LEFT: f64 = 110.0;
const RIGHT: f64 = 14.0;
const FAULT: f64 = 15.0;
const LANE: f64 = 24.0;
const HEAD: f64 = 20.0;
/// Between two lines of names below a timeline.
const FOOT: f64 = 12.0;
/// Lanes of faults that lie over one another; more are told in the last one.
const MOST_FAULT_LANES: usize = 14;
/// Steps of the axis, in seconds.
const STEPS: [f64; 14] =
    [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 7_200.0, 36_000.0];

/// Draws one timeline, with what was broken in it.
pub(super) fn write(html: &mut String, timeline: &Timeline, marks: &[Mark]) {
    let mut body = Drawing::new(HEAD, s(timeline.ended_ms).max(0.001));
    body.faults(timeline);
    for shard in &timeline.shards {
        body.shard(shard, timeline);
    }
    let height = body.y + HEAD;
    let mut grid = Drawing::new(height, body.length_s);
    grid.axis();
    let mut frame = Drawing { foot: FOOT, ..Drawing::new(height, body.length_s) };
    if let Some(healed) = timeline.healed_ms {
        frame.line("healed", s(healed), "healed", "everything is healed");
    }
    for mark in marks {
        // Promises often break at one moment: each name has a line of its own.
        frame.foot += FOOT;
        frame.line("broken", mark.at_s, &mark.label, &mark.detail);
    }
    let height = height + frame.foot;
    let _infallible = write!(
        html,
        "<div class=\"scroll\"><svg class=\"timeline\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\">\n{}{}{}</svg></div>\n",
        grid.svg, body.svg, frame.svg
    );
}

/// Seconds of a time in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "no run lasts for three hundred thousand years")]
fn s(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}

/// Something that lasted, to be drawn as a bar.
#[derive(Clone, Debug, Default)]
struct Span {
    label: String,
    detail: String,
    from_s: f64,
    to_s: f64,
}

struct Drawing {
    svg: String,
    /// Where the next thing goes.
    y: f64,
    length_s: f64,
    /// How far below the timeline the next name goes.
    foot: f64,
}

impl Drawing {
    fn new(y: f64, length_s: f64) -> Self {
        Self { svg: String::new(), y, length_s, foot: 0.0 }
    }

    fn x(&self, at_s: f64) -> f64 {
        LEFT + (at_s / self.length_s).clamp(0.0, 1.0) * (WIDTH - LEFT - RIGHT)
    }

    fn name(&mut self, class: &str, text: &str, y: f64) {
        let _infallible = writeln!(
            self.svg,
            "<text class=\"end {class}\" x=\"{:.0}\" y=\"{y:.1}\">{}</text>",
            LEFT - 8.0,
            Escaped(text)
        );
    }

    fn bar(&mut self, class: &str, span: &Span, y: f64, height: f64) {
        let (from, width) = (self.x(span.from_s), (self.x(span.to_s) - self.x(span.from_s)).max(1.5));
        let (label, detail) = (Escaped(&span.label), Escaped(&span.detail));
        let times = format!("{} to {}", seconds(span.from_s), seconds(span.to_s));
        let _infallible = writeln!(
            self.svg,
            "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"2\"><title>{label}, {times}\n{detail}</title></rect>"
        );
    }

    /// A text over a bar, where the bar is wide enough for it.
    fn over(&mut self, class: &str, text: &str, from_s: f64, to_s: f64, y: f64) {
        let room = self.x(to_s) - self.x(from_s);
        if room > 6.5 * f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX)) + 6.0 {
            let at = self.x(from_s) + 4.0;
            let _infallible =
                writeln!(self.svg, "<text class=\"{class}\" x=\"{at:.1}\" y=\"{y:.1}\">{}</text>", Escaped(text));
        }
    }

    fn faults(&mut self, timeline: &Timeline) {
        let span = |fault: &crate::timeline::FaultSpan| Span {
            label: fault.kind.clone(),
            detail: fault.detail.clone(),
            from_s: s(fault.from_ms),
            to_s: s(fault.until_ms),
        };
        let faults: Vec<Span> = timeline.faults.iter().map(span).collect();
        let lanes = packed(&faults);
        self.name("head", "faults", self.y + 11.0);
        for (span, lane) in faults.iter().zip(&lanes) {
            let y = self.y + FAULT * f64::from(*lane);
            self.bar(&format!("fault {}", family(&span.label)), span, y, FAULT - 3.0);
            self.over("on", &span.label, span.from_s, span.to_s, y + 9.5);
        }
        self.y += FAULT * f64::from(lanes.iter().max().map_or(0, |last| last + 1)) + 8.0;
    }

    fn shard(&mut self, shard: &str, timeline: &Timeline) {
        self.y += 6.0;
        self.name("head", shard, self.y + 12.0);
        for outage in timeline.outages.iter().filter(|outage| outage.shard == shard) {
            let (from_s, to_s) = (s(outage.from_ms), s(outage.until_ms));
            let span = Span { label: format!("{shard} answers nobody"), detail: String::new(), from_s, to_s };
            self.bar("outage", &span, self.y + 4.0, 9.0);
        }
        self.y += HEAD - 2.0;
        let commits: Vec<&Commit> = timeline.commits.iter().filter(|commit| commit.shard == shard).collect();
        let known = || commits.iter().map(|commit| commit.committed);
        let scale = (known().min().unwrap_or(0), known().max().unwrap_or(0));
        for node in &timeline.nodes {
            self.lane(node, shard, timeline, scale);
        }
    }

    fn lane(&mut self, node: &str, shard: &str, timeline: &Timeline, scale: (u64, u64)) {
        let (y, height) = (self.y, LANE - 3.0);
        self.name("", node, y + 14.0);
        let whole = Span { label: format!("{node} does not answer"), to_s: self.length_s, ..Span::default() };
        self.bar("down", &whole, y, height);
        for life in timeline.lives.iter().filter(|life| life.node == node) {
            let (label, detail) = (format!("{node} answers"), life.ended.clone());
            self.bar("lane", &Span { label, detail, from_s: s(life.from_ms), to_s: s(life.until_ms) }, y, height);
        }
        let own = |reign: &&crate::timeline::Reign| reign.node == node && reign.shard == shard;
        for reign in timeline.reigns.iter().filter(own) {
            let class = if reign.term.is_multiple_of(2) { "reign even" } else { "reign odd" };
            let label = format!("{node} leads {shard} in term {}", reign.term);
            let span = Span { label, detail: String::new(), from_s: s(reign.from_ms), to_s: s(reign.until_ms) };
            self.bar(class, &span, y, height);
        }
        let commits = timeline.commits.iter().filter(|commit| commit.node == node && commit.shard == shard);
        self.commits(&commits.collect::<Vec<_>>(), scale, y, height);
        for reign in timeline.reigns.iter().filter(own) {
            self.over("in", &reign.term.to_string(), s(reign.from_ms), s(reign.until_ms), y + 14.0);
        }
        self.y += LANE;
    }

    /// How far the replica knew the log to be committed, and when it came to know of a new term.
    fn commits(&mut self, commits: &[&Commit], (least, most): (u64, u64), y: f64, height: f64) {
        let mut path = String::new();
        for commit in commits {
            let rise = share(commit.committed - least, most - least) * (height - 4.0);
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _infallible = write!(path, "{command}{:.1} {:.1}", self.x(s(commit.at_ms)), y + height - 2.0 - rise);
        }
        if let Some(last) = commits.last() {
            let to = last.committed;
            let _infallible =
                writeln!(self.svg, "<path class=\"commits\" d=\"{path}\"><title>committed, up to {to}</title></path>");
        }
        for pair in commits.windows(2).filter(|pair| pair[0].term != pair[1].term) {
            let (x, term, at) = (self.x(s(pair[1].at_ms)), pair[1].term, seconds(s(pair[1].at_ms)));
            let _infallible = writeln!(
                self.svg,
                "<path class=\"term\" d=\"M{x:.1} {y:.1}v5\"><title>term {term} at {at}</title></path>"
            );
        }
    }

    /// Times along the top, and fine lines down from them.
    fn axis(&mut self) {
        let step = STEPS.into_iter().find(|step| self.length_s / step <= 12.0).unwrap_or(86_400.0);
        let mut at_s = 0.0;
        while at_s <= self.length_s {
            let x = self.x(at_s);
            let _infallible = writeln!(
                self.svg,
                "<path class=\"grid\" d=\"M{x:.1} 14V{:.0}\"/><text class=\"middle soft\" x=\"{x:.1}\" y=\"10\">{}</text>",
                self.y - HEAD + 4.0,
                clock(at_s)
            );
            at_s += step;
        }
    }

    /// A line through all lanes, with its name at the foot.
    fn line(&mut self, class: &str, at_s: f64, label: &str, detail: &str) {
        let x = self.x(at_s);
        let (foot, y) = (self.y - HEAD + 4.0, self.y - HEAD + 4.0 + self.foot);
        let anchor = if x > WIDTH * 0.75 { "end" } else { "start" };
        let _infallible = writeln!(
            self.svg,
            "<path class=\"{class}\" d=\"M{x:.1} 14V{foot:.0}\"><title>{0}: {1}</title></path><text class=\"{anchor} {class}\" x=\"{x:.1}\" y=\"{y:.0}\">{0}</text>",
            Escaped(label),
            Escaped(detail)
        );
    }
}

/// A lane for each span, such that spans of one lane do not lie over one another.
fn packed(spans: &[Span]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_by(|a, b| spans[*a].from_s.total_cmp(&spans[*b].from_s));
    let mut ends: Vec<f64> = Vec::new();
    let mut lanes = vec![0; spans.len()];
    for at in order {
        let span = &spans[at];
        let free = ends.iter().position(|end| *end <= span.from_s);
        let lane = free.unwrap_or(ends.len().min(MOST_FAULT_LANES - 1));
        if lane == ends.len() {
            ends.push(0.0);
        }
        ends[lane] = ends[lane].max(span.to_s);
        lanes[at] = u32::try_from(lane).unwrap_or(0);
    }
    lanes
}

/// What a fault breaks, which gives it its colour.
fn family(kind: &str) -> &'static str {
    let any = |words: &[&str]| words.iter().any(|word| kind.contains(word));
    if any(&["disk", "sync", "rot", "wipe", "volume"]) {
        "disk"
    } else if any(&["clock", "drift", "time"]) {
        "clock"
    } else if any(&["provider", "vanish", "stock"]) {
        "provider"
    } else if any(&["crash", "stop", "kill", "pause", "restart", "remove", "transfer", "snapshot", "roll"]) {
        "node"
    } else {
        "network"
    }
}

/// A moment on the axis.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the axis has whole seconds")]
fn clock(at_s: f64) -> String {
    let whole = at_s as u64;
    match whole {
        0..600 => format!("{whole} s"),
        _ => format!("{}:{:02}", whole / 60, whole % 60),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a line's height needs no more")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from_s: f64, to_s: f64) -> Span {
        Span { from_s, to_s, ..Span::default() }
    }

    #[test]
    fn spans_of_one_lane_do_not_lie_over_one_another() {
        let spans = [span(5.0, 9.0), span(0.0, 6.0), span(6.0, 7.0), span(9.0, 9.5)];
        assert_eq!(packed(&spans), [1, 0, 0, 0]);
        let crowd: Vec<Span> = (0..100).map(|_| span(0.0, 1.0)).collect();
        assert!(packed(&crowd).iter().all(|lane| (*lane as usize) < MOST_FAULT_LANES));
    }
}
