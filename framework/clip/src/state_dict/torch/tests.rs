use std::path::Path;

use proptest::prelude::*;
use zip::CompressionMethod;

use super::sample::{archive, dict, numbers, tensor, text, zip};
use super::*;

const SIX: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];

fn load(bytes: &[u8]) -> Result<StateDict, StateDictError> {
    StateDict::from_bytes(bytes, Path::new("weights.pt"))
}

/// The error of an archive with this pickle and the storage `0` of six numbers.
#[track_caller]
fn fault(pickle: &[u8]) -> String {
    load(&archive(pickle, &[("0", &numbers(&SIX))])).unwrap_err().to_string()
}

#[track_caller]
fn assert_fault(pickle: &[u8], parts: &[&str]) {
    let message = fault(pickle);
    for part in parts.iter().chain(&["weights.pt", "hint:"]) {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
}

fn view(offset: i32, shape: &[i32], stride: &[i32]) -> Vec<u8> {
    tensor("FloatStorage", "0", 6, offset, shape, stride)
}

#[test]
fn views_of_one_storage_are_tensors_of_their_own() {
    let pickle = dict(&[
        ("rows", view(0, &[2, 3], &[3, 1])),
        ("columns", view(0, &[3, 2], &[1, 3])),
        ("one", view(4, &[], &[])),
    ]);
    let dict = load(&archive(&pickle, &[("0", &numbers(&SIX))])).unwrap();
    assert_eq!(dict.tensors["rows"], HostTensor::new([2, 3], SIX.to_vec()));
    assert_eq!(dict.tensors["columns"], HostTensor::new([3, 2], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
    assert_eq!(dict.tensors["one"], HostTensor::scalar(5.0));
}

#[test]
fn integers_are_skipped_only_where_they_are_buffers() {
    let long = |name: &str| dict(&[(name, tensor("LongStorage", "0", 3, 0, &[3], &[1])), ("w", view(0, &[6], &[1]))]);
    let read = load(&archive(&long("context_length"), &[("0", &numbers(&SIX))])).unwrap();
    assert_eq!(read.tensors.len(), 1);
    assert_fault(&long("visual.proj"), &["`visual.proj`", "I64"]);
}

#[test]
fn a_pickle_that_asks_for_a_function_is_refused_by_its_name() {
    for (module, name) in
        [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("torch", "load"), ("torch.nn", "Module")]
    {
        let call = [format!("c{module}\n{name}\n").as_bytes(), &text("true"), b"\x85R"].concat();
        let message = fault(&dict(&[("w", view(0, &[6], &[1])), ("x", call)]));
        assert!(message.contains(&format!("`{module}.{name}`")) && message.contains("weights.pt"), "{message}");
        assert!(message.contains("nothing in it was run"), "{message}");
    }
    // Protocol 4, and a name that would write on a terminal.
    assert_fault(&[b"\x80\x04", &text("os")[..], &text("system"), b"\x93."].concat(), &["`os.system`"]);
    assert_fault(b"\x80\x02cos\x1b[2J\nx\n.", &["os\\u{1b}[2J.x"]);
}

#[test]
fn a_class_beside_weights_cannot_be_called_for_them() {
    assert_fault(b"\x80\x02ctorch\nFloatStorage\n)R.", &["makes no tensor"]);
    assert_fault(b"\x80\x02c__torch__\nClip\n)R.", &["makes no tensor"]);
    assert_fault(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.", &["makes no tensor"]);
    assert_fault(b"\x80\x02K\x01)R.", &["no function"]);
    assert_fault(b"\x80\x02K\x01)\x81.", &["no class"]);
}

#[test]
fn storages_have_to_be_as_the_pickle_says() {
    let one = |value: Vec<u8>| dict(&[("w", value)]);
    assert_fault(&one(tensor("FloatStorage", "0", 7, 0, &[7], &[1])), &["storage `0` has 24 bytes instead of 28"]);
    assert_fault(&one(tensor("FloatStorage", "0", 2, 0, &[2], &[1])), &["24 bytes instead of 8"]);
    assert_fault(&one(tensor("FloatStorage", "1", 6, 0, &[6], &[1])), &["storage `1` is missing"]);
    assert_fault(
        &one(tensor("FloatStorage", "../../etc/passwd", 6, 0, &[6], &[1])),
        &["`../../etc/passwd` is missing"],
    );
    let two = dict(&[("a", view(0, &[6], &[1])), ("b", tensor("HalfStorage", "0", 6, 0, &[6], &[1]))]);
    assert_fault(&two, &["storage `0` has two lengths"]);
}

#[test]
fn views_that_do_not_fit_are_refused_before_anything_is_allocated() {
    for (offset, shape, stride) in
        [(1, &[6][..], &[1][..]), (0, &[7], &[1]), (0, &[i32::MAX, i32::MAX], &[0, 0]), (0, &[2], &[6])]
    {
        assert_fault(&dict(&[("w", view(offset, shape, stride))]), &["does not fit", "storage `0`"]);
    }
    assert_fault(&dict(&[("w", view(-1, &[1], &[1]))]), &["a size is negative"]);
    assert_fault(&dict(&[("w", view(0, &[1; 9], &[1; 9]))]), &["strides"]);
}

#[test]
fn tensors_hold_no_more_than_the_file() {
    let again: Vec<u8> = (0..100).flat_map(|index| [text(&format!("w{index}")), b"h\x00".to_vec()].concat()).collect();
    let storage = vec![0; 40_000];
    let pickle = [
        b"\x80\x02}(",
        &text("w")[..],
        &tensor("FloatStorage", "0", 10_000, 0, &[10_000], &[1]),
        b"q\x00",
        &again,
        b"u.",
    ];
    let message = load(&archive(&pickle.concat(), &[("0", &storage)])).unwrap_err().to_string();
    assert!(message.contains("1010000 numbers"), "{message}");
}

#[test]
fn values_that_hold_each_other_cost_nothing() {
    // Every list holds the one before twice: 2^60 values, if they were copies.
    let lists = [&b"]q\x00"[..], &b"0(h\x00h\x00lq\x00".repeat(60), b"0"].concat();
    let items = [&text("bomb")[..], b"h\x00", &text("w"), &view(0, &[6], &[1])].concat();
    let bomb = [&b"\x80\x02"[..], &lists, b"}(", &items, b"u."].concat();
    let read = load(&archive(&bomb, &[("0", &numbers(&SIX))])).unwrap();
    assert_eq!(read.tensors.len(), 1);

    let object = b"\x80\x02c__torch__\nA\n)\x81q\x00}(";
    let itself = [&object[..], &text("a"), b"h\x00", &text("b"), b"h\x00ub."].concat();
    assert_fault(&itself, &["nested without end"]);
    let list = [&b"\x80\x02}"[..], &text("a"), b"]q\x00h\x00as."].concat();
    assert_fault(&list, &["no named tensors"]);
}

#[test]
fn shared_parts_are_counted_each_time() {
    // A module with the one before as both of its parts, thirty deep.
    let mut pickle = b"\x80\x02c__torch__\nA\n)\x81}b".to_vec();
    for _ in 0..30 {
        pickle.extend(b"q\x00c__torch__\nA\n)\x81}(");
        pickle.extend([&text("a")[..], b"h\x00", &text("b"), b"h\x00ub"].concat());
    }
    pickle.push(b'.');
    assert_fault(&pickle, &["nested without end"]);
}

#[test]
fn endless_pickles_are_refused() {
    assert_fault(&[&b"\x80\x02"[..], &vec![b'N'; 2 << 20]].concat(), &["more opcodes"]);
    assert_fault(b"\x80\x02X\xff\xff\xff\xff.", &["4294967295 bytes are asked for"]);
    assert_fault(&[&b"\x80\x02c"[..], &vec![b'a'; 1000], b"\n.\n."].concat(), &["a line does not end"]);
    assert_fault(b"\x80\x05\x96\x00.", &["opcode 0x96"]);
}

#[test]
fn the_archive_itself_is_checked() {
    let stored = |entries: &[(&str, &[u8])]| load(&zip(entries, CompressionMethod::Stored)).unwrap_err().to_string();
    let pickle = dict(&[("w", view(0, &[6], &[1]))]);
    let six = numbers(&SIX);
    assert!(stored(&[("a/other", b"")]).contains("without a data.pkl"));
    assert!(stored(&[("a/data.pkl", &pickle), ("b/data.pkl", &pickle)]).contains("more than one data.pkl"));
    let big = stored(&[("a/data.pkl", &pickle), ("a/byteorder", b"big"), ("a/data/0", &six)]);
    assert!(big.contains("little-endian"), "{big}");
    let packed = zip(&[("a/data.pkl", &pickle), ("a/data/0", &six)], CompressionMethod::Deflated);
    let message = load(&packed).unwrap_err().to_string();
    assert!(message.contains("compressed"), "{message}");
}

#[test]
fn a_changed_number_is_noticed() {
    let mut bytes = archive(&dict(&[("w", view(0, &[6], &[1]))]), &[("0", &numbers(&SIX))]);
    let place = bytes.windows(24).position(|window| window == numbers(&SIX)).unwrap();
    bytes[place + 9] ^= 1;
    let message = load(&bytes).unwrap_err().to_string();
    assert!(message.contains("a/data/0") && message.contains("damaged"), "{message}");
}

fn whole() -> Vec<u8> {
    let part = [&b"c__torch__\nB\n)\x81}("[..], &text("proj"), &view(0, &[2, 3], &[1, 2]), b"ub"].concat();
    let root =
        [&b"\x80\x02c__torch__\nA\n)\x81}("[..], &text("visual"), &part, &text("scale"), &view(1, &[], &[]), b"ub."];
    archive(&root.concat(), &[("0", &numbers(&SIX))])
}

#[test]
fn attributes_of_parts_are_named_after_them() {
    let dict = load(&whole()).unwrap();
    assert_eq!(dict.tensors.keys().collect::<Vec<_>>(), ["scale", "visual.proj"]);
    assert_eq!(dict.tensors["visual.proj"].data, [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = whole();
    for length in 0..whole.len() {
        assert!(load(&whole[..length]).is_err(), "{length}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn damaged_archives_never_panic(changes in prop::collection::vec((0usize..2000, any::<u8>()), 1..6)) {
        let mut bytes = whole();
        for (at, value) in changes {
            let length = bytes.len();
            bytes[at % length] = value;
        }
        let _ = load(&bytes);
    }

    #[test]
    fn programs_of_known_opcodes_never_panic(
        program in prop::collection::vec(prop::sample::select(b"NKIJXU(]})tl\x85\x86\x87\x81aesuqrhjcRbQ0G.\x00\n\x94\x93".to_vec()), 0..80)
    ) {
        let _ = Machine::new(&program).run().and_then(|pickled| collect::tensors(&pickled));
    }
}
