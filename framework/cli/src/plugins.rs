//! The plugins that the command line links. A crate that is only a dependency is not linked; a `use` line links it.

use clf_datasets as _;
use clf_finetune as _;
use clf_scenarios as _;
use clf_zero_shot as _;
use clf_zscl as _;
