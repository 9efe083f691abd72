//! Client of the CapacityProvider protocol, and the built-in simulated provider.
