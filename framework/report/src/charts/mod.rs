//! Charts as SVG: drawn once, shown in a page in the colours of its theme, or written as a file of their own.
//!
//! Texts stay texts. Colours are CSS variables ([`colour`]); a file of its own gets the light ones. Nothing refers to
//! anything outside the drawing, and no element has an id, so that any number of drawings fit into one page.

pub(crate) mod colour;
mod drawing;
mod figure;
mod heat_map;
mod plot;
mod raster;
mod scale;

pub(crate) use drawing::{Drawing, STYLE};
pub(crate) use figure::{Figure, Key, Legend};
pub(crate) use heat_map::{HeatMap, heat_legend};
pub(crate) use plot::{Axis, Border, Line, Plot, Point, Style};
pub(crate) use raster::{Fonts, png};
pub(crate) use scale::{counts, nice};
