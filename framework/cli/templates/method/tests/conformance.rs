//! Whether the method keeps what the engine relies on.

use new_method as _;

#[test]
fn the_method_keeps_its_contract() {
    if let Err(violation) = clf_core::testing::check_method("new-method") {
        panic!("{violation}");
    }
}
