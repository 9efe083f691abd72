//! Running cases: after every change both engines decide, the plans are compared and linted, and what is decided is taken.

use std::fmt;
use std::sync::Arc;

use argosy_engine::{Decision, Engine, Finding, View, WouldDo, lint};
use argosy_model::Vocabulary;

use crate::case::{Case, Change, Step};
use crate::coverage::{CaseCoverage, Coverage};
use crate::generate::{Diet, Generator};
use crate::reference;
use crate::settle::{Restless, settle};
use crate::vocabulary;
use crate::world::World;

/// How many orders of first sight there are.
pub const SIGHTS: u64 = 8;

/// What is held to the reference. It may remember what it likes between the cycles of one case.
pub trait Subject {
    /// Decides.
    fn decide(&mut self, view: &View<'_>) -> Decision;
}

/// The engine with its memory, as a leader runs it.
impl Subject for Engine {
    fn decide(&mut self, view: &View<'_>) -> Decision {
        Arc::unwrap_or_clone(Engine::decide(self, view))
    }
}

/// What was wrong after a step.
#[derive(Clone, Debug)]
pub enum Wrong {
    /// The engine and the reference disagree.
    Differs {
        /// What the engine decided.
        engine: Box<Decision>,
        /// What it should have.
        reference: Box<Decision>,
    },
    /// The engine with its memory and the engine without one disagree.
    Misremembers {
        /// What it decided with what it remembered.
        remembering: Box<Decision>,
        /// What it decides from nothing but the view.
        anew: Box<Decision>,
    },
    /// Engine and reference count differently what would do for some need that is short.
    Miscounts,
    /// Left alone, the world does not come to rest.
    Restless(Restless),
    /// The linter has found something.
    Unsound(Vec<Finding>),
}

/// A failure: after which step, and what.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How many steps had been made; none if it failed before the first.
    pub after: usize,
    /// What was wrong.
    pub wrong: Wrong,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wrong {
            Wrong::Restless(restless) => {
                writeln!(f, "after step {} it does not come to rest:\n{}", self.after, restless.last)
            }
            Wrong::Miscounts => writeln!(f, "after step {} it miscounts what would do", self.after),
            Wrong::Unsound(findings) => writeln!(f, "after step {} the linter finds {findings:#?}", self.after),
            Wrong::Differs { engine, reference } => {
                writeln!(f, "after step {} engine and reference disagree", self.after)?;
                show_difference(f, engine, reference)
            }
            Wrong::Misremembers { remembering, anew } => {
                writeln!(f, "after step {} the engine remembers what is no longer so", self.after)?;
                show_difference(f, remembering, anew)
            }
        }
    }
}

fn show_difference(f: &mut fmt::Formatter<'_>, is: &Decision, ought: &Decision) -> fmt::Result {
    let (is, ought) = (format!("{is:#?}"), format!("{ought:#?}"));
    let (is, ought): (Vec<&str>, Vec<&str>) = (is.lines().collect(), ought.lines().collect());
    let at = is.iter().zip(&ought).position(|(a, b)| a != b).unwrap_or(is.len().min(ought.len()));
    let from = at.saturating_sub(12);
    let show = |lines: &[&str]| lines[from.min(lines.len())..lines.len().min(at + 24)].join("\n");
    writeln!(f, "it is, from line {from}:\n{}\nand ought to be:\n{}", show(&is), show(&ought))
}

/// The words that all cases share.
pub struct Words(Vec<Vocabulary>);

impl Default for Words {
    fn default() -> Self {
        Self((0..SIGHTS).map(vocabulary::words).collect())
    }
}

impl Words {
    fn world(&self, case: &Case) -> World {
        let at = usize::try_from(case.first_sight % SIGHTS).expect("few orders");
        World::of(case, self.0[at].clone())
    }

