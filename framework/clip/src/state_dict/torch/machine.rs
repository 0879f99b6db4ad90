//! The opcodes: a stack, marks on it, and a memo.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::Fault;
use super::names::Name;
use super::tensor::{Storage, Tensor};

/// Most opcodes that are read; a ViT-L/14 with its optimizer has a tenth of it.
const MAX_OPCODES: usize = 1 << 20;

/// Longest name of a function, a class, a storage or an attribute; it may be recalled as often as there are opcodes.
const MAX_NAME: usize = 256;

/// A value, by its place in the arena. What is remembered and taken up again is the same value, not a copy.
pub(super) type Id = usize;

/// What the opcodes build.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Int(i64),
    /// A text, as a range of the pickle.
    Text(Range<usize>),
    Name(Name),
    /// A tuple or a list.
    Sequence(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Storage(Storage),
    Tensor(Tensor),
    /// An object of a `torch.jit` class, and its attributes.
    Object(Option<Id>),
    /// `None`, a truth value, a fraction, a set: nothing that weights are made of.
    Other,
}

/// What a pickle holds.
#[derive(Debug)]
pub(super) struct Pickled<'a> {
    input: &'a [u8],
    pub(super) values: Vec<Value>,
    pub(super) root: Id,
}

impl<'a> Pickled<'a> {
    /// Keys and values of a dictionary, or attributes of an object.
    pub(super) fn items(&self, id: Id) -> &[(Id, Id)] {
        match &self.values[id] {
            Value::Dict(items) => items,
            Value::Object(Some(attributes)) => match &self.values[*attributes] {
                Value::Dict(items) => items,
                _ => &[],
            },
            _ => &[],
        }
    }

    /// The text of a value that is a name.
    pub(super) fn text(&self, id: Id) -> Option<Cow<'a, str>> {
        match &self.values[id] {
            Value::Text(range) if range.len() <= MAX_NAME => Some(String::from_utf8_lossy(&self.input[range.clone()])),
            _ => None,
        }
    }
}

/// The stack machine.
#[derive(Default)]
pub(super) struct Machine<'a> {
    input: &'a [u8],
    at: usize,
    pub(super) values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: BTreeMap<u32, Id>,
}

pub(super) type Step = Result<(), Fault>;

