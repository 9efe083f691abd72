//! One world of the tests: what they start for each, as `argosy-lab chaos run` starts itself. Ships with nothing.

fn main() -> std::io::Result<()> {
    argosy_chaos::stage::serve()
}
