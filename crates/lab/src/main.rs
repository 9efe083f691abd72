//! The binary argosy-lab: replay, trace synthesis, experiments.
fn main() {}
