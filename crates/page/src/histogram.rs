//! How times are distributed, drawn: counts in even steps from nothing to the longest, with median, 99th percentile and aim.

use std::fmt::Write as _;

use super::escape::Escaped;
use super::scale::{nice_end, seconds};

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 170.0;
/// Left of the bars, for the largest count.
const LEFT: f64 = 34.0;
/// Above the bars, for what the lines mean.
const TOP: f64 = 30.0;
/// Below the bars, for the times.
const BOTTOM: f64 = 22.0;
const BINS: usize = 26;

/// Times of one kind.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    /// What they are.
    pub title: String,
    /// In seconds.
    pub seconds: Vec<f64>,
    /// What they should stay below, if anything was promised.
    pub aim_s: Option<f64>,
}

/// Writes one spread as a figure.
pub fn write(html: &mut String, spread: &Spread) {
    let mut times = spread.seconds.clone();
    times.sort_unstable_by(f64::total_cmp);
    let title = Escaped(&spread.title);
    let _infallible = writeln!(html, "<figure><figcaption>{title} <small>{} times</small></figcaption>", times.len());
    match times.last() {
        None => html.push_str("<p class=\"none\">None were measured.</p>\n"),
        Some(longest) => draw(html, &times, longest.max(spread.aim_s.unwrap_or(0.0)), spread.aim_s),
    }
    html.push_str("</figure>\n");
}

/// The smallest time that so many of a hundred do not exceed.
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    sorted.get((sorted.len() * percent).div_ceil(100).max(1) - 1).copied()
}

fn draw(html: &mut String, times: &[f64], longest: f64, aim: Option<f64>) {
    let end = nice_end(longest);
    let x = |time: f64| LEFT + time / end * (WIDTH - LEFT - 8.0);
    let base = HEIGHT - BOTTOM;
    let mut bins = [0usize; BINS];
    for time in times {
        bins[bin(*time, end)] += 1;
    }
    let most = bins.iter().max().copied().unwrap_or(1).max(1);
    let _infallible = writeln!(html, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
    let step = end / f64::from(u32::try_from(BINS).unwrap_or(1));
    for (at, count) in bins.iter().enumerate().filter(|(_, count)| **count > 0) {
        let from = step * f64::from(u32::try_from(at).unwrap_or(0));
        let height = (base - TOP) * share(*count, most);
        let _infallible = writeln!(
            html,
            "<rect class=\"count\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{} to {}: {count}</title></rect>",
            x(from) + 0.5,
            base - height,
            x(from + step) - x(from) - 1.0,
            seconds(from),
            seconds(from + step),
        );
    }
    let _infallible = writeln!(
        html,
        "<path class=\"axis\" d=\"M{LEFT} {TOP}V{base}H{}\"/><text x=\"{}\" y=\"{}\" class=\"end\">{most}</text>",
        WIDTH - 8.0,
        LEFT - 5.0,
        TOP + 9.0
    );
    for (share, anchor) in [(0.0, "start"), (0.5, "middle"), (1.0, "end")] {
        let (at, y) = (x(end * share), HEIGHT - 6.0);
        let _infallible =
            writeln!(html, "<text x=\"{at:.1}\" y=\"{y}\" class=\"{anchor}\">{}</text>", seconds(end * share));
    }
    let lines = [("p50", percentile(times, 50)), ("p99", percentile(times, 99)), ("aim", aim)];
    for (row, (name, time)) in (0u8..).zip(lines.into_iter().filter_map(|(name, time)| Some((name, time?)))) {
        let (at, y) = (x(time), 10.0 + f64::from(row % 2) * 11.0);
        let anchor = if at > WIDTH * 0.7 { "end" } else { "start" };
        let nudge = if anchor == "end" { -3.0 } else { 3.0 };
        let _infallible = writeln!(
            html,
            "<path class=\"{name}\" d=\"M{at:.1} {:.1}V{base}\"/><text x=\"{:.1}\" y=\"{y}\" class=\"{anchor}\">{name} {}</text>",
            y - 8.0,
            at + nudge,
            seconds(time)
        );
    }
    html.push_str("</svg>\n");
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time within the axis has a bin")]
fn bin(time: f64, end: f64) -> usize {
    let bins = f64::from(u32::try_from(BINS).unwrap_or(1));
    ((time / end * bins) as usize).min(BINS - 1)
}

fn share(count: usize, most: usize) -> f64 {
    let of = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    of(count) / of(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let times: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!((percentile(&times, 50), percentile(&times, 99)), (Some(100.0), Some(198.0)));
        assert_eq!((percentile(&[7.0], 99), percentile(&[], 50)), (Some(7.0), None));
    }

    #[test]
    fn the_longest_time_has_a_bin() {
        assert_eq!((bin(0.0, 5.0), bin(5.0, 5.0)), (0, BINS - 1));
    }
}
