//! The proof: a reference engine, generated histories of fleets, and the comparison of the two engines over them.

mod caps;
pub mod case;
pub mod coverage;
pub mod generate;
pub mod plant;
pub mod reference;
pub mod run;
pub mod settle;
pub mod shrink;
pub mod vocabulary;
pub mod world;
