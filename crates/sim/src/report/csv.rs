//! Tables of a run for spreadsheets and notebooks: one line a sample, an event, a machine.

use std::fmt::Write as _;

use super::lives;
use crate::rehearsal::record::{RunRecord, Sample};

/// Writes one line.
fn line(text: &mut String, fields: &[&dyn std::fmt::Display]) {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        let field = field.to_string();
        // Quoted where a comma, a quote or a line's end would be taken for more than text (RFC 4180).
        if field.contains([',', '"', '\n', '\r']) {
            let _infallible = write!(text, "\"{}\"", field.replace('"', "\"\""));
        } else {
            text.push_str(&field);
        }
    }
    text.push('\n');
}

/// The fleet over time.
pub(super) fn samples(record: &RunRecord) -> String {
    let mut text = String::from(
        "at_ms,wanted,total,joining,healthy,unknown,degraded,unhealthy,unfit,cordoned,draining,failed,responsive,silent,broken,\
         failures,recoveries,cascades,replacements,active_outages,cost_microusd,wasted_microusd\n",
    );
    for sample in &record.samples {
        let Sample { at_ms, wanted, total, joining, healthy, unknown, degraded, unhealthy, .. } = sample;
        let Sample { unfit, cordoned, draining, failed, responsive, silent, broken, .. } = sample;
        let Sample { failures, recoveries, cascades, replacements, active_outages, .. } = sample;
        let Sample { cost_microusd, wasted_microusd, .. } = sample;
        line(
            &mut text,
            &[
                at_ms,
                wanted,
                total,
                joining,
                healthy,
                unknown,
                degraded,
                unhealthy,
                unfit,
                cordoned,
                draining,
                failed,
                responsive,
                silent,
                broken,
                failures,
                recoveries,
                cascades,
                replacements,
                active_outages,
                cost_microusd,
                wasted_microusd,
            ],
        );
    }
    text
}

/// Everything that happened.
pub(super) fn events(record: &RunRecord) -> String {
    let mut text = String::from("at_ms,machine,sort,what,details\n");
    for event in &record.events {
        let machine = event.machine.and_then(|number| record.machines.get(number as usize));
        let (sort, told) = lives::told(record, &event.what);
        let details = serde_json::to_string(&event.what).expect("an event is plain data");
        line(&mut text, &[&event.at_ms, &machine.map_or("", |entry| &entry.id), &sort.name(), &told, &details]);
    }
    text
}

/// Every machine, with what became of it.
pub(super) fn nodes(record: &RunRecord) -> String {
    let mut text = String::from(
        "id,provider,region,zone,rack,template,instance_type,gpu_type,gpus,price_microusd_per_hour,spare,failures,recoveries,replaced,\
         in_the_end\n",
    );
    for (machine, life) in record.machines.iter().zip(lives::of(record)) {
        line(
            &mut text,
            &[
                &machine.id,
                &machine.provider,
                &machine.region,
                &machine.zone,
                &machine.rack,
                &machine.template,
                &machine.instance_type,
                &machine.gpu_type,
                &machine.gpus,
                &machine.price_microusd_per_hour,
                &machine.spare,
                &life.failures,
                &life.recoveries,
                &life.replaced,
                &life.mood().name(),
            ],
        );
    }
    text
}
