//! Outcomes as text, for people.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use super::{NeedTurn, Outcome, Side};
use crate::explain::{by_reason, dollars, line};

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "as it is\n{}with the changes\n{}", self.before, self.after)?;
        for (title, turns, total) in
            [("worse", &self.worse, self.worse_total), ("better", &self.better, self.better_total)]
        {
            if total > 0 {
                writeln!(f, "{title} for {total}")?;
            }
            turns.iter().try_for_each(|turn| writeln!(f, "    {turn}"))?;
        }
        write!(f, "the next plan {}", self.plan_diff)
    }
}

impl Display for Side {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} machines, {} needs", self.machines, self.needs)?;
        let left = match self.plan.left_out {
            0 => String::new(),
            left => format!(", {left} left for the next"),
        };
        writeln!(f, "  next plan: {}{left}", kinds(&self.plan.actions))?;
        let rest = if self.is_at_rest { "at rest" } else { "still moving" };
        let moves = match self.moves {
            0 => String::new(),
            moves => format!(", {moves} of them to move to what is cheaper"),
        };
        writeln!(f, "  {rest} after {} cycles: {} in all{moves}", self.cycles, kinds(&self.actions))?;
        writeln!(f, "  then short: {}{}", self.short, by_reason(&self.short_by_reason))?;
        let (now, then) = (dollars(self.cost.now_microusd_per_hour), dollars(self.cost_at_rest_microusd_per_hour));
        let after_holds = match self.cost_after_holds_microusd_per_hour {
            cost if cost == self.cost_at_rest_microusd_per_hour => String::new(),
            cost => format!(", {} once idle machines have gone back", dollars(cost)),
        };
        writeln!(f, "  cost: {now} an hour now, {then} then{after_holds}")
    }
}

fn kinds(actions: &BTreeMap<String, u32>) -> String {
    let actions: Vec<String> = actions.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    if actions.is_empty() { "nothing".to_owned() } else { actions.join(", ") }
}

impl Display for NeedTurn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let lacks = |lack: &Option<_>| lack.as_ref().map_or_else(|| "not there".to_owned(), line);
        write!(f, "{}: lacked {}, then {}", self.need, lacks(&self.lacks_before), lacks(&self.lacks_after))?;
        if self.reason_after.is_empty() { Ok(()) } else { write!(f, " ({})", self.reason_after) }
    }
}
