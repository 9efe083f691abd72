//! The directory: nodes, shards, placements, clusters and domains.