impl<'a> Machine<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input, ..Self::default() }
    }

    /// Goes through the pickle to its end.
    pub(super) fn run(mut self) -> Result<Pickled<'a>, Fault> {
        for _ in 0..MAX_OPCODES {
            let [opcode] = self.array()?;
            if opcode == b'.' {
                let root = self.pop()?;
                return Ok(Pickled { input: self.input, values: self.values, root });
            }
            self.step(opcode)?;
        }
        Err(self.error("more opcodes than weights need"))
    }

    fn step(&mut self, opcode: u8) -> Step {
        match opcode {
            b'K' | b'M' | b'J' | 0x8a => self.int(opcode),
            b'X' | b'T' | b'U' | b'B' | b'C' | 0x8c => self.string(opcode),
            b't' | b'l' | 0x85..=0x87 => self.sequence(opcode),
            b'a' | b'e' => self.append(opcode),
            b's' | b'u' => self.set_items(opcode),
            b'q' | b'r' | 0x94 => self.remember(opcode),
            b'h' | b'j' => self.recall(opcode),
            b'c' | 0x93 => self.name(opcode),
            b'R' => self.reduce(),
            b'b' => self.build(),
            0x81 => self.new_object(),
            b'Q' => self.persistent(),
            // The protocol's number, the length of a frame and fractions mean nothing here.
            0x80 => self.array::<1>().map(drop),
            0x95 => self.array::<8>().map(drop),
            b'G' => self.array::<8>().map(|_| self.push(Value::Other)),
            _ => self.constant(opcode),
        }
    }

    /// An opcode that is complete by itself.
    fn constant(&mut self, opcode: u8) -> Step {
        match opcode {
            b'(' => self.marks.push(self.stack.len()),
            b'N' | 0x88 | 0x89 => self.push(Value::Other),
            b']' | b')' => self.push(Value::Sequence(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            b'0' => drop(self.pop()?),
            _ => return Err(self.error(&format!("opcode {opcode:#04x}, which weights do not need"))),
        }
        Ok(())
    }

    fn int(&mut self, opcode: u8) -> Step {
        let number = match opcode {
            b'K' => i64::from(u8::from_le_bytes(self.array()?)),
            b'M' => i64::from(u16::from_le_bytes(self.array()?)),
            b'J' => i64::from(i32::from_le_bytes(self.array()?)),
            _ => self.long()?,
        };
        self.push(Value::Int(number));
        Ok(())
    }

    fn long(&mut self) -> Result<i64, Fault> {
        let [length] = self.array()?;
        let range = self.take(u64::from(length))?;
        let bytes = &self.input[range];
        if bytes.len() > 8 {
            return Err(self.error("a number of more than 64 bits"));
        }
        let negative = bytes.last().is_some_and(|byte| *byte >= 0x80);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(wide))
    }

    fn string(&mut self, opcode: u8) -> Step {
        let length = match opcode {
            b'U' | b'C' | 0x8c => u64::from(u8::from_le_bytes(self.array()?)),
            // A negative length becomes one that is past the end.
            _ => u64::from(u32::from_le_bytes(self.array()?)),
        };
        let range = self.take(length)?;
        self.push(Value::Text(range));
        Ok(())
    }

    fn sequence(&mut self, opcode: u8) -> Step {
        let items = match opcode {
            b't' | b'l' => self.pop_to_mark()?,
            0x85 => self.pop_many::<1>()?.to_vec(),
            0x86 => self.pop_many::<2>()?.to_vec(),
            _ => self.pop_many::<3>()?.to_vec(),
        };
        self.push(Value::Sequence(items));
        Ok(())
    }

    fn append(&mut self, opcode: u8) -> Step {
        let items = if opcode == b'e' { self.pop_to_mark()? } else { vec![self.pop()?] };
        let top = self.top()?;
        match &mut self.values[top] {
            Value::Sequence(list) => list.extend(items),
            Value::Other => {}
            _ => return Err(self.error("something is appended to what is no list")),
        }
        Ok(())
    }

    fn set_items(&mut self, opcode: u8) -> Step {
        let items = if opcode == b'u' { self.pop_to_mark()? } else { self.pop_many::<2>()?.to_vec() };
        let (pairs, rest) = items.as_chunks::<2>();
        let top = self.top()?;
        match &mut self.values[top] {
            Value::Dict(dict) if rest.is_empty() => dict.extend(pairs.iter().map(|[key, value]| (*key, *value))),
            _ => return Err(self.error("items that make no dictionary")),
        }
        Ok(())
    }

    fn remember(&mut self, opcode: u8) -> Step {
        let key = match opcode {
            b'q' => u32::from(u8::from_le_bytes(self.array()?)),
            b'r' => u32::from_le_bytes(self.array()?),
            _ => self.memo.len() as u32,
        };
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Step {
        let key = match opcode {
            b'h' => u32::from(u8::from_le_bytes(self.array()?)),
            _ => u32::from_le_bytes(self.array()?),
        };
        let id = self.memo.get(&key).copied();
        self.stack.push(id.ok_or_else(|| self.error(&format!("memo {key} is empty")))?);
        Ok(())
    }

    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    /// Puts a value that is there already on the stack.
    pub(super) fn push_again(&mut self, id: Id) {
        self.stack.push(id);
    }

    /// The lowest place that may be popped without crossing an open mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn top(&self) -> Result<Id, Fault> {
        let open = self.stack.get(self.floor()..).and_then(<[Id]>::last);
        open.copied().ok_or_else(|| self.error("the stack is empty"))
    }

    pub(super) fn pop(&mut self) -> Result<Id, Fault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// The last `N` values, the deepest first.
    pub(super) fn pop_many<const N: usize>(&mut self) -> Result<[Id; N], Fault> {
        let mut values = [0; N];
        for value in values.iter_mut().rev() {
            *value = self.pop()?;
        }
        Ok(values)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or_else(|| self.error("there is no open mark"))?;
        Ok(self.stack.split_off(mark))
    }

    fn take(&mut self, length: u64) -> Result<Range<usize>, Fault> {
        let left = self.input.len() - self.at;
        match usize::try_from(length) {
            Ok(length) if length <= left => {
                let range = self.at..self.at + length;
                self.at = range.end;
                Ok(range)
            }
            _ => Err(self.error(&format!("{length} bytes are asked for, but {left} are left"))),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let range = self.take(N as u64)?;
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.input[range]);
        Ok(bytes)
    }

    /// The text up to the next line feed, without it.
    pub(super) fn line(&mut self) -> Result<String, Fault> {
        let rest = &self.input[self.at..];
        let rest = &rest[..rest.len().min(MAX_NAME)];
        let length = rest.iter().position(|byte| *byte == b'\n').ok_or_else(|| self.error("a line does not end"))?;
        self.at += length + 1;
        Ok(String::from_utf8_lossy(&rest[..length]).into_owned())
    }

    /// The text of a value.
    pub(super) fn text(&self, id: Id) -> Result<String, Fault> {
        match &self.values[id] {
            Value::Text(range) if range.len() <= MAX_NAME => {
                Ok(String::from_utf8_lossy(&self.input[range.clone()]).into_owned())
            }
            _ => Err(self.error("a name is no short text")),
        }
    }

    pub(super) fn error(&self, reason: &str) -> Fault {
        Fault::Unreadable(format!("its pickle is damaged at byte {}: {reason}", self.at))
    }
}
