//! A reader for the few pickles that the python version of CIFAR is made of.
//!
//! A pickle is a program for a stack machine that may call any Python function. This reader executes nothing: it knows the
//! opcodes that build numbers, texts, lists, tuples and dictionaries, and the one construction of a `uint8` numpy array,
//! and refuses everything else. Texts and arrays stay ranges of the input, every value is one entry of an arena, and the
//! number of opcodes is limited, so a hostile file can cost neither much memory nor a deep recursion.
//!
//! Python 2 wrote the official files with protocol 2, where texts and bytes are the same; both are bytes here.

mod machine;
mod numpy;
#[cfg(test)]
pub(super) mod sample;

use std::{borrow::Cow, ops::Range};

use machine::Machine;

/// Why a pickle was refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("pickle refused at byte {at}: {reason}")]
pub(super) struct PickleError {
    at: usize,
    reason: String,
}

/// A value, by its place in the arena.
type Id = usize;

#[derive(Debug, Clone)]
enum Value {
    None,
    Bool(bool),
    Int(i64),
    Bytes(Range<usize>),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Allowed),
    /// A `uint8` element type, or any other one.
    Dtype {
        is_u8: bool,
    },
    /// A numpy array before its content is known.
    EmptyArray,
    Array(Array),
}

/// The only names that a pickle may mention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    Reconstruct,
    NdArray,
    Dtype,
}

#[derive(Debug, Clone)]
struct Array {
    shape: Vec<usize>,
    /// Whether the content runs down the columns first.
    by_columns: bool,
    data: Range<usize>,
}

/// A matrix of bytes, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Matrix<'a> {
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) data: Cow<'a, [u8]>,
}

/// A dictionary that was read from a pickle.
#[derive(Debug)]
pub(super) struct PickledDict<'a> {
    input: &'a [u8],
    values: Vec<Value>,
    items: Vec<(Id, Id)>,
}

impl<'a> PickledDict<'a> {
    /// Reads a pickle whose value is a dictionary.
    pub(super) fn parse(input: &'a [u8]) -> Result<Self, PickleError> {
        let (values, root) = Machine::new(input).run()?;
        match &values[root] {
            Value::Dict(items) => Ok(Self { input, items: items.clone(), values }),
            _ => Err(PickleError { at: input.len(), reason: "the value is not a dictionary".to_owned() }),
        }
    }

    /// The list of numbers under `key`; `None` when it is not there or something else.
    pub(super) fn ints(&self, key: &str) -> Option<Vec<i64>> {
        let number = |&id: &Id| match self.values[id] {
            Value::Int(number) => Some(number),
            _ => None,
        };
        self.list(key)?.iter().map(number).collect()
    }

