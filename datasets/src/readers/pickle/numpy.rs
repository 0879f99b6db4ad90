//! The one construction that a pickle may name: a numpy array of bytes.

use super::{
    Allowed, Array, Id, PickleError, Value,
    machine::{Machine, Step},
};

/// More dimensions than an image batch can have.
const MAX_DIMENSIONS: usize = 4;

impl Machine<'_> {
    /// Pushes one of the names that make an array, and refuses every other one.
    pub(super) fn global(&mut self, opcode: u8) -> Step {
        let (module, name) = if opcode == b'c' {
            (self.line()?, self.line()?)
        } else {
            let parts = self.pop_many(2)?;
            match (&self.values[parts[0]], &self.values[parts[1]]) {
                (Value::Bytes(module), Value::Bytes(name)) => (module.clone(), name.clone()),
                _ => return Err(self.error("a global has no name")),
            }
        };
        let (module, name) = (&self.input[module], &self.input[name]);
        let allowed = match (module, name) {
            (b"numpy.core.multiarray" | b"numpy._core.multiarray", b"_reconstruct") => Allowed::Reconstruct,
            (b"numpy", b"ndarray") => Allowed::NdArray,
            (b"numpy", b"dtype") => Allowed::Dtype,
            _ => {
                let [module, name] = [module, name].map(String::from_utf8_lossy);
                return Err(self.error(format!("the name {module}.{name} is not allowed")));
            }
        };
        self.push(Value::Global(allowed));
        Ok(())
    }

    /// A call: `_reconstruct(...)` makes an empty array, `dtype("u1", ...)` an element type.
    pub(super) fn reduce(&mut self) -> Step {
        let parts = self.pop_many(2)?;
        let value = match (&self.values[parts[0]], &self.values[parts[1]]) {
            (Value::Global(Allowed::Reconstruct), Value::Tuple(_)) => Value::EmptyArray,
            (Value::Global(Allowed::Dtype), Value::Tuple(arguments)) => {
                let code = arguments.first().map(|&id| &self.values[id]);
                let is_u8 = matches!(code, Some(Value::Bytes(range))
                    if matches!(&self.input[range.clone()], b"u1" | b"|u1"));
                Value::Dtype { is_u8 }
            }
            _ => return Err(self.error("a call that does not make an array")),
        };
        self.push(value);
        Ok(())
    }

    /// Gives the value on top its state: shape and content of an array; what a `u1` element type says is fixed.
    pub(super) fn build(&mut self) -> Step {
        let state = self.pop()?;
        let top = self.top()?;
        match &self.values[top] {
            Value::Dtype { .. } => Ok(()),
            Value::EmptyArray => {
                let array = self.array_state(state)?;
                self.values[top] = Value::Array(array);
                Ok(())
            }
            _ => Err(self.error("a state is given to what has none")),
        }
    }

    /// The state `(version, shape, dtype, is_fortran, content)` of a numpy array.
    fn array_state(&self, state: Id) -> Result<Array, PickleError> {
        let Value::Tuple(parts) = &self.values[state] else {
            return Err(self.error("an array's state is not a tuple"));
        };
        let &[_, shape, dtype, order, content] = parts.as_slice() else {
            return Err(self.error(format!("an array's state has {} parts, not 5", parts.len())));
        };
        let (Value::Tuple(shape), Value::Bytes(data)) = (&self.values[shape], &self.values[content]) else {
            return Err(self.error("an array has no shape or no content"));
        };
        if !matches!(self.values[dtype], Value::Dtype { is_u8: true }) {
            return Err(self.error("an array is not of the type uint8"));
        }
        let Value::Bool(by_columns) = self.values[order] else {
            return Err(self.error("an array does not tell its order"));
        };
        let size = |&id: &Id| match self.values[id] {
            Value::Int(size) => usize::try_from(size).ok(),
            _ => None,
        };
        let shape: Option<Vec<usize>> = shape.iter().map(size).collect();
        let shape = shape.filter(|shape| shape.len() <= MAX_DIMENSIONS);
        let shape = shape.ok_or_else(|| self.error("an array has no proper shape"))?;
        let volume = shape.iter().try_fold(1, |volume: usize, &size| volume.checked_mul(size));
        if volume != Some(data.len()) {
            let have = data.len();
            return Err(self.error(format!("an array of shape {shape:?} has {have} bytes")));
        }
        Ok(Array { shape, by_columns, data: data.clone() })
    }
}
