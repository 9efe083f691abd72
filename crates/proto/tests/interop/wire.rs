//! The protobuf encoding, written out by hand for the test: varints, eight-byte values and length-delimited values.

/// One field as it lies on the wire.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    Varint(u64),
    Eight([u8; 8]),
    Bytes(Vec<u8>),
}

pub(crate) type Fields = Vec<(u32, Value)>;

pub(crate) fn write(fields: &Fields) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, value) in fields {
        let wire_type = match value {
            Value::Varint(_) => 0,
            Value::Eight(_) => 1,
            Value::Bytes(_) => 2,
        };
        varint(&mut out, u64::from(*number) << 3 | wire_type);
        match value {
            Value::Varint(number) => varint(&mut out, *number),
            Value::Eight(bytes) => out.extend_from_slice(bytes),
            Value::Bytes(bytes) => {
                varint(&mut out, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        }
    }
    out
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Reads fields until the input ends; panics on anything that is not the encoding.
pub(crate) fn read(mut input: &[u8]) -> Fields {
    let mut fields = Fields::new();
    while !input.is_empty() {
        let tag = take_varint(&mut input);
        let value = match tag & 7 {
            0 => Value::Varint(take_varint(&mut input)),
            1 => Value::Eight(take(&mut input, 8).try_into().expect("eight bytes")),
            2 => {
                let length = usize::try_from(take_varint(&mut input)).expect("a length");
                Value::Bytes(take(&mut input, length).to_vec())
            }
            other => panic!("wire type {other}"),
        };
        fields.push((u32::try_from(tag >> 3).expect("a field number"), value));
    }
    fields
}

fn take<'a>(input: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (head, tail) = input.split_at(length);
    *input = tail;
    head
}

fn take_varint(input: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(input, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
    }
    panic!("a varint of more than ten bytes")
}
