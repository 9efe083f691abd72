//! Amounts over time: as lines, or one on top of the other. Moments can be marked, spans shaded.

use std::fmt::Write as _;

use super::escape::Escaped;
use super::scale::{amount, clock, nice_end, time_step};

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 22.0;
/// Points of one line, at most: more are not seen at this width, and a page of a long run stays small.
const MOST_POINTS: usize = 360;
/// Places where the pointer is told what the figures are.
const MOST_HINTS: usize = 90;

/// A chart of amounts over time.
#[derive(Clone, Debug, Default)]
pub struct Lines<'a> {
    /// What it shows.
    pub title: &'a str,
    /// A word more.
    pub about: &'a str,
    /// When each amount was taken, in seconds, in order.
    pub at_s: &'a [f64],
    /// The amounts: name, colour (one of `c1` to `c8` or a meaning such as `good`), and as many values as there are moments.
    pub series: Vec<(&'a str, &'a str, Vec<f64>)>,
    /// Whether they add up.
    pub stacked: bool,
    /// Spans to be shaded: from, to, what it was.
    pub spans: Vec<(f64, f64, String)>,
}

/// Writes one chart as a figure.
pub fn write(html: &mut String, chart: &Lines<'_>) {
    let _infallible = writeln!(
        html,
        "<figure><figcaption>{} <small>{}</small></figcaption>",
        Escaped(chart.title),
        Escaped(chart.about)
    );
    match chart.at_s.last() {
        None => html.push_str("<p class=\"none\">Nothing was measured.</p>\n"),
        Some(end_s) => {
            legend(html, chart);
            Drawing::new(chart, end_s.max(1.0)).write(html);
        }
    }
    html.push_str("</figure>\n");
}

fn legend(html: &mut String, chart: &Lines<'_>) {
    html.push_str("<p class=\"legend\">");
    for (name, colour, _) in &chart.series {
        let _infallible = write!(html, "<span><i class=\"key {}\"></i>{}</span>", Escaped(colour), Escaped(name));
    }
    if !chart.spans.is_empty() {
        html.push_str("<span><i class=\"key span\"></i>outage is on</span>");
    }
    html.push_str("</p>\n");
}

struct Drawing<'a> {
    chart: &'a Lines<'a>,
    /// The moments that are drawn.
    points: Vec<usize>,
    /// Of each series, the values that it is drawn between: below it and its own.
    bands: Vec<Vec<(f64, f64)>>,
    end_s: f64,
    most: f64,
}

impl<'a> Drawing<'a> {
    fn new(chart: &'a Lines<'a>, end_s: f64) -> Self {
        let points = thinned(chart.at_s.len(), MOST_POINTS);
        let mut below = vec![0.0; points.len()];
        let mut bands = Vec::with_capacity(chart.series.len());
        for (_, _, values) in &chart.series {
            let own =
                points.iter().zip(&below).map(|(at, below)| (*below, below + values.get(*at).copied().unwrap_or(0.0)));
            let own: Vec<(f64, f64)> = own.collect();
            if chart.stacked {
                below = own.iter().map(|(_, top)| *top).collect();
            }
            bands.push(own);
        }
        let most = bands.iter().flatten().map(|(_, top)| *top).fold(0.0, f64::max);
        Self { chart, points, bands, end_s, most: nice_end(most.max(1e-3)) }
    }

    fn x(&self, at_s: f64) -> f64 {
        LEFT + at_s / self.end_s * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - value / self.most * (HEIGHT - BOTTOM - TOP)
    }

    fn write(&self, html: &mut String) {
        let title = Escaped(self.chart.title);
        let _infallible = writeln!(html, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">");
        self.spans(html);
        self.axes(html);
        for ((_, colour, _), band) in self.chart.series.iter().zip(&self.bands).rev() {
            self.series(html, colour, band);
        }
        self.hints(html);
        html.push_str("</svg>\n");
    }

    fn spans(&self, html: &mut String) {
        for (from_s, to_s, what) in &self.chart.spans {
            let (from, to) = (self.x(*from_s), self.x(to_s.min(self.end_s)));
            let _infallible = writeln!(
                html,
                "<rect class=\"span\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
                (to - from).max(1.0),
                HEIGHT - TOP - BOTTOM,
                Escaped(what)
            );
        }
    }

