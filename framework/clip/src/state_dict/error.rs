//! What can go wrong with a file of weights.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Names of a kind that a message lists before it only counts.
const LISTED: usize = 8;

/// A file of weights, or its content, that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateDictError {
    /// There is no such file.
    #[error("no weights at {}\n  hint: check the path, or fetch the model first", path.display())]
    NotFound {
        /// The file asked for.
        path: PathBuf,
    },
    /// A folder stands where a file should.
    #[error("{} is a folder, not a file of weights\n  hint: give the file in it{}", path.display(), example(found))]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Files in it that may be meant.
        found: Vec<PathBuf>,
    },
    /// The file begins like none that weights come in.
    #[error(
        "{} is no weights file of a known format: {reason}\n  hint: \
         weights are safetensors files, or PyTorch's .pt, .pth and .bin; {advice}",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        reason: String,
        /// What to do about it.
        advice: &'static str,
    },
    /// A weight is infinite or not a number.
    #[error(
        "tensor `{name}` holds {value} at position {position}, and with such a weight every score is void\n  hint: \
         take the weights from elsewhere, or from before the training went wrong"
    )]
    NotFinite {
        /// The first such tensor, by name.
        name: String,
        /// 0-based place in the tensor, row by row.
        position: usize,
        /// The number.
        value: f32,
    },
    /// The file is cut off or damaged.
    #[error(
        "{} is not a whole safetensors file: {reason}\n  hint: \
         fetch or copy it again; weights are safetensors files, or PyTorch's .pt, .pth and .bin",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The file begins like one of `PyTorch`, but is damaged or of another form.
    #[error(
        "{} is no PyTorch file of weights: {reason}\n  hint: \
         fetch or copy it again, or write it anew in Python with torch.save(model.state_dict(), FILE)",
        path.display()
    )]
    Torch {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The file is a pickle without an archive, as `PyTorch` wrote before 1.6.
    #[error(
        "{0} is a bare pickle, the format of PyTorch before 1.6\n  hint: \
         write it anew in Python: torch.save(torch.load({0:?}, map_location=\"cpu\", weights_only=True), FILE)",
        path.display()
    )]
    OldTorch {
        /// The file.
        path: PathBuf,
    },
    /// A pickle asks for something that weights are not made of.
    #[error(
        "{} was refused: it asks Python for `{name}`, which weights do not need; nothing in it was run\n  hint: \
         distrust a file from elsewhere; write one of your own anew with torch.save(model.state_dict(), FILE)",
        path.display()
    )]
    Refused {
        /// The file.
        path: PathBuf,
        /// What it asks for.
        name: String,
    },
    /// A number is too large for a file of 16-bit numbers.
    #[error("tensor `{name}` holds {value}, more than 16 bits can\n  hint: write {} with 32 bits", path.display())]
    TooLarge {
        /// The file that was to be written.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The number.
        value: f32,
    },
    /// A tensor holds something else than floating point numbers.
    #[error(
        "tensor `{name}` in {} has the type {dtype}\n  hint: \
         weights have to be F32, F16, BF16 or F64; quantised models are not supported",
        path.display()
    )]
    DataType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// There is no room left for the file.
    #[error(
        "no space left to write {}\n  hint: free some space or choose another folder; nothing was replaced",
        path.display()
    )]
    DiskFull {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// The system refused to read.
    #[error("cannot read {}\n  hint: check its permissions", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The system refused to write.
    #[error("cannot write {}\n  hint: check that its folder exists and may be written to", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The names fit no known kind of CLIP.
    #[error(
        "the weights are not those of a CLIP model; they contain {}\n  hint: \
         known are the names of OpenAI CLIP, Hugging Face `CLIPModel` and open_clip",
        listed(names)
    )]
    UnknownLayout {
        /// The names.
        names: Vec<String>,
    },
    /// Tensors that belong together are missing or do not fit.
    #[error("`{name}` cannot be put together: {reason}\n  hint: the file is incomplete, fetch it again")]
    Parts {
        /// The tensor to be made.
        name: String,
        /// What is missing or does not fit.
        reason: String,
    },
    /// The names or shapes are not those of the model.
    #[error(transparent)]
    Keys(#[from] KeyMismatch),
}

/// The differences between a dictionary and the names and shapes a model expects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyMismatch {
    /// Expected, but not there.
    pub missing: Vec<String>,
    /// There, but not expected.
    pub unexpected: Vec<String>,
    /// There with another shape: name, expected shape, found shape.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl KeyMismatch {
    /// Whether everything fits.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshapen.is_empty()
    }
}

impl fmt::Display for KeyMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the weights do not fit the model")?;
        let shapes = self
            .misshapen
            .iter()
            .map(|(name, expected, found)| format!("{name} {found:?} instead of {expected:?}"))
            .collect::<Vec<_>>();
        for (kind, names) in [("missing", &self.missing), ("unexpected", &self.unexpected), ("wrong shape", &shapes)] {
            if !names.is_empty() {
                write!(f, "\n  {} {kind}: {}", names.len(), listed(names))?;
            }
        }
        write!(f, "\n  hint: choose the model that these weights were made for")
    }
}

impl std::error::Error for KeyMismatch {}

/// Files to give instead of their folder, as the end of a sentence.
fn example(found: &[PathBuf]) -> String {
    let shown = found.iter().take(LISTED).map(|path| path.display().to_string()).collect::<Vec<_>>();
    if shown.is_empty() { ", such as its model.safetensors".to_owned() } else { format!(": {}", shown.join(" or ")) }
}

/// The first few of `names`, and how many more there are.
fn listed(names: &[String]) -> String {
    let shown = names.iter().take(LISTED).cloned().collect::<Vec<_>>();
    match names.len().saturating_sub(LISTED) {
        0 if shown.is_empty() => "nothing".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lists_are_cut_and_counted() {
        let names = (0..11).map(|index| format!("k{index}")).collect::<Vec<_>>();
        assert_eq!(listed(&names[..2]), "k0, k1");
        assert!(listed(&names).ends_with("k7 and 3 more"));
    }
}
