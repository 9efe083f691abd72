//! Explanations as text, for people.

use std::fmt::{self, Display, Formatter};

use super::words::{line, machines};
use super::{Acted, Binding, MachineExplanation, NeedExplanation, NeedRef, PlanDiff, PlanExplanation, PlanLine, Stay};

impl Display for NeedRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} (priority {})", self.title(), self.priority)
    }
}

impl Display for NeedExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let state = match (self.satisfied, &self.reason) {
            (true, None) => "covered".to_owned(),
            (true, Some(_)) => "covered by what is on its way".to_owned(),
            (false, reason) => format!("short: {}", reason.as_deref().unwrap_or("unknown")),
        };
        let age = self.unmet_for_ms.map(|age| format!(", for {}", seconds(age))).unwrap_or_default();
        writeln!(f, "need {}: {state}{age}", self.need)?;
        let folded = if self.rows > 1 { format!(", {} gangs in one row", self.rows) } else { String::new() };
        writeln!(f, "  order    {} of {} by precedence, {}{folded}", self.rank, self.ranked, self.part)?;
        writeln!(f, "  asks     {} in pieces of {}", line(&self.asks), line(&self.min_unit))?;
        let given = &self.given;
        writeln!(f, "  has      {} serving, {} joining, {} coming", given.serving, given.joining, given.coming)?;
        writeln!(f, "  gets     {} idle, {} bought, {} from others", given.bound, given.bought, given.freed)?;
        if given.lost > 0 {
            writeln!(f, "  loses    {} to others", machines(given.lost))?;
        }
        if !self.satisfied {
            writeln!(f, "  lacks    {}", line(&self.lacks))?;
        }
        if let Some(domain) = &self.domain {
            writeln!(f, "  domain   {domain}")?;
        }
        self.acted.iter().try_for_each(|acted| writeln!(f, "  plan     {acted}"))?;
        if self.put_off > 0 {
            writeln!(f, "  put off  {} to the next plan", machines(self.put_off.into()))?;
        }
        self.rails.iter().try_for_each(|rail| writeln!(f, "  rail     {}", rail.name()))?;
        if let Some(binding) = &self.binding {
            writeln!(f, "  binds    {binding}")?;
        }
        self.fmt_filters(f)?;
        self.fmt_ahead(f)?;
        self.fmt_remedies(f)
    }
}

impl NeedExplanation {
    fn fmt_filters(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "  of {}", machines(self.looked_at))?;
        for removed in &self.removed {
            let detail = if removed.detail.is_empty() { String::new() } else { format!(" {}", removed.detail) };
            writeln!(f, "    {:>8}  {}{detail}", removed.machines, removed.filter.says())?;
        }
        writeln!(f, "    {:>8}  are given to it", self.given.total())?;
        writeln!(f, "    {:>8}  are left", self.left)
    }

    fn fmt_ahead(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.ahead.claimants > 0 {
            let noun = if self.ahead.claimants == 1 { "need" } else { "needs" };
            writeln!(f, "  ahead    {} {noun} with {}", self.ahead.claimants, machines(self.ahead.machines))?;
        }
        for claimant in &self.ahead.first {
            writeln!(f, "    {:>8}  {}", claimant.machines, claimant.need)?;
        }
        let hidden = self.ahead.claimants - self.ahead.first.len() as u64;
        if hidden > 0 {
            writeln!(f, "              and {hidden} more")?;
        }
        if !self.domains.is_empty() {
            writeln!(f, "  nearest")?;
        }
        for near in &self.domains {
            let (whole, tenth) = (near.coverage_per_mille / 10, near.coverage_per_mille % 10);
            writeln!(f, "    {whole:>6}.{tenth}%  in {}", near.domain)?;
        }
        Ok(())
    }

    fn fmt_remedies(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(search) = self.search else { return Ok(()) };
        if self.satisfied && self.remedies.is_empty() {
            return Ok(());
        }
        let cut = if search.is_cut_short { ", and the search ended there" } else { "" };
        match self.remedies.is_empty() {
            true => writeln!(
                f,
                "  nothing that was tried would satisfy it ({} of {} tries{cut})",
                search.runs, search.limit
            )?,
            false => writeln!(f, "  any of these would satisfy it ({} of {} tries{cut})", search.runs, search.limit)?,
        }
        self.remedies.iter().try_for_each(|remedy| writeln!(f, "    - {}", remedy.summary))
    }
}

impl Display for Binding {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.filter {
            None => f.write_str("the whole fleet would not be enough"),
            Some(filter) if self.detail.is_empty() => f.write_str(filter.name()),
            Some(filter) => write!(f, "{}: {}", filter.name(), self.detail),
        }
    }
}

