//! The one macro from which a table's type, its reader, its defaults and its reference page all come.
//!
//! A doc comment on a field is what a person reads in docs/reference/config.md, so it says what the key does, its unit,
//! and what happens at the edges. Adding a key is adding a line.

/// Declares a table: a struct whose fields are read by the key on their right. With `pub struct` the table is whole or
/// not at all; with `pub parts` each field is there if it could be read, so that rules across the others still run.
macro_rules! config_section {
    (
        $(#[doc = $section_doc:literal])*
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])* $field:ident : $type:ty = $key:expr; )*
        }
    ) => {
        $(#[doc = $section_doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $name {
            $( $(#[doc = $doc])* pub $field: $type, )*
        }

        impl $crate::config::shape::Section for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];

            fn document() -> $crate::config::reference::SectionDoc {
                $crate::config::reference::SectionDoc::new(
                    &[$($section_doc),*],
                    vec![$( {
                        fn key() -> impl $crate::config::shape::Key<Out = $type> { $key }
                        $crate::config::reference::KeyDoc::of(stringify!($field), &[$($doc),*], &key())
                    } ),*],
                )
            }

            fn read(table: &mut $crate::config::shape::TableReader<'_, '_>) -> Option<Self> {
                // Every key is read before any result is looked at, so that every problem is found.
                let ($($field,)*) = ($( table.key(stringify!($field), &{
                    fn key() -> impl $crate::config::shape::Key<Out = $type> { $key }
                    key()
                }), )*);
                Some(Self { $( $field: $field?, )* })
            }
        }
    };
    (
        $(#[doc = $section_doc:literal])*
        pub(super) parts $name:ident {
            $( $(#[doc = $doc:literal])* $field:ident : $type:ty = $key:expr; )*
        }
    ) => {
        $(#[doc = $section_doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub(super) struct $name {
            $( $(#[doc = $doc])* pub(super) $field: Option<$type>, )*
        }

        impl $crate::config::shape::Section for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];

            fn document() -> $crate::config::reference::SectionDoc {
                $crate::config::reference::SectionDoc::new(
                    &[$($section_doc),*],
                    vec![$( {
                        fn key() -> impl $crate::config::shape::Key<Out = $type> { $key }
                        $crate::config::reference::KeyDoc::of(stringify!($field), &[$($doc),*], &key())
                    } ),*],
                )
            }

            fn read(table: &mut $crate::config::shape::TableReader<'_, '_>) -> Option<Self> {
                Some(Self { $( $field: {
                    fn key() -> impl $crate::config::shape::Key<Out = $type> { $key }
                    table.key(stringify!($field), &key())
                }, )* })
            }
        }
    };
}

pub(crate) use config_section as section;