    fn axes(&self, html: &mut String) {
        for share in [0.0, 0.5, 1.0] {
            let (y, value) = (self.y(self.most * share), amount(self.most * share));
            let _infallible = writeln!(
                html,
                "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{:.1}\"/><text class=\"end soft\" x=\"{:.1}\" y=\"{:.1}\">{value}</text>",
                WIDTH - RIGHT,
                LEFT - 5.0,
                y + 4.0
            );
        }
        let step = time_step(self.end_s);
        let mut at_s = 0.0;
        while at_s <= self.end_s {
            let (x, y) = (self.x(at_s), HEIGHT - 6.0);
            let anchor = if x > WIDTH - 30.0 { "end" } else { "middle" };
            let _infallible = writeln!(
                html,
                "<text class=\"{anchor} soft\" x=\"{x:.1}\" y=\"{y}\">{}</text>",
                clock(at_s, self.end_s)
            );
            at_s += step;
        }
    }

    fn series(&self, html: &mut String, colour: &str, band: &[(f64, f64)]) {
        let mut path = String::new();
        let point = |path: &mut String, at: usize, value: f64| {
            let command = if path.is_empty() { 'M' } else { 'L' };
            let _infallible = write!(path, "{command}{:.1} {:.1}", self.x(self.chart.at_s[at]), self.y(value));
        };
        for (at, (_, top)) in self.points.iter().zip(band) {
            point(&mut path, *at, *top);
        }
        let class = if self.chart.stacked {
            for (at, (below, _)) in self.points.iter().zip(band).rev() {
                point(&mut path, *at, *below);
            }
            path.push('Z');
            "area"
        } else {
            "line"
        };
        let _infallible = writeln!(html, "<path class=\"{class} {}\" d=\"{path}\"/>", Escaped(colour));
    }

    /// Invisible strips that say what the figures are at their moment.
    fn hints(&self, html: &mut String) {
        let hints = thinned(self.chart.at_s.len(), MOST_HINTS);
        let width = (WIDTH - LEFT - RIGHT) / f64::from(u32::try_from(hints.len().max(1)).unwrap_or(1));
        for at in hints {
            let at_s = self.chart.at_s[at];
            let _infallible = write!(
                html,
                "<rect class=\"hint\" x=\"{:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}",
                self.x(at_s) - width / 2.0,
                HEIGHT - TOP - BOTTOM,
                clock(at_s, self.end_s)
            );
            for (name, _, values) in &self.chart.series {
                let _infallible =
                    write!(html, "\n{}: {}", Escaped(name), amount(values.get(at).copied().unwrap_or(0.0)));
            }
            html.push_str("</title></rect>\n");
        }
    }
}

/// So many of `count` places, evenly, the first and the last among them.
fn thinned(count: usize, most: usize) -> Vec<usize> {
    if count <= most {
        return (0..count).collect();
    }
    (0..most).map(|nth| nth * (count - 1) / (most - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_is_drawn_with_few_points_and_keeps_its_ends() {
        assert_eq!(thinned(3, 10), [0, 1, 2]);
        let drawn = thinned(100_000, MOST_POINTS);
        assert_eq!((drawn.len(), drawn[0], drawn[MOST_POINTS - 1]), (MOST_POINTS, 0, 99_999));
    }

    #[test]
    fn what_is_stacked_ends_at_its_sum() {
        let series = vec![("a", "c1", vec![1.0, 2.0]), ("b", "c2", vec![3.0, 3.0])];
        let chart = Lines { title: "t", at_s: &[0.0, 10.0], series, stacked: true, ..Lines::default() };
        let drawing = Drawing::new(&chart, 10.0);
        assert_eq!(drawing.bands[1], [(1.0, 4.0), (2.0, 5.0)]);
        assert!((drawing.most - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_chart_without_values_says_so_and_names_are_escaped() {
        let mut html = String::new();
        write(&mut html, &Lines { title: "<b>", ..Lines::default() });
        assert!(html.contains("Nothing was measured") && html.contains("&lt;b&gt;") && !html.contains("<b>"));
    }
}
