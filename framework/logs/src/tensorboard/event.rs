//! The messages of TensorBoard that a run needs, and how they lie in a file.
//!
//! The field numbers are those of TensorBoard's `event.proto` and `summary.proto`. A file is a row of records: the length in
//! 8 bytes, its checksum, the message, its checksum; numbers are little-endian.

use prost::Message;

/// What `SessionLog` says when a program begins to write.
const START: i32 = 1;
/// Added to a checksum, so that one of data that holds checksums is no worse than others.
const MASK: u32 = 0xa282_ead8;
/// Bytes of the length and its checksum.
const HEAD: usize = 12;

/// One thing that happened.
#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    /// The place on the horizontal axis.
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// What happened.
    #[prost(oneof = "What", tags = "3, 5, 7")]
    pub what: Option<What>,
}

/// What happened.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum What {
    /// First in every file.
    #[prost(string, tag = "3")]
    FileVersion(String),
    /// Values at a step.
    #[prost(message, tag = "5")]
    Summary(Summary),
    /// A program begins to write at a step; what was written from this step on before no longer counts.
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

/// Values at a step.
#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    /// The values.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

/// One value.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// The curve that it belongs to.
    #[prost(string, tag = "1")]
    pub tag: String,
    /// The value; optional, so that a zero is written.
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
}

/// State of the writing program.
#[derive(Clone, PartialEq, Message)]
pub struct SessionLog {
    /// 1 for a start.
    #[prost(int32, tag = "1")]
    pub status: i32,
}

impl What {
    /// What every file begins with.
    pub fn version() -> Self {
        Self::FileVersion("brain.Event:2".to_owned())
    }

    /// Writing begins.
    pub fn start() -> Self {
        Self::SessionLog(SessionLog { status: START })
    }

    /// Values by tag.
    pub fn values(values: impl Iterator<Item = (String, f64)>) -> Self {
        let value = |(tag, value): (String, f64)| Value { tag, simple_value: Some(value as f32) };
        Self::Summary(Summary { values: values.map(value).collect() })
    }
}

impl Event {
    /// The record of this event in a file.
    pub fn to_record(&self) -> Vec<u8> {
        let message = self.encode_to_vec();
        let length = (message.len() as u64).to_le_bytes();
        [&length[..], &checksum(&length), &message, &checksum(&message)].concat()
    }
}

/// The events in the bytes of a file, up to the first record that is not whole.
pub fn read_events(mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some((event, rest)) = first_event(bytes) {
        events.push(event);
        bytes = rest;
    }
    events
}

fn first_event(bytes: &[u8]) -> Option<(Event, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let message = rest.get(HEAD - length.len()..)?.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let end = HEAD + message.len() + checksum(message).len();
    let is_whole = bytes.get(HEAD + message.len()..end)? == checksum(message);
    Some((Event::decode(message).ok().filter(|_| is_whole)?, &bytes[end..]))
}

fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(MASK).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        let values = [("lr".to_owned(), 0.0), ("loss".to_owned(), 2.5)].into_iter();
        Event { wall_time: 1.5, step: 7, what: Some(What::values(values)) }
    }

    #[test]
    fn the_bytes_are_those_of_the_format() {
        // Written out by hand: fields 1 (double), 2 (varint) and 5 (message); a zero is there.
        let message = [
            &[0x09, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0x10, 7, 0x2a, 24][..],
            &[0x0a, 9, 0x0a, 2, b'l', b'r', 0x15, 0, 0, 0, 0],
            &[0x0a, 11, 0x0a, 4, b'l', b'o', b's', b's', 0x15, 0, 0, 0x20, 0x40],
        ]
        .concat();
        let record = event().to_record();
        assert_eq!(record[..8], (message.len() as u64).to_le_bytes());
        assert_eq!(record[12..record.len() - 4], message);
        // The known CRC-32C of nine digits is `0xe306_9283`.
        assert_eq!(checksum(b"123456789"), 0xc78a_b0e5_u32.to_le_bytes());
    }

    #[test]
    fn what_is_written_is_read_back_up_to_a_record_that_is_not_whole() {
        let start = Event { wall_time: 0.0, step: 0, what: Some(What::start()) };
        let mut bytes = [start.to_record(), event().to_record()].concat();
        assert_eq!(read_events(&bytes), [start.clone(), event()]);
        for length in [1, 9, 30] {
            let cut = &bytes[..bytes.len() - length];
            assert_eq!(read_events(cut), std::slice::from_ref(&start));
        }
        let last = bytes.len() - 6;
        bytes[last] ^= 1;
        assert_eq!(read_events(&bytes), [start]);
    }
}
