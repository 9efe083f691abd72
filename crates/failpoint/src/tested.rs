//! Bugs that only the tests of one crate plant, to see that they notice.

/// Makes the switches of a crate's own bugs: `planted(bug)`, which is always `false` outside of its tests, and in its tests `with(bug, run)`,
/// which runs with the bug on this thread and without it afterwards, and `is_noticed(bug, proof)`, which is what a test asserts.
///
/// A world's bugs are [`Planted`](crate::Planted); these are for what is pure, where a unit test is world enough.
#[macro_export]
macro_rules! bugs_of_tests {
    ($bug:ty) => {
        #[cfg(test)]
        thread_local! {
            static PLANTED: std::cell::Cell<Option<$bug>> = const { std::cell::Cell::new(None) };
        }

        /// Whether a bug is planted in this thread.
        #[cfg(test)]
        pub(crate) fn planted(bug: $bug) -> bool {
            PLANTED.get() == Some(bug)
        }

        /// Whether a bug is planted: never, in what is built for use.
        #[cfg(not(test))]
        pub(crate) const fn planted(_: $bug) -> bool {
            false
        }

        /// Runs with a bug, and without it afterwards.
        #[cfg(test)]
        pub(crate) fn with<T>(bug: $bug, run: impl FnOnce() -> T) -> T {
            struct Restore;
            impl Drop for Restore {
                fn drop(&mut self) {
                    PLANTED.set(None);
                }
            }
            PLANTED.set(Some(bug));
            let _restore = Restore;
            run()
        }

        /// Whether what is proven without a bug cannot be proven with it.
        #[cfg(test)]
        #[allow(dead_code, reason = "a crate's tests may hold what bugs do against what is sound instead")]
        pub(crate) fn is_noticed(bug: $bug, proof: impl Fn()) -> bool {
            proof();
            let proof = std::panic::AssertUnwindSafe(proof);
            with(bug, || std::panic::catch_unwind(proof)).is_err()
        }
    };
}
