//! The statistics of a trace as tables for people.

use std::fmt::Write as _;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Table};

use super::Trace;
use super::marginals::{LIFE_RANKS, Marginals, QUANTILES};
use super::utilisation::Peak;

/// The tables: nodes, tasks, lifetimes, arrivals, and how busy the trace keeps its GPUs.
pub fn report(trace: &Trace, marginals: &Marginals) -> String {
    let gpus: u64 = trace.nodes.iter().map(|node| node.shape.gpus).sum();
    let mut text =
        format!("{}: {} nodes, {gpus} GPUs, {} tasks\n", marginals.source, trace.nodes.len(), trace.tasks.len());
    for (title, table) in [
        ("Node shapes", nodes(marginals)),
        ("Tasks by GPU", tasks(marginals)),
        ("Lifetimes in seconds", lifetimes(marginals)),
        ("Restricted to GPU models (share of the tasks with a GPU)", specs(marginals)),
    ] {
        let _ = writeln!(text, "\n{title}\n{table}");
    }
    let arrivals = &marginals.arrivals;
    let _ = writeln!(
        text,
        "\nArrivals: {} quiet days with {} of the tasks, then {} busy days; the busiest day has {} times the mean",
        arrivals.lead_days,
        percent(arrivals.lead_ppm),
        arrivals.busy_days,
        thousandths(arrivals.day_milli.last().copied().unwrap_or(0)),
    );
    let hours: Vec<String> = arrivals.hour_of_day_ppm.iter().map(|ppm| percent(*ppm)).collect();
    let _ = writeln!(text, "By hour of the day: {}", hours.join(" "));
    let _ = writeln!(text, "\n{}", peak(&Peak::of(trace)));
    text
}

/// One paragraph on how busy a trace keeps its GPUs.
pub fn peak(peak: &Peak) -> String {
    format!(
        "GPUs at the peak: {} asked of {} ({}), {} placed by best fit ({}); {} tasks waited, {} never ran, {} could have \
         preempted a lower class",
        thousandths(peak.demand_gpu_milli),
        thousandths(peak.capacity_gpu_milli),
        percent(peak.demand_ppm()),
        thousandths(peak.placed_gpu_milli),
        percent(peak.placed_ppm()),
        peak.waited,
        peak.never_placed,
        peak.could_preempt,
    )
}

fn nodes(marginals: &Marginals) -> Table {
    let mut table = table(&["share", "model", "GPUs", "cores", "GiB"]);
    for shape in &marginals.nodes {
        let model = if shape.model.is_empty() { "-" } else { &shape.model };
        let cores = thousandths(shape.cpu_milli);
        let memory = (shape.memory_mib / 1_024).to_string();
        row(&mut table, &[percent(shape.share_ppm), model.to_owned(), shape.gpus.to_string(), cores, memory]);
    }
    table
}

fn tasks(marginals: &Marginals) -> Table {
    let mut table = table(&["share", "GPUs", "cores p50/p90", "MiB p50/p90", "BE", "Burstable", "Guaranteed", "LS"]);
    for class in &marginals.tasks {
        let gpus = if class.fractional {
            format!("share of 1, p50 {}", thousandths(p(&class.gpu_milli, 50)))
        } else {
            class.gpus.to_string()
        };
        let cores = format!("{}/{}", thousandths(p(&class.cpu_milli, 50)), thousandths(p(&class.cpu_milli, 90)));
        let memory = format!("{}/{}", p(&class.memory_mib, 50), p(&class.memory_mib, 90));
        let mut cells = vec![percent(class.share_ppm), gpus, cores, memory];
        cells.extend(class.qos_ppm.iter().map(|ppm| percent(*ppm)));
        row(&mut table, &cells);
    }
    table
}

fn lifetimes(marginals: &Marginals) -> Table {
    let mut table = table(&["class", "p10", "p50", "p90", "p99", "most", "never scheduled"]);
    for one in &marginals.lifetimes {
        let at = |rank| LIFE_RANKS.iter().position(|one| *one == rank).and_then(|at| one.seconds.get(at));
        let times = [100, 500, 900, 990, 1_000].map(|rank| at(rank).copied().unwrap_or(0).to_string());
        let mut cells = vec![one.qos.clone()];
        cells.extend(times);
        cells.push(percent(one.phase_ppm[0]));
        row(&mut table, &cells);
    }
    table
}

fn specs(marginals: &Marginals) -> Table {
    let mut table = table(&["share", "models"]);
    for spec in &marginals.gpu_specs {
        row(&mut table, &[percent(spec.share_ppm), spec.models.join(" | ")]);
    }
    table
}

fn table(headers: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(headers.iter().map(Cell::new));
    table
}

fn row(table: &mut Table, cells: &[String]) {
    table.add_row(cells.iter().map(|cell| Cell::new(cell).set_alignment(CellAlignment::Right)));
}

/// The value at a percentile of a table of quantiles; 0 if it is empty.
fn p(quantiles: &[u64], percentile: usize) -> u64 {
    quantiles.get(percentile * (QUANTILES - 1) / 100).copied().unwrap_or(0)
}

fn percent(ppm: u64) -> String {
    format!("{}.{:02} %", ppm / 10_000, ppm % 10_000 / 100)
}

fn thousandths(milli: u64) -> String {
    match milli % 1_000 {
        0 => (milli / 1_000).to_string(),
        rest => format!("{}.{rest:03}", milli / 1_000),
    }
}
