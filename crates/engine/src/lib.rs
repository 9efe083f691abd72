//! Decide: the three phases over an indexed view of the fleet, the plan linter, explain.