impl Display for Acted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let actions: Vec<String> = self.actions.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        write!(f, "phase {}, {}: {}", self.phase, self.reason, actions.join(", "))
    }
}

impl Display for MachineExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let whose = if self.cluster.is_empty() { String::new() } else { format!(" of {}", self.cluster) };
        writeln!(f, "machine {}: {}{whose} for {}", self.machine, self.state, seconds(self.for_ms))?;
        writeln!(f, "  role     {}", self.role.name())?;
        if !self.flags.is_empty() {
            let flags: Vec<&str> = self.flags.iter().map(|flag| flag.name()).collect();
            writeln!(f, "  flags    {}", flags.join(" "))?;
        }
        if let Some(need) = &self.need {
            writeln!(f, "  for      {need}")?;
        }
        if let Some(need) = &self.goes_to {
            writeln!(f, "  goes to  {need}")?;
        }
        if let Some(action) = &self.action {
            writeln!(f, "  plan     phase {}, {}: {}", action.phase, action.reason, action.action)?;
        }
        if let Some(stay) = self.stays {
            let left = self.hold_ends_in_ms.map(|left| format!(" for {} more", seconds(left))).unwrap_or_default();
            writeln!(f, "  stays    {}{left}", stay.says())?;
        }
        self.rails.iter().try_for_each(|rail| writeln!(f, "  rail     {}", rail.name()))?;
        let could = &self.could_serve;
        writeln!(f, "  short    {} needs, its shape would do for {}", could.short, could.would_do)?;
        for short in &could.first {
            let why = short.kept_by.map_or("nothing in the way", |filter| filter.name());
            writeln!(f, "    {:>20}  {}", why, short.need)?;
        }
        Ok(())
    }
}

impl Stay {
    /// What it says of a machine, for people.
    pub fn says(self) -> &'static str {
        match self {
            Self::Slot => "a slot: there is nothing to give back",
            Self::Owned => "owned or committed: giving it back would save nothing",
            Self::InRepair => "in repair, or kept for somebody to look at",
            Self::Hold => "its hold lasts",
            Self::HeldForEver => "its hold never ends",
            Self::InTransit => "its provider is at it",
            Self::Failed => "failed: its provider must report it well first",
            Self::NotHeard => "its cluster has not reported yet",
            Self::LimpsAlong => "unhealthy, and what it served is not covered anew yet",
            Self::ReclaimCap => "the cap on reclaims lets no more through",
            Self::PlanSize => "the plan is as large as it may be",
        }
    }
}

impl Display for PlanExplanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "plan: {} actions, {} left for the next", self.actions, self.left_out)?;
        self.acted.iter().try_for_each(|acted| writeln!(f, "  {acted}"))?;
        self.rails.iter().try_for_each(|rail| writeln!(f, "  rail {}", rail.name()))?;
        let cost = &self.cost;
        let (now, then) = (dollars(cost.now_microusd_per_hour), dollars(cost.after_plan_microusd_per_hour));
        writeln!(f, "  cost {now} an hour now, {then} after it")?;
        writeln!(f, "  short {} needs{}", self.short, by_reason(&self.short_by_reason))?;
        if let Some(diff) = &self.diff {
            write!(f, "  {diff}")?;
        }
        self.lines.iter().try_for_each(|line| writeln!(f, "    {line}"))
    }
}

impl Display for PlanDiff {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "against the one before: {} stayed, {} came, {} went", self.stayed, self.came, self.went)?;
        self.first_came.iter().try_for_each(|line| writeln!(f, "    + {line}"))?;
        self.first_went.iter().try_for_each(|line| writeln!(f, "    - {line}"))
    }
}

impl Display for PlanLine {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.action, self.machine, self.reason)?;
        if !self.cluster.is_empty() {
            let group = self.group.replace('\0', "/");
            let gang = if group.is_empty() { String::new() } else { format!("/{group}") };
            write!(f, " for {}{gang}", self.cluster)?;
        }
        if self.from_cluster.is_empty() { Ok(()) } else { write!(f, " from {}", self.from_cluster) }
    }
}

/// Counts by reason, in brackets.
pub(crate) fn by_reason(counts: &std::collections::BTreeMap<String, u32>) -> String {
    let counts: Vec<String> = counts.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) }
}

/// Money in whole dollars and thousandths.
pub(crate) fn dollars(microusd: u64) -> String {
    format!("${}.{:03}", microusd / 1_000_000, microusd % 1_000_000 / 1_000)
}

fn seconds(ms: u64) -> String {
    format!("{} s", ms / 1_000)
}
