//! The values of a matrix.

use super::element::{Array, MATRIX, next_element};

/// Cells and structs may hold others; real files do so two or three times over.
const MAX_DEPTH: usize = 16;

/// What a matrix holds, column by column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// Numbers of any width.
    Numbers(Vec<f64>),
    /// One line of letters.
    Text(String),
    /// Values of any kind.
    Cells(Vec<Value>),
    /// Rows with the same fields.
    Structs {
        /// Names of the fields.
        fields: Vec<String>,
        /// Row by row, the fields of a row in order.
        values: Vec<Value>,
    },
    /// Something that is not read.
    Other,
}

impl Value {
    /// Reads the values of `array`.
    pub(super) fn of(array: &Array) -> Result<Self, String> {
        read(array, 0)
    }

    /// What it is, for people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Numbers(values) if values.is_empty() => "empty",
            Self::Numbers(values) if values.len() == 1 => "a number",
            Self::Numbers(_) => "several numbers",
            Self::Text(_) => "a text",
            Self::Cells(_) => "a cell array",
            Self::Structs { .. } => "an array of structs",
            Self::Other => "something else",
        }
    }
}

/// `value` as a count, if it is one.
pub(super) fn whole(value: f64) -> Option<usize> {
    let fits = value >= 0.0 && value <= f64::from(u32::MAX) && value.fract() == 0.0;
    fits.then_some(value as usize)
}

fn read(array: &Array, depth: usize) -> Result<Value, String> {
    match array.class {
        1 => Ok(Value::Cells(matrices(array.content, array.count, depth)?)),
        2 => structs(array, depth),
        4 => text(array),
        6..=15 => numbers(array),
        _ => Ok(Value::Other),
    }
}

/// The next `count` matrices, whose names are empty.
fn matrices(mut content: &[u8], count: usize, depth: usize) -> Result<Vec<Value>, String> {
    if depth == MAX_DEPTH {
        return Err(format!("it has cells or structs within each other more than {MAX_DEPTH} deep"));
    }
    // The count is not believed before as much has been read.
    let mut values = Vec::new();
    for _ in 0..count {
        let (kind, content) = next_element(&mut content)?;
        values.push(match (kind, content) {
            (MATRIX, []) => Value::Numbers(Vec::new()),
            (MATRIX, content) => read(&Array::new(content)?.0, depth + 1)?,
            _ => return Err(format!("it has an element of type {kind} where a matrix belongs")),
        });
    }
    Ok(values)
}

fn structs(array: &Array, depth: usize) -> Result<Value, String> {
    let mut content = array.content;
    let (_, width) = next_element(&mut content)?;
    let (_, names) = next_element(&mut content)?;
    let width = width.first_chunk::<4>().map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize);
    if width == 0 || names.is_empty() {
        return Err("it has structs without fields".to_owned());
    }
    let name = |bytes: &[u8]| {
        let letters = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(letters).into_owned()
    };
    let fields: Vec<String> = names.chunks(width).map(name).collect();
    let count = array.count.checked_mul(fields.len()).ok_or("a matrix is impossibly large")?;
    let values = matrices(content, count, depth)?;
    Ok(Value::Structs { fields, values })
}

fn text(array: &Array) -> Result<Value, String> {
    if array.count == 0 {
        return Ok(Value::Text(String::new()));
    }
    if array.rows != 1 {
        return Ok(Value::Other);
    }
    let (kind, bytes) = next_element(&mut &*array.content)?;
    let text = match kind {
        1 | 2 | 16 => str::from_utf8(bytes).ok().map(str::to_owned),
        4 | 17 => fixed(bytes, u16::from_le_bytes).and_then(|units| String::from_utf16(&units).ok()),
        18 => fixed(bytes, u32::from_le_bytes)
            .and_then(|units| units.into_iter().map(char::from_u32).collect::<Option<String>>()),
        _ => None,
    };
    text.map(Value::Text).ok_or_else(|| format!("it has letters of type {kind} that cannot be read"))
}

fn numbers(array: &Array) -> Result<Value, String> {
    let (kind, bytes) = next_element(&mut &*array.content)?;
    let values = match kind {
        1 => fixed(bytes, |it| f64::from(i8::from_le_bytes(it))),
        2 => fixed(bytes, |[it]| f64::from(it)),
        3 => fixed(bytes, |it| f64::from(i16::from_le_bytes(it))),
        4 => fixed(bytes, |it| f64::from(u16::from_le_bytes(it))),
        5 => fixed(bytes, |it| f64::from(i32::from_le_bytes(it))),
        6 => fixed(bytes, |it| f64::from(u32::from_le_bytes(it))),
        7 => fixed(bytes, |it| f64::from(f32::from_le_bytes(it))),
        9 => fixed(bytes, f64::from_le_bytes),
        12 => fixed(bytes, |it| i64::from_le_bytes(it) as f64),
        13 => fixed(bytes, |it| u64::from_le_bytes(it) as f64),
        _ => None,
    };
    let values = values.ok_or_else(|| format!("it has numbers of type {kind} that cannot be read"))?;
    if values.len() != array.count {
        return Err(format!("a matrix of {} values holds {}", array.count, values.len()));
    }
    Ok(Value::Numbers(values))
}

/// Values of `N` bytes each; `None` when bytes are left over.
fn fixed<const N: usize, T>(bytes: &[u8], value: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (values, rest) = bytes.as_chunks::<N>();
    rest.is_empty().then(|| values.iter().map(|it| value(*it)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::{
            element::find,
            sample::{Item, variables},
        },
        *,
    };

    fn toy() -> Vec<u8> {
        let text = |text: &str| Item::Text(text.to_owned());
        let row = |class| vec![Item::Numbers(vec![class]), Item::Cells(vec![text("a"), text("longer text")])];
        let rows = Item::Structs(vec!["class", "names"], vec![row(1), row(2)]);
        variables(&[("first", Item::Numbers(vec![5; 20])), ("rows", rows)])
    }

    fn value(bytes: &[u8]) -> Result<Value, String> {
        find(bytes, "rows", |array| Value::of(&array))
    }

    #[test]
    fn structs_may_hold_cells() {
        let Value::Structs { fields, values } = value(&toy()).unwrap() else { panic!("not structs") };
        assert_eq!(fields, ["class", "names"]);
        assert_eq!(values.len(), 4);
        assert_eq!(values[2], Value::Numbers(vec![2.0]));
        assert_eq!(values[3], Value::Cells(vec![Value::Text("a".into()), Value::Text("longer text".into())]));
    }

    #[test]
    fn cells_within_cells_end_somewhere() {
        let nested = (0..40).fold(Item::Numbers(vec![1]), |inner, _| Item::Cells(vec![inner]));
        let error = value(&variables(&[("rows", nested)])).unwrap_err();
        assert!(error.contains("more than 16 deep"), "{error}");
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = toy();
        for length in 0..bytes.len() {
            assert!(value(&bytes[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn only_whole_numbers_are_counts() {
        assert_eq!(whole(12.0), Some(12));
        for bad in [-1.0, 0.5, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(whole(bad), None);
        }
    }

    proptest! {
        #[test]
        fn damaged_files_never_panic(changes in prop::collection::vec((0usize..2000, any::<u8>()), 1..5), packed: bool) {
            let mut bytes = toy();
            if !packed {
                bytes = super::super::sample::unpacked(&bytes);
            }
            for (at, value) in changes {
                let length = bytes.len();
                bytes[at % length] = value;
            }
            let _ = value(&bytes);
        }
    }
}
