//! The links of a world, as faults leave them: a link is cut or held as long as any fault wants it so.

use std::collections::BTreeMap;

use turmoil::Sim;

/// What faults have done to each link, by the direction of what is sent.
#[derive(Debug, Default)]
pub(crate) struct Links {
    cut: BTreeMap<(String, String), u32>,
    held: BTreeMap<(String, String), u32>,
}

/// Directed links.
pub(crate) type Pairs = Vec<(String, String)>;

impl Links {
    /// One more fault cuts these links.
    pub(crate) fn cut(&mut self, sim: &Sim<'_>, pairs: &Pairs) {
        for pair in pairs {
            *self.cut.entry(pair.clone()).or_default() += 1;
            self.settle(sim, pair);
        }
    }

    /// One fault less cuts them.
    pub(crate) fn mend(&mut self, sim: &Sim<'_>, pairs: &Pairs) {
        for pair in pairs {
            if let Some(count) = self.cut.get_mut(pair) {
                *count = count.saturating_sub(1);
            }
            self.settle(sim, pair);
        }
    }

    /// One more fault holds these links; both directions, whichever is named.
    pub(crate) fn hold(&mut self, sim: &Sim<'_>, pairs: &Pairs) {
        for pair in pairs {
            *self.held.entry(unordered(pair)).or_default() += 1;
            self.settle(sim, pair);
        }
    }

    /// One fault less holds them.
    pub(crate) fn release(&mut self, sim: &Sim<'_>, pairs: &Pairs) {
        for pair in pairs {
            if let Some(count) = self.held.get_mut(&unordered(pair)) {
                *count = count.saturating_sub(1);
            }
            self.settle(sim, pair);
        }
    }

    /// Brings turmoil's idea of a link to ours. It knows no link that is held and cut: a cut wins, since what is lost cannot be held.
    fn settle(&self, sim: &Sim<'_>, (a, b): &(String, String)) {
        let is_cut = |from: &String, to: &String| self.cut.get(&(from.clone(), to.clone())).is_some_and(|n| *n > 0);
        sim.repair(a.as_str(), b.as_str());
        sim.release(a.as_str(), b.as_str());
        let (out, back) = (is_cut(a, b), is_cut(b, a));
        if out {
            sim.partition_oneway(a.as_str(), b.as_str());
        }
        if back {
            sim.partition_oneway(b.as_str(), a.as_str());
        }
        let held = self.held.get(&unordered(&(a.clone(), b.clone()))).is_some_and(|count| *count > 0);
        if held && !out && !back {
            sim.hold(a.as_str(), b.as_str());
        }
    }
}

fn unordered((a, b): &(String, String)) -> (String, String) {
    if a < b { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) }
}

/// Every directed link from one of `from` to one of `to`.
pub(crate) fn between(from: &[String], to: &[String]) -> Pairs {
    let pairs = from.iter().flat_map(|a| to.iter().map(move |b| (a.clone(), b.clone())));
    pairs.filter(|(a, b)| a != b).collect()
}

/// Both directions of every link between the two sides.
pub(crate) fn across(side: &[String], rest: &[String]) -> Pairs {
    let mut pairs = between(side, rest);
    pairs.extend(between(rest, side));
    pairs
}
