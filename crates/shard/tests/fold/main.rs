//! What the fold keeps, rule by rule, on a small world driven through the public API only.

mod health;
mod loop_with_decide;
mod notify;
mod observations;
mod operations;
mod plans;
mod poison;
mod pools;
mod reads;
mod repairs;
mod roll_ups;
mod snapshots;
mod world;
