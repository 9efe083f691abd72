//! What the product makes once for a whole process, made before any world is entered.
//!
//! A table or a parser that makes itself when it is first asked would do so inside of the first world that asks, and draw keys of hash maps there.
//! The standard library counts these on each thread: all later maps of that world would be other ones than those of the same world in a process
//! that has run a world before, and one seed would not be one world.

use std::sync::Once;

use argosy_health::condition::{Condition, Variables};
use argosy_health::{Event, Policy, table};

/// Asks for everything that is made once.
pub(crate) fn make() {
    static MADE: Once = Once::new();
    MADE.call_once(|| {
        let _the_table = table::table();
        // All conditions that worlds judge machines by go through the parser.
        let _its_conditions = Policy::standard();
        // This one is too much for what conditions are judged by without an interpreter.
        let condition = Condition::compile("size(event.message) == 0").expect("it is a condition");
        assert_eq!(condition.holds(&Variables::of(&Event::default(), None)), Ok(true));
    });
}