    /// The list of texts under `key`; `None` when it is not there or something else.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<String>> {
        let text = |&id: &Id| String::from_utf8(self.bytes(id)?.to_vec()).ok();
        self.list(key)?.iter().map(text).collect()
    }

    /// The matrix under `key`; `None` when it is not there or something else.
    pub(super) fn matrix(&self, key: &str) -> Option<Matrix<'a>> {
        let Value::Array(array) = &self.values[self.get(key)?] else {
            return None;
        };
        let &[rows, columns] = array.shape.as_slice() else {
            return None;
        };
        let data = self.input.get(array.data.clone())?;
        let data = if array.by_columns {
            let row = |row| data.iter().skip(row).step_by(rows);
            Cow::Owned((0..rows).flat_map(row).copied().collect())
        } else {
            Cow::Borrowed(data)
        };
        Some(Matrix { rows, columns, data })
    }

    /// As in Python, the last of two equal keys counts.
    fn get(&self, key: &str) -> Option<Id> {
        let is_key = |id: Id| self.bytes(id) == Some(key.as_bytes());
        let found = self.items.iter().rev().find(|&&(id, _)| is_key(id));
        found.map(|&(_, value)| value)
    }

    fn list(&self, key: &str) -> Option<&[Id]> {
        match &self.values[self.get(key)?] {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    fn bytes(&self, id: Id) -> Option<&'a [u8]> {
        match &self.values[id] {
            Value::Bytes(range) => self.input.get(range.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{sample::Builder, *};

    fn sample() -> Vec<u8> {
        let builder = Builder::default().ints("labels", &[3, 200, 70_000]);
        let builder = builder.texts("names", &["cat", "dog"]);
        builder.matrix("data", 2, 3, &[1, 2, 3, 4, 5, 6]).finish()
    }

    #[test]
    fn numbers_texts_and_a_matrix_are_read() {
        let bytes = sample();
        let dict = PickledDict::parse(&bytes).unwrap();
        assert_eq!(dict.ints("labels"), Some(vec![3, 200, 70_000]));
        assert_eq!(dict.texts("names"), Some(vec!["cat".into(), "dog".into()]));
        let matrix = dict.matrix("data").unwrap();
        assert_eq!((matrix.rows, matrix.columns), (2, 3));
        assert_eq!(*matrix.data, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_matrix_stored_by_columns_comes_back_by_rows() {
        let builder = Builder::default().by_columns();
        let bytes = builder.matrix("data", 2, 3, &[1, 4, 2, 5, 3, 6]).finish();
        let dict = PickledDict::parse(&bytes).unwrap();
        assert_eq!(*dict.matrix("data").unwrap().data, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_value_of_another_type_is_none() {
        let bytes = sample();
        let dict = PickledDict::parse(&bytes).unwrap();
        assert_eq!(dict.ints("names"), None);
        assert_eq!(dict.texts("labels"), None);
        assert_eq!(dict.matrix("labels"), None);
        assert_eq!(dict.ints("absent"), None);
    }

    #[test]
    fn a_pickle_that_calls_a_function_is_refused_by_name() {
        let bytes = b"\x80\x02cos\nsystem\nU\x04true\x85R.";
        let error = PickledDict::parse(bytes).unwrap_err().to_string();
        assert!(error.contains("os.system is not allowed"), "{error}");
        let protocol_4 = b"\x80\x04\x8c\x02os\x8c\x06system\x93.";
        assert!(PickledDict::parse(protocol_4).is_err());
    }

    #[test]
    fn a_length_past_the_end_is_refused_without_an_allocation() {
        for bytes in [
            &b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff."[..],
            b"\x80\x02X\xff\xff\xff\xff.",
            b"\x80\x02T\xff\xff\xff\xff.",
        ] {
            assert!(PickledDict::parse(bytes).is_err());
        }
    }

    #[test]
    fn an_endless_supply_of_opcodes_is_refused() {
        let mut bytes = vec![b'N'; 3 << 20];
        bytes.extend(b"}.");
        let error = PickledDict::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains("opcodes"), "{error}");
    }

    #[test]
    fn a_list_that_holds_itself_is_harmless() {
        let bytes = b"\x80\x02}U\x01a]q\x00h\x00as.";
        assert_eq!(PickledDict::parse(bytes).unwrap().ints("a"), None);
    }

    #[test]
    fn an_array_whose_shape_and_content_disagree_is_refused() {
        let bytes = Builder::default().matrix("data", 2, 4, &[1, 2, 3]).finish();
        let error = PickledDict::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains("[2, 4]") && error.contains("3 bytes"), "{error}");
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = sample();
        for length in 0..bytes.len() {
            assert!(PickledDict::parse(&bytes[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn damaged_pickles_never_panic(changes in prop::collection::vec((0usize..300, any::<u8>()), 1..6)) {
            let mut bytes = sample();
            for (at, value) in changes {
                let length = bytes.len();
                bytes[at % length] = value;
            }
            if let Ok(dict) = PickledDict::parse(&bytes) {
                let _ = (dict.ints("labels"), dict.texts("names"), dict.matrix("data"));
            }
        }

        #[test]
        fn programs_of_known_opcodes_never_panic(
            program in prop::collection::vec(prop::sample::select(b"NKIU(]})t\x85\x86\x87aesuqhc\x93Rb.\x00\n\x94".to_vec()), 0..60)
        ) {
            let _ = PickledDict::parse(&program);
        }
    }
}
