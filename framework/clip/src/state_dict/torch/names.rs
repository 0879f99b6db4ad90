//! The only names that a pickle of weights may mention, and what calling them makes.

use safetensors::Dtype;

use super::Fault;
use super::machine::{Id, Machine, Step, Value};
use super::tensor::{Storage, Tensor};

/// A name that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// An empty dictionary when called.
    OrderedDict,
    /// A tensor when called.
    RebuildTensor,
    /// Its first argument when called.
    RebuildParameter,
    /// The type of a storage.
    Storage(Dtype),
    /// A class of a `torch.jit` archive.
    Script,
    /// Something that stands beside weights, and means nothing here.
    Other,
}

impl Name {
    /// The name `module.name`, if it is allowed.
    fn find(module: &str, name: &str) -> Option<Self> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Self::OrderedDict),
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(Self::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Self::RebuildParameter),
            ("torch", _) => storage_type(name).map(Self::Storage).or_else(|| is_plain(name).then_some(Self::Other)),
            ("torch.jit._pickle", "build_intlist" | "build_doublelist" | "build_boollist" | "build_tensorlist")
            | ("argparse", "Namespace")
            | ("numpy", "dtype")
            | ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar")
            | ("_codecs", "encode") => Some(Self::Other),
            _ if module == "__torch__" || module.starts_with("__torch__.") => Some(Self::Script),
            _ => None,
        }
    }
}

fn storage_type(name: &str) -> Option<Dtype> {
    Some(match name {
        "FloatStorage" => Dtype::F32,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "DoubleStorage" => Dtype::F64,
        "LongStorage" => Dtype::I64,
        "IntStorage" => Dtype::I32,
        "ShortStorage" => Dtype::I16,
        "CharStorage" => Dtype::I8,
        "ByteStorage" => Dtype::U8,
        "BoolStorage" => Dtype::BOOL,
        _ => return None,
    })
}

/// Names of the module `torch` that training scripts put beside weights.
fn is_plain(name: &str) -> bool {
    ["Size", "device", "float16", "float32", "float64", "bfloat16", "int64"].contains(&name)
}

impl Machine<'_> {
    /// Pushes an allowed name, and refuses every other one.
    pub(super) fn name(&mut self, opcode: u8) -> Step {
        let (module, name) = if opcode == b'c' {
            (self.line()?, self.line()?)
        } else {
            let [module, name] = self.pop_many()?;
            (self.text(module)?, self.text(name)?)
        };
        let refused = || Fault::Refused(format!("{}.{}", module.escape_debug(), name.escape_debug()));
        self.push(Value::Name(Name::find(&module, &name).ok_or_else(refused)?));
        Ok(())
    }

    /// A call of a name with a tuple of arguments.
    pub(super) fn reduce(&mut self) -> Step {
        let [callee, arguments] = self.pop_many()?;
        let (Value::Name(name), Value::Sequence(arguments)) = (&self.values[callee], &self.values[arguments]) else {
            return Err(self.error("a call of something that is no function"));
        };
        let value = match (name, arguments.as_slice()) {
            (Name::OrderedDict, []) => Value::Dict(Vec::new()),
            (Name::RebuildTensor, &[storage, offset, shape, stride, ..]) => {
                Value::Tensor(self.rebuild(storage, offset, shape, stride)?)
            }
            (Name::RebuildParameter, &[tensor, ..]) => {
                self.push_again(tensor);
                return Ok(());
            }
            (Name::Other, _) => Value::Other,
            _ => return Err(self.error("a call that makes no tensor")),
        };
        self.push(value);
        Ok(())
    }

    /// A new object of a class.
    pub(super) fn new_object(&mut self) -> Step {
        let [class, _arguments] = self.pop_many()?;
        let value = match self.values[class] {
            Value::Name(Name::Script) => Value::Object(None),
            Value::Name(Name::OrderedDict) => Value::Dict(Vec::new()),
            Value::Name(Name::Other) => Value::Other,
            _ => return Err(self.error("a new object of something that is no class")),
        };
        self.push(value);
        Ok(())
    }

    /// Gives the value on top its attributes. Those of a dictionary are notes about the module it comes from.
    pub(super) fn build(&mut self) -> Step {
        let state = self.pop()?;
        let top = self.top()?;
        match &mut self.values[top] {
            Value::Object(attributes) => *attributes = Some(state),
            Value::Dict(_) | Value::Tensor(_) | Value::Other => {}
            _ => return Err(self.error("attributes are given to what has none")),
        }
        Ok(())
    }

    /// The storage that a persistent id `("storage", type, key, device, count)` names.
    pub(super) fn persistent(&mut self) -> Step {
        let id = self.pop()?;
        let Value::Sequence(parts) = &self.values[id] else {
            return Err(self.error("a storage is not named by a tuple"));
        };
        let &[kind, class, key, _device, count, ..] = parts.as_slice() else {
            return Err(self.error("the name of a storage has too few parts"));
        };
        let Value::Name(Name::Storage(dtype)) = self.values[class] else {
            return Err(self.error("a storage has no type"));
        };
        if self.text(kind)? != "storage" {
            return Err(self.error("something is named that is no storage"));
        }
        let storage = Storage { key: self.text(key)?, dtype, count: self.size(count)? };
        self.push(Value::Storage(storage));
        Ok(())
    }

    fn rebuild(&self, storage: Id, offset: Id, shape: Id, stride: Id) -> Result<Tensor, Fault> {
        let Value::Storage(storage) = &self.values[storage] else {
            return Err(self.error("a tensor has no storage"));
        };
        let sizes = |id: Id| match &self.values[id] {
            Value::Sequence(parts) => parts.iter().map(|&part| self.size(part)).collect(),
            _ => Err(self.error("a tensor has no shape")),
        };
        let tensor = Tensor::new(storage.clone(), self.size(offset)?, sizes(shape)?, sizes(stride)?);
        tensor.map_err(|reason| self.error(&reason))
    }

    fn size(&self, id: Id) -> Result<usize, Fault> {
        match self.values[id] {
            Value::Int(size) => usize::try_from(size).map_err(|_| self.error("a size is negative")),
            _ => Err(self.error("a size is not a number")),
        }
    }
}
