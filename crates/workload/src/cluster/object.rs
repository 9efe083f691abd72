//! Demand objects: a deployment, a stateful set, a job or a gang, with pods of one size.

use crate::amounts::Amounts;
use crate::catalogue::{Archetype, GangScope};
use crate::dice::Dice;
use crate::labels;
use crate::rollup::{Profile, Requirement, Spread, Test};

/// Pods of one size that come and go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemandObject {
    /// Its name, never used again in its cluster.
    pub name: String,
    /// Its archetype, by place in the catalogue's demand.
    pub archetype: usize,
    /// How many pods it has.
    pub pods: u64,
    /// What each of them asks for.
    pub size: Amounts,
    /// What a machine must be for them, and what they are worth.
    pub profile: Profile,
    /// The burst of the course that it belongs to; `None` for the steady demand.
    pub burst: Option<usize>,
}

impl DemandObject {
    /// Draws everything about an object but its number of pods.
    pub(super) fn draw(
        name: String,
        at: usize,
        archetype: &Archetype,
        zones: &[String],
        pods: u64,
        dice: &mut Dice,
    ) -> Self {
        let size = dice.weighted(archetype.sizes.iter().map(|size| size.weight)).unwrap_or(0);
        let priority = pick(&archetype.priority_classes, dice);
        let rule = archetype.spread.as_ref().filter(|rule| dice.chance(rule.probability_ppm) && rule.binding);
        let spread = rule.map(|rule| Spread { topology_key: rule.topology_key.clone(), max_skew: rule.max_skew });
        let mut requirements =
            vec![one_of(labels::INSTANCE_TYPE, &archetype.instance_types), one_of(labels::ZONE, zones)];
        let mut group = String::new();
        if let Some(gang) = &archetype.gang {
            let key = match gang.scope {
                GangScope::Rack => labels::RACK,
                GangScope::Zone => labels::ZONE,
            };
            requirements.push(Requirement { key: key.to_owned(), test: Test::Same });
            group = format!("{key}\0{name}");
        }
        let profile = Profile {
            requirements,
            priority,
            spread: spread.into_iter().collect(),
            interruption_penalty_dollars: archetype.interruption_penalty_dollars,
            reclamation_penalty_dollars: archetype.reclamation_penalty_dollars,
            group,
        };
        let size = archetype.sizes[size].resources.clone();
        Self { name, archetype: at, pods, size, profile, burst: None }
    }
}

fn one_of(key: &str, values: &[String]) -> Requirement {
    let mut values = values.to_vec();
    values.sort();
    Requirement { key: key.to_owned(), test: Test::In(values) }
}

fn pick(classes: &[i32], dice: &mut Dice) -> i32 {
    let at = dice.below(classes.len() as u64);
    classes[usize::try_from(at).unwrap_or(0)]
}
