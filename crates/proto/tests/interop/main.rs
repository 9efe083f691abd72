//! Keeps us on the wire of BigFleet's `v1alpha1`: what the tables of the protocol say is encoded by hand, decoded with our types and
//! back, and every number, name, type and reservation of the descriptors is held against them.

mod schema;
mod tables;
mod typed;
mod wire;

use std::collections::{BTreeMap, BTreeSet};

use argosy_proto::authz::{self, Role};
use prost_reflect::{Cardinality, DescriptorPool, FieldDescriptor, Kind as Described, MessageDescriptor};
use schema::Kind;

const PACKAGE: &str = "bigfleet.v1alpha1";
/// Fields of ours in messages of theirs start here; see provider_extension.proto.
const FIRST_EXTENSION: u32 = 1000;

fn pool() -> DescriptorPool {
    DescriptorPool::decode(argosy_proto::FILE_DESCRIPTOR_SET).expect("the descriptor set decodes")
}

fn described(pool: &DescriptorPool) -> BTreeMap<String, MessageDescriptor> {
    let ours = pool.all_messages().filter(|message| message.package_name() == PACKAGE && !message.is_map_entry());
    ours.map(|message| (message.full_name()[PACKAGE.len() + 1..].to_owned(), message)).collect()
}

#[test]
fn every_message_of_the_tables_survives_our_types_byte_for_byte() {
    let all = schema::messages();
    let mut covered = BTreeSet::new();
    for (name, recode) in typed::recoders() {
        for sample in schema::samples(&all, name) {
            let back = recode(&wire::write(&sample)).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut back = wire::read(&back);
            let mut sent = sample;
            back.sort();
            sent.sort();
            assert_eq!(back, sent, "{name}");
        }
        covered.insert((*name).to_owned());
    }
    assert_eq!(covered, all.keys().cloned().collect());
}

#[test]
fn the_descriptors_hold_exactly_the_fields_of_the_tables() {
    let all = schema::messages();
    let described = described(&pool());
    assert_eq!(described.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
    for (name, message) in &all {
        let standard = described[name].fields().filter(|field| field.number() < FIRST_EXTENSION);
        let standard: BTreeMap<_, _> = standard.map(|field| (field.number(), field)).collect();
        assert_eq!(standard.len(), message.fields.len(), "{name}");
        for expected in &message.fields {
            let field = &standard[&expected.number];
            assert_eq!(field.name(), expected.name, "{name}.{}", expected.number);
            assert_eq!(kind(field), expected.kind, "{name}.{}", expected.name);
            let list = field.cardinality() == Cardinality::Repeated && !field.is_map();
            assert_eq!(list, expected.repeated, "{name}.{}", expected.name);
            assert_eq!(field.containing_oneof().is_some(), expected.oneof, "{name}.{}", expected.name);
        }
    }
}

fn kind(field: &FieldDescriptor) -> Kind {
    let local = |name: &str| name.strip_prefix("bigfleet.v1alpha1.").unwrap_or(name).to_owned();
    match field.kind() {
        Described::String => Kind::String,
        Described::Bytes => Kind::Bytes,
        Described::Bool => Kind::Bool,
        Described::Int32 => Kind::Int32,
        Described::Int64 => Kind::Int64,
        Described::Double => Kind::Double,
        Described::Enum(described) => Kind::Enum(local(described.full_name())),
        Described::Message(entry) if field.is_map() => {
            assert_eq!(entry.map_entry_key_field().kind(), Described::String);
            match entry.map_entry_value_field().kind() {
                Described::String => Kind::MapToString,
                Described::Int32 => Kind::MapToInt32,
                other => panic!("map to {other:?}"),
            }
        }
        Described::Message(message) => Kind::Message(local(message.full_name())),
        other => panic!("{} is a {other:?}", field.full_name()),
    }
}

#[test]
fn removed_numbers_stay_reserved_and_nothing_else_is() {
    let described = described(&pool());
    for (name, message) in schema::messages() {
        let reserved: BTreeSet<u32> = described[&name].reserved_ranges().flatten().collect();
        assert_eq!(reserved, message.reserved.into_iter().collect(), "{name}");
    }
}

#[test]
fn enums_have_the_numbers_and_names_of_the_tables() {
    let pool = pool();
    let mut expected = BTreeMap::new();
    for line in tables::ENUMS.lines().filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let (name, prefix) = (words.next().expect("a name"), words.next().expect("a prefix"));
        let values = words.map(|word| {
            let (value, number) = word.split_once('=').expect("VALUE=number");
            (number.parse::<i32>().expect("a number"), format!("{prefix}_{value}"))
        });
        expected.insert(format!("{PACKAGE}.{name}"), values.collect::<BTreeMap<_, _>>());
    }
    let ours = pool.all_enums().filter(|described| described.package_name() == PACKAGE);
    let ours: BTreeMap<_, _> = ours
        .map(|described| {
            let values = described.values().map(|value| (value.number(), value.name().to_owned()));
            (described.full_name().to_owned(), values.collect::<BTreeMap<_, _>>())
        })
        .collect();
    assert_eq!(ours, expected);
}

#[test]
fn services_have_the_methods_and_callers_of_the_tables() {
    let pool = pool();
    let mut expected = BTreeSet::new();
    for line in tables::METHODS.lines().filter(|line| !line.is_empty()) {
        let (shape, callers) = line.split_once(" : ").expect("callers");
        expected.insert(shape.to_owned());
        let (path, _) = shape.split_once(' ').expect("a path");
        let callers: BTreeSet<_> = callers.split(' ').map(|name| Role::from_name(name).expect("a role")).collect();
        let allowed: BTreeSet<_> = authz::allowed(&format!("/{PACKAGE}.{path}")).iter().copied().collect();
        assert_eq!(allowed, callers, "{path}");
    }
    let mut ours = BTreeSet::new();
    for service in pool.services().filter(|service| service.package_name() == PACKAGE) {
        for method in service.methods() {
            let side = |stream, name: &str| format!("{}{name}", if stream { "stream " } else { "" });
            let request = side(method.is_client_streaming(), method.input().name());
            let response = side(method.is_server_streaming(), method.output().name());
            ours.insert(format!("{}/{} {request} {response}", service.name(), method.name()));
        }
    }
    assert_eq!(ours, expected);
}

#[test]
fn our_extensions_are_messages_at_number_1000_that_a_stock_peer_skips() {
    for (name, message) in described(&pool()) {
        for field in message.fields().filter(|field| field.number() >= FIRST_EXTENSION) {
            assert_eq!(field.number(), FIRST_EXTENSION, "{name}");
            assert_eq!(field.name(), "argosy", "{name}");
            assert!(matches!(field.kind(), Described::Message(ours) if ours.package_name() == "argosy.v1"), "{name}");
        }
    }
}

#[test]
fn every_method_of_every_package_has_a_row_in_the_authorisation_table() {
    let pool = pool();
    let methods = pool.services().flat_map(|service| {
        let methods: Vec<_> = service.methods().collect();
        methods.into_iter().map(move |method| format!("/{}/{}", service.full_name(), method.name()))
    });
    let listed: BTreeSet<_> = authz::TABLE.iter().map(|(path, _)| (*path).to_owned()).collect();
    assert_eq!(methods.collect::<BTreeSet<_>>(), listed);
}
