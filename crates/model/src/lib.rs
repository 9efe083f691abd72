//! Machines, needs, profiles, resource vectors, ids and the lifecycle table.
