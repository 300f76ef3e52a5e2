//! Every seed that ever failed runs again, and nothing breaks in it.

use simulations::catalogue;
use simulations::runner::Options;
use simulations::seeds::Seed;

#[test]
fn no_seed_that_once_failed_fails_again() {
    for path in catalogue::files(&catalogue::folder("seeds")) {
        let seed = Seed::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let scenario = seed.scenario(&path).unwrap_or_else(|error| panic!("{error}"));
        let options = Options { nodes: seed.nodes, seed: seed.seed, threads: 2, ..Options::default() };
        let outcome = simulations::runner::run(&scenario, &options, &mut |_| {}).unwrap();
        let name = path.display();
        assert!(outcome.broken.is_empty(), "{name}: {:#?}\nit once showed: {}", outcome.broken, seed.showed);
        let is_recorded = seed.trace_hash.is_none_or(|hash| hash == outcome.trace_hash);
        assert!(is_recorded, "{name}: the trace is {} now", outcome.trace_hash);
    }
}
