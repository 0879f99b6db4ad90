//! Finds the tensors in what a pickle holds.

use std::collections::BTreeMap;

use super::Fault;
use super::machine::{Id, Pickled, Value};
use super::tensor::Tensor;

/// Where training scripts keep the weights in a dictionary of other things.
const WRAPPERS: [&str; 3] = ["state_dict", "model_state_dict", "model"];
/// What wrappers of modules put in front of every name: parallel training, compilation.
const PREFIXES: [&str; 2] = ["module.", "_orig_mod."];
/// Deepest nesting of modules; that of CLIP is six.
const MAX_DEPTH: usize = 32;
/// Most attributes that are looked at, counting those of shared parts each time.
const MAX_VISITS: usize = 1 << 20;

/// The tensors by name.
///
/// # Errors
///
/// When there are none, or modules are nested without end.
pub(super) fn tensors(pickled: &Pickled<'_>) -> Result<BTreeMap<String, Tensor>, Fault> {
    let mut found = Found { pickled, tensors: BTreeMap::new(), visits: 0 };
    found.visit(weights(pickled), "", 0)?;
    if found.tensors.is_empty() {
        return Err(Fault::Unreadable("there are no named tensors in it".to_owned()));
    }
    let mut tensors = found.tensors;
    for prefix in PREFIXES {
        if tensors.keys().all(|name| name.starts_with(prefix)) {
            tensors = tensors.into_iter().map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor)).collect();
        }
    }
    Ok(tensors)
}

/// The value that has the tensors: the root, or what is under a known key of it.
fn weights(pickled: &Pickled<'_>) -> Id {
    let items = pickled.items(pickled.root);
    if items.iter().any(|(_, value)| matches!(pickled.values[*value], Value::Tensor(_))) {
        return pickled.root;
    }
    let under = |wrapper: &str| {
        let mut items = items.iter().rev();
        let (_, value) = items.find(|(key, _)| pickled.text(*key).as_deref() == Some(wrapper))?;
        (!pickled.items(*value).is_empty()).then_some(*value)
    };
    WRAPPERS.into_iter().find_map(under).unwrap_or(pickled.root)
}

struct Found<'a> {
    pickled: &'a Pickled<'a>,
    tensors: BTreeMap<String, Tensor>,
    visits: usize,
}

impl Found<'_> {
    fn visit(&mut self, id: Id, prefix: &str, depth: usize) -> Result<(), Fault> {
        let pickled = self.pickled;
        for (key, value) in pickled.items(id) {
            self.visits += 1;
            if depth > MAX_DEPTH || self.visits > MAX_VISITS {
                return Err(Fault::Unreadable("its modules are nested without end".to_owned()));
            }
            let Some(key) = pickled.text(*key) else { continue };
            match &pickled.values[*value] {
                Value::Tensor(tensor) => {
                    self.tensors.insert(format!("{prefix}{key}"), tensor.clone());
                }
                Value::Object(_) => self.visit(*value, &format!("{prefix}{key}."), depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }
}
