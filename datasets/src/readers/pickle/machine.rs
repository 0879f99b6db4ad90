//! The opcodes: a stack, marks on it, and a memo.

use std::{collections::BTreeMap, ops::Range};

use super::{Id, PickleError, Value};

/// Most opcodes that are read; the largest official file has a tenth of it.
const MAX_OPCODES: usize = 1 << 21;

/// The stack machine.
#[derive(Default)]
pub(super) struct Machine<'a> {
    pub(super) input: &'a [u8],
    at: usize,
    pub(super) values: Vec<Value>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: BTreeMap<u64, Id>,
}

pub(super) type Step = Result<(), PickleError>;

impl<'a> Machine<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input, ..Self::default() }
    }

    /// Runs the program to its end: all values, and which of them is the result.
    pub(super) fn run(mut self) -> Result<(Vec<Value>, Id), PickleError> {
        for _ in 0..MAX_OPCODES {
            let [opcode] = self.array()?;
            if opcode == b'.' {
                let root = self.pop()?;
                return Ok((self.values, root));
            }
            self.step(opcode)?;
        }
        Err(self.error(format!("more than {MAX_OPCODES} opcodes")))
    }

    fn step(&mut self, opcode: u8) -> Step {
        match opcode {
            b'K' | b'M' | b'J' | b'I' | 0x8a => self.int(opcode),
            b'U' | b'T' | b'C' | b'B' | b'X' | 0x8c..=0x8e => self.text(opcode),
            b't' | 0x85..=0x87 => self.tuple(opcode),
            b'a' | b'e' => self.append(opcode),
            b's' | b'u' => self.set_items(opcode),
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memoize(opcode),
            b'c' | 0x93 => self.global(opcode),
            b'R' => self.reduce(),
            b'b' => self.build(),
            // The protocol's number and the length of a frame change nothing.
            0x80 => self.array::<1>().map(drop),
            0x95 => self.array::<8>().map(drop),
            _ => self.constant(opcode),
        }
    }

    /// An opcode that is complete by itself.
    fn constant(&mut self, opcode: u8) -> Step {
        match opcode {
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Value::None),
            0x88 | 0x89 => self.push(Value::Bool(opcode == 0x88)),
            b']' => self.push(Value::List(Vec::new())),
            b'}' => self.push(Value::Dict(Vec::new())),
            b')' => self.push(Value::Tuple(Vec::new())),
            _ => return Err(self.error(format!("opcode {opcode:#04x} is not allowed"))),
        }
        Ok(())
    }

    fn int(&mut self, opcode: u8) -> Step {
        let number = match opcode {
            b'K' => i64::from(u8::from_le_bytes(self.array()?)),
            b'M' => i64::from(u16::from_le_bytes(self.array()?)),
            b'J' => i64::from(i32::from_le_bytes(self.array()?)),
            b'I' => self.line_int()?,
            _ => self.long()?,
        };
        self.push(Value::Int(number));
        Ok(())
    }

    fn line_int(&mut self) -> Result<i64, PickleError> {
        let line = self.line()?;
        let text = str::from_utf8(&self.input[line]).ok();
        let number = text.and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.error("a line is not a number"))
    }

    fn long(&mut self) -> Result<i64, PickleError> {
        let [length] = self.array()?;
        let range = self.take(u64::from(length))?;
        let bytes = &self.input[range];
        if bytes.len() > 8 {
            return Err(self.error("a number has more than 64 bits"));
        }
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(wide))
    }

    fn text(&mut self, opcode: u8) -> Step {
        let length = match opcode {
            b'U' | b'C' | 0x8c => u64::from(u8::from_le_bytes(self.array()?)),
            b'B' | b'X' => u64::from(u32::from_le_bytes(self.array()?)),
            b'T' => u64::try_from(i32::from_le_bytes(self.array()?))
                .map_err(|_| self.error("a text has a negative length"))?,
            _ => u64::from_le_bytes(self.array()?),
        };
        let range = self.take(length)?;
        self.push(Value::Bytes(range));
        Ok(())
    }

    fn tuple(&mut self, opcode: u8) -> Step {
        let items = match opcode {
            b't' => self.pop_to_mark()?,
            _ => self.pop_many(usize::from(opcode - 0x84))?,
        };
        self.push(Value::Tuple(items));
        Ok(())
    }

    fn append(&mut self, opcode: u8) -> Step {
        let items = match opcode {
            b'e' => self.pop_to_mark()?,
            _ => self.pop_many(1)?,
        };
        let top = self.top()?;
        match &mut self.values[top] {
            Value::List(list) => {
                list.extend(items);
                Ok(())
            }
            _ => Err(self.error("something is appended to what is not a list")),
        }
    }

    fn set_items(&mut self, opcode: u8) -> Step {
        let items = match opcode {
            b'u' => self.pop_to_mark()?,
            _ => self.pop_many(2)?,
        };
        let (pairs, rest) = items.as_chunks::<2>();
        let top = self.top()?;
        match &mut self.values[top] {
            Value::Dict(dict) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
                Ok(())
            }
            _ => Err(self.error("items are set that do not make a dictionary")),
        }
    }

    fn memoize(&mut self, opcode: u8) -> Step {
        let key = match opcode {
            b'q' | b'h' => u64::from(u8::from_le_bytes(self.array()?)),
            b'r' | b'j' => u64::from(u32::from_le_bytes(self.array()?)),
            _ => self.memo.len() as u64,
        };
        if matches!(opcode, b'h' | b'j') {
            let id = self.memo.get(&key).copied();
            let id = id.ok_or_else(|| self.error(format!("memo {key} is empty")))?;
            self.stack.push(id);
        } else {
            let top = self.top()?;
            self.memo.insert(key, top);
        }
        Ok(())
    }

    pub(super) fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    /// The lowest place that may be popped without crossing an open mark.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn top(&self) -> Result<Id, PickleError> {
        match self.stack.get(self.floor()..).and_then(<[Id]>::last) {
            Some(&id) => Ok(id),
            None => Err(self.error("the stack is empty")),
        }
    }

    pub(super) fn pop(&mut self) -> Result<Id, PickleError> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    pub(super) fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, PickleError> {
        let start = self.stack.len().checked_sub(count);
        let start = start.filter(|&start| start >= self.floor());
        match start {
            Some(start) => Ok(self.stack.split_off(start)),
            None => Err(self.error("the stack is empty")),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, PickleError> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.error("there is no open mark")),
        }
    }

    fn take(&mut self, length: u64) -> Result<Range<usize>, PickleError> {
        let left = self.input.len() - self.at;
        match usize::try_from(length) {
            Ok(length) if length <= left => {
                let range = self.at..self.at + length;
                self.at = range.end;
                Ok(range)
            }
            _ => Err(self.error(format!("needs {length} bytes, but {left} are left"))),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let range = self.take(N as u64)?;
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.input[range]);
        Ok(bytes)
    }

    /// The text up to the next line feed, without it.
    pub(super) fn line(&mut self) -> Result<Range<usize>, PickleError> {
        let rest = &self.input[self.at..];
        match rest.iter().position(|&byte| byte == b'\n') {
            Some(length) => {
                let range = self.at..self.at + length;
                self.at = range.end + 1;
                Ok(range)
            }
            None => Err(self.error("a line does not end")),
        }
    }

    pub(super) fn error(&self, reason: impl Into<String>) -> PickleError {
        PickleError { at: self.at, reason: reason.into() }
    }
}
