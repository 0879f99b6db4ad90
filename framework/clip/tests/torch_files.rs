//! Files that `PyTorch` itself has written; `fixtures/torch_files.py` makes them.

use std::path::{Path, PathBuf};

use clf_clip::state_dict::to_openai;
use clf_clip::{StateDict, StateDictError};

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/torch").join(name)
}

#[test]
fn every_kind_of_file_has_the_same_weights() {
    let expected = StateDict::read(path("expected.safetensors")).unwrap();
    for name in ["state_dict.pt", "protocol-4.bin", "mixed.pth", "training.pt", "torchscript.pt"] {
        let dict = to_openai(StateDict::read(path(name)).unwrap()).unwrap();
        assert_eq!(dict.shapes(), expected.shapes(), "{name}");
        assert!(dict.tensors == expected.tensors, "the values of {name}");
    }
}

#[test]
fn the_old_format_says_how_to_save_again() {
    let error = StateDict::read(path("old-format.pt")).unwrap_err();
    assert!(matches!(error, StateDictError::OldTorch { .. }));
    let message = error.to_string();
    assert!(message.contains("old-format.pt") && message.contains("torch.save(torch.load("), "{message}");
}

#[test]
fn a_hostile_file_and_a_whole_module_are_refused_by_name() {
    for (file, name) in [("hostile.pt", "posix.system"), ("module.pt", "torch.nn.modules.linear.Linear")] {
        let error = StateDict::read(path(file)).unwrap_err();
        assert!(matches!(error, StateDictError::Refused { .. }), "{error}");
        let message = error.to_string();
        assert!(message.contains(file) && message.contains(&format!("`{name}`")), "{message}");
    }
}
