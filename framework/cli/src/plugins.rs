//! The plugins that the command line links. A crate that is only a dependency is not linked; a `use` line links it.

use clf_datasets as _;
use clf_scenarios as _;

use clf_classifier_head as _;
use clf_der as _;
use clf_ema as _;
use clf_ewc as _;
use clf_finetune as _;
use clf_icarl as _;
use clf_joint as _;
use clf_lwf as _;
use clf_rail as _;
use clf_wc as _;
use clf_we as _;
use clf_wise_ft as _;
use clf_zero_shot as _;
use clf_zscl as _;