    /// Runs a case that is there already.
    pub fn replay(&self, case: &Case, subject: &mut impl Subject) -> Result<(), Failure> {
        let mut world = self.world(case);
        let mut drops = 0;
        for after in 0..=case.steps.len() {
            let decision = compare(&world, subject).map_err(|wrong| Failure { after, wrong })?;
            world.take(&decision, drops);
            let Some(step) = case.steps.get(after) else { break };
            make(&mut world, step, subject).map_err(|wrong| Failure { after: after + 1, wrong })?;
            drops = step.drops;
        }
        Ok(())
    }

    /// Makes and runs case `nth` of a campaign, and notes what it went through. On failure the case comes back with it.
    pub fn run(
        &self,
        (seed, nth): (u64, u64),
        diet: Diet,
        subject: &mut impl Subject,
        coverage: &mut Coverage,
    ) -> Result<(), Box<(Case, Failure)>> {
        self.run_to_the_end((seed, nth), diet, subject, coverage).map(drop)
    }

    /// The same, and gives back what has become of the world.
    pub fn run_to_the_end(
        &self,
        (seed, nth): (u64, u64),
        diet: Diet,
        subject: &mut impl Subject,
        coverage: &mut Coverage,
    ) -> Result<World, Box<(Case, Failure)>> {
        let mut generator = Generator::new(seed, nth, diet);
        let mut case = generator.begin(nth % SIGHTS);
        let length = generator.length();
        let mut world = self.world(&case);
        let mut seen = CaseCoverage::default();
        let mut drops = 0;
        for after in 0..=length {
            let decision = match compare(&world, subject) {
                Ok(decision) => decision,
                Err(wrong) => return Err(Box::new((case, Failure { after, wrong }))),
            };
            coverage.note(&mut seen, &world, &decision);
            world.take(&decision, drops);
            if after < length {
                let step = generator.step(&world);
                let made = make(&mut world, &step, subject);
                drops = step.drops;
                coverage.note_step(&step);
                case.steps.push(step);
                if let Err(wrong) = made {
                    return Err(Box::new((case, Failure { after: after + 1, wrong })));
                }
            }
            coverage.note_edges(world.take_edges());
        }
        coverage.end(seen, case.machines.len(), case.steps.len());
        Ok(world)
    }
}

fn make(world: &mut World, step: &Step, subject: &mut impl Subject) -> Result<(), Wrong> {
    world.pass(step.after_s);
    if let Change::WhatIf(change) = &step.change {
        let mut copy = world.clone();
        copy.change(change);
        let decision = compare(&copy, subject)?;
        copy.take(&decision, 0);
        return compare(&copy, subject).map(drop);
    }
    if step.change == Change::Rest {
        return settle(world.clone()).map(drop).map_err(Wrong::Restless);
    }
    world.change(&step.change);
    Ok(())
}

/// Has all decide: the engine with its memory, the engine anew, the reference. Equal decisions serialise to equal bytes, so it is the values that are compared.
fn compare(world: &World, subject: &mut impl Subject) -> Result<Decision, Wrong> {
    let view = world.view();
    let engine = subject.decide(&view);
    let anew = argosy_engine::decide(&view);
    if engine != anew {
        return Err(Wrong::Misremembers { remembering: Box::new(engine), anew: Box::new(anew) });
    }
    let reference = reference::decide(&view);
    if anew != reference {
        return Err(Wrong::Differs { engine: Box::new(anew), reference: Box::new(reference) });
    }
    if !counts_alike(&view, &anew) {
        return Err(Wrong::Miscounts);
    }
    let findings = lint(&view, &engine);
    if findings.is_empty() { Ok(engine) } else { Err(Wrong::Unsound(findings)) }
}

fn counts_alike(view: &View<'_>, decision: &Decision) -> bool {
    let mut would_do = WouldDo::of(view.fleet);
    let counted = reference::would_do(view);
    let mut short = decision.verdicts.iter().zip(counted).filter(|(verdict, _)| !verdict.residual.is_zero());
    short.all(|(verdict, counted)| would_do.for_verdict(verdict, view.demand) == counted)
}
