//! Style kept by a test: sizes, module heads, the crate graph, error pages.
