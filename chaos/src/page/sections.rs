//! The parts of a page in their order.

use std::fmt::Write as _;

use argosy_page::frame::section;
use argosy_page::{Escaped, FILTER, Frame, bars, histogram, tiles};

use super::{Finding, Page, Run, timeline};

const STYLE: &str = include_str!("style.css");

/// Writes the whole page.
pub(super) fn write(html: &mut String, page: &Page) {
    let frame = Frame { title: &page.title, about: &page.about, style: STYLE, scripts: &[FILTER], ..Frame::default() };
    frame.write(html, |html| {
        tiles::write(html, &page.tiles);
        findings(html, &page.findings);
        timelines(html, &page.runs);
        spreads(html, page);
        section(html, "faults", "Faults that struck", !page.faults.is_empty(), |html| bars::write(html, &page.faults));
        failpoints(html, page);
        table(html, page);
    });
}

fn findings(html: &mut String, findings: &[Finding]) {
    section(html, "findings", "Broken promises", !findings.is_empty(), |html| {
        for finding in findings {
            let _infallible = writeln!(
                html,
                "<article class=\"finding\"><h3>{}</h3><p class=\"soft\">{}</p><p>{}</p>{}</article>",
                Escaped(&finding.promise),
                Escaped(&finding.place),
                Escaped(&finding.detail),
                code(&finding.command)
            );
        }
    });
}

fn timelines(html: &mut String, runs: &[Run]) {
    let drawn: Vec<&Run> = runs.iter().filter(|run| run.timeline.is_some()).collect();
    section(html, "timelines", "What happened", !drawn.is_empty(), |html| {
        html.push_str(LEGEND);
        // Where nothing broke, the run in which most happened is the one to look at first.
        let faults = |run: &Run| run.timeline.as_ref().map_or(0, |timeline| timeline.faults.len());
        let most = drawn.iter().map(|run| (run.broken, faults(run))).max().unwrap_or_default();
        for run in &drawn {
            let open = if run.broken > 0 || (run.broken, faults(run)) == most { " open" } else { "" };
            let verdict = verdict(run);
            let _infallible =
                writeln!(html, "<details{open}><summary><b>{}</b> {verdict}</summary>", Escaped(&run.name));
            run.timeline.iter().for_each(|drawn| timeline::write(html, drawn, &run.marks));
            html.push_str("</details>\n");
        }
    });
}

const LEGEND: &str = "<p class=\"legend\"><span><i class=\"fault network\"></i>network</span><span><i class=\"fault node\"></i>nodes</span>\
<span><i class=\"fault disk\"></i>disks</span><span><i class=\"fault clock\"></i>clocks</span>\
<span><i class=\"fault provider\"></i>provider</span><span><i class=\"reign\"></i>leads, with its term</span>\
<span><i class=\"down\"></i>does not answer</span><span><i class=\"outage\"></i>shard answers nobody</span>\
<span><i class=\"commits\"></i>committed</span></p>\n";

fn spreads(html: &mut String, page: &Page) {
    section(html, "spreads", "How long it took", !page.spreads.is_empty(), |html| {
        html.push_str("<div class=\"figures\">\n");
        page.spreads.iter().for_each(|spread| histogram::write(html, spread));
        html.push_str("</div>\n");
    });
}

fn failpoints(html: &mut String, page: &Page) {
    let fired = page.failpoints.values().filter(|hits| **hits > 0).count();
    let title = format!("Failpoints: {fired} of {} fired", page.failpoints.len());
    section(html, "failpoints", &title, !page.failpoints.is_empty(), |html| bars::write(html, &page.failpoints));
}

fn table(html: &mut String, page: &Page) {
    section(html, "runs", "All runs", !page.runs.is_empty(), |html| {
        html.push_str("<p><input id=\"filter\" type=\"search\" placeholder=\"filter, such as broken\" aria-label=\"filter the runs\" hidden></p>\n");
        html.push_str("<div class=\"scroll\"><table>\n<thead><tr><th>run</th><th>verdict</th>");
        for column in &page.columns {
            let _infallible = write!(html, "<th>{}</th>", Escaped(column));
        }
        html.push_str("<th>again</th></tr></thead>\n<tbody>\n");
        for run in &page.runs {
            let _infallible = write!(html, "<tr><td><b>{}</b></td><td>{}</td>", Escaped(&run.name), verdict(run));
            for figure in &run.figures {
                let _infallible = write!(html, "<td class=\"number\">{}</td>", Escaped(figure));
            }
            let _infallible = writeln!(html, "<td>{}</td></tr>", code(&run.command));
        }
        html.push_str("</tbody>\n</table></div>\n");
    });
}

fn verdict(run: &Run) -> String {
    match run.broken {
        0 => "<span class=\"good\">held</span>".to_owned(),
        broken => format!("<span class=\"bad\">{broken} broken</span>"),
    }
}

fn code(command: &str) -> String {
    if command.is_empty() { String::new() } else { format!("<code>{}</code>", Escaped(command)) }
}
