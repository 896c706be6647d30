//! The Protocol Buffers wire format, reading only: the fields of one message as borrowed
//! slices. Each length is checked against what is there; nothing allocates or recurses.
//!
//! Own code rather than `rten-onnx` 0.27, which believes its input: a length beyond the file
//! overflows or is allocated as it stands, and a varint of eleven bytes never ends.

/// Fields of one message, in the order of the file. Ends after the first error.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

/// One field of a message.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Field<'a> {
    /// Its number in the message's definition.
    pub(super) number: u64,
    value: Value<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Value<'a> {
    Varint(u64),
    Fixed64,
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

/// Why bytes are not the message they should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// A field is longer than what is left.
    #[error("the file is cut off, or a length in it is wrong")]
    Truncated,
    /// A number of more than 64 bits.
    #[error("a number has more than 64 bits")]
    Varint,
    /// Groups and undefined types; ONNX uses neither.
    #[error("unknown wire type {0}")]
    WireType(u64),
    /// A known field holds another type than defined.
    #[error("field {0} has the wrong type")]
    Type(u64),
    /// A text is not UTF-8.
    #[error("field {0} is not UTF-8")]
    Text(u64),
    /// More items than any sensible model has.
    #[error("more than {0} items")]
    TooMany(usize),
}

impl<'a> Fields<'a> {
    /// The fields in `message`.
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Result<Field<'a>, WireError> {
        let tag = varint(&mut self.rest)?;
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut self.rest)?),
            1 => take(&mut self.rest, 8).map(|_| Value::Fixed64)?,
            2 => {
                let length = varint(&mut self.rest)?;
                let length = usize::try_from(length).map_err(|_| WireError::Truncated)?;
                Value::Bytes(take(&mut self.rest, length)?)
            }
            5 => Value::Fixed32(take_array(&mut self.rest)?),
            other => return Err(WireError::WireType(other)),
        };
        Ok(Field {
            number: tag >> 3,
            value,
        })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Field<'a> {
    /// An integer or an enum.
    pub(super) fn int(&self) -> Result<i64, WireError> {
        match self.value {
            Value::Varint(value) => Ok(value.cast_signed()),
            _ => Err(WireError::Type(self.number)),
        }
    }

    /// A 32-bit float.
    pub(super) fn float(&self) -> Result<f32, WireError> {
        match self.value {
            Value::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(WireError::Type(self.number)),
        }
    }

    /// Raw bytes.
    pub(super) fn bytes(&self) -> Result<&'a [u8], WireError> {
        match self.value {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::Type(self.number)),
        }
    }

    /// A text.
    pub(super) fn text(&self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| WireError::Text(self.number))
    }

    /// A nested message.
    pub(super) fn message(&self) -> Result<Fields<'a>, WireError> {
        self.bytes().map(Fields::new)
    }

    /// Appends one integer, or all of a packed field, as long as `into` stays within `limit`.
    pub(super) fn ints(&self, into: &mut Vec<i64>, limit: usize) -> Result<(), WireError> {
        let Value::Bytes(mut packed) = self.value else {
            return push(into, self.int()?, limit);
        };
        while !packed.is_empty() {
            push(into, varint(&mut packed)?.cast_signed(), limit)?;
        }
        Ok(())
    }

    /// Appends one float, or all of a packed field.
    pub(super) fn floats(&self, into: &mut Vec<f32>) -> Result<(), WireError> {
        let Value::Bytes(packed) = self.value else {
            into.push(self.float()?);
            return Ok(());
        };
        let (floats, rest) = packed.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(WireError::Truncated);
        }
        into.extend(floats.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        Ok(())
    }
}

fn push(into: &mut Vec<i64>, value: i64, limit: usize) -> Result<(), WireError> {
    if into.len() >= limit {
        return Err(WireError::TooMany(limit));
    }
    into.push(value);
    Ok(())
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], WireError> {
    let (taken, left) = rest.split_at_checked(length).ok_or(WireError::Truncated)?;
    *rest = left;
    Ok(taken)
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], WireError> {
    let (taken, left) = rest.split_first_chunk().ok_or(WireError::Truncated)?;
    *rest = left;
    Ok(*taken)
}

fn varint(rest: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0u64;
    for shift in (0..u64::BITS).step_by(7) {
        let [byte] = take_array(rest)?;
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if shift == 63 && bits > 1 {
            return Err(WireError::Varint);
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(WireError::Varint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_each_wire_type() {
        let bytes = [
            0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 0, 0, 0x80, 0x3f,
        ];
        let fields: Vec<Field<'_>> = Fields::new(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(fields[0].int(), Ok(150));
        assert_eq!(fields[1].text(), Ok("hi"));
        assert_eq!(fields[2].float(), Ok(1.0));
        assert_eq!(fields[2].text(), Err(WireError::Type(3)));
    }

    #[test]
    fn refuses_a_length_beyond_the_end() {
        let huge = [
            0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
        ];
        assert_eq!(Fields::new(&huge).next(), Some(Err(WireError::Truncated)));
    }

    #[test]
    fn refuses_a_varint_without_an_end() {
        let endless = [0xff; 64];
        assert_eq!(Fields::new(&endless).next(), Some(Err(WireError::Varint)));
    }

    #[test]
    fn reads_packed_and_plain_repeated_numbers_alike() {
        let mut ints = Vec::new();
        for bytes in [&[0x0a, 2, 1, 2][..], &[0x08, 3]] {
            let field = Fields::new(bytes).next().unwrap().unwrap();
            field.ints(&mut ints, 8).unwrap();
        }
        assert_eq!(ints, [1, 2, 3]);
    }

    #[test]
    fn stops_at_the_limit_of_a_repeated_field() {
        let field = Fields::new(&[0x0a, 3, 1, 2, 3]).next().unwrap().unwrap();
        assert_eq!(field.ints(&mut Vec::new(), 2), Err(WireError::TooMany(2)));
    }

    proptest! {
        #[test]
        fn any_bytes_end_within_as_many_fields_as_there_are_bytes(bytes: Vec<u8>) {
            prop_assert!(Fields::new(&bytes).count() <= bytes.len());
        }
    }
}
