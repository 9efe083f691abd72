//! The tables, parsed, and sample messages encoded by hand from them.

use std::collections::BTreeMap;

use crate::tables;
use crate::wire::{self, Fields, Value};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    String,
    Bytes,
    Bool,
    Int32,
    Int64,
    Double,
    Enum(String),
    Message(String),
    MapToString,
    MapToInt32,
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) repeated: bool,
    pub(crate) oneof: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Message {
    pub(crate) reserved: Vec<u32>,
    pub(crate) fields: Vec<Field>,
}

/// The messages of the tables by name.
pub(crate) fn messages() -> BTreeMap<String, Message> {
    let mut all = BTreeMap::<String, Message>::new();
    let mut current = String::new();
    for line in tables::MESSAGES.lines().filter(|line| !line.is_empty()) {
        let words: Vec<_> = line.split_whitespace().collect();
        if words[0] == "message" {
            current = words[1].to_owned();
            let reserved = words.iter().skip(3).map(|word| word.parse().expect("a number")).collect();
            let known = all.insert(current.clone(), Message { reserved, fields: Vec::new() });
            assert!(known.is_none(), "{current} is written down twice");
        } else {
            all.get_mut(&current).expect("a message line first").fields.push(field(&words));
        }
    }
    all
}

fn field(words: &[&str]) -> Field {
    let mut rest = &words[2..];
    let mut mark = |word| {
        let marked = rest[0] == word;
        rest = &rest[usize::from(marked)..];
        marked
    };
    let repeated = mark("repeated");
    let oneof = mark("oneof");
    let kind = match rest {
        ["string"] => Kind::String,
        ["bytes"] => Kind::Bytes,
        ["bool"] => Kind::Bool,
        ["int32"] => Kind::Int32,
        ["int64"] => Kind::Int64,
        ["double"] => Kind::Double,
        ["enum", name] => Kind::Enum((*name).to_owned()),
        ["message", name] => Kind::Message((*name).to_owned()),
        ["map", "string"] => Kind::MapToString,
        ["map", "int32"] => Kind::MapToInt32,
        other => panic!("unknown type {other:?}"),
    };
    Field { number: words[0].parse().expect("a number"), name: words[1].to_owned(), kind, repeated, oneof }
}

/// Samples of a message: every field filled, and one sample for each choice of a oneof.
pub(crate) fn samples(all: &BTreeMap<String, Message>, name: &str) -> Vec<Fields> {
    let message = &all[name];
    let choices: Vec<_> = message.fields.iter().filter(|field| field.oneof).map(|field| field.number).collect();
    let picks = if choices.is_empty() { vec![0] } else { choices };
    picks
        .into_iter()
        .map(|pick| {
            let present = message.fields.iter().filter(|field| !field.oneof || field.number == pick);
            present.flat_map(|field| encode(all, field)).collect()
        })
        .collect()
}

fn encode(all: &BTreeMap<String, Message>, field: &Field) -> Fields {
    // Packed, as proto3 writes repeated numbers.
    if field.repeated && matches!(field.kind, Kind::Enum(_)) {
        return vec![(field.number, Value::Bytes(vec![1, 2]))];
    }
    let copies = if field.repeated { 2 } else { 1 };
    (0..copies).map(|copy| (field.number, value(all, field, copy))).collect()
}

fn value(all: &BTreeMap<String, Message>, field: &Field, copy: u32) -> Value {
    let seed = u64::from(field.number) * 1000 + u64::from(copy) + 7;
    match &field.kind {
        Kind::String => Value::Bytes(format!("{}\0{seed}", field.name).into_bytes()),
        Kind::Bytes => Value::Bytes(vec![0, 0xff, 0x80, u8::try_from(field.number).expect("a small number")]),
        Kind::Bool => Value::Varint(1),
        // Negative numbers take ten bytes whatever their width.
        Kind::Int32 => Value::Varint(i64::from(i32::MIN).cast_unsigned() + seed),
        Kind::Int64 => Value::Varint(i64::MIN.cast_unsigned() + seed),
        Kind::Double => Value::Eight((0.125 + f64::from(field.number)).to_le_bytes()),
        Kind::Enum(_) => Value::Varint(1),
        Kind::Message(name) => Value::Bytes(wire::write(&samples(all, name)[0])),
        Kind::MapToString => entry(Value::Bytes(b"4Gi".to_vec())),
        Kind::MapToInt32 => entry(Value::Varint(seed)),
    }
}

fn entry(value: Value) -> Value {
    Value::Bytes(wire::write(&vec![(1, Value::Bytes(b"key".to_vec())), (2, value)]))
}
