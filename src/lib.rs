//! wayside: counts vehicles at a road from one small board. See ARCHITECTURE.md for the way of a frame.

pub mod beat;
pub mod clock;
pub mod detection;
pub mod event;
pub mod frame;
pub mod geometry;
pub mod limits;
pub mod part_file;

pub mod count;
pub mod detect;
pub mod draw;
pub mod evaluate;
pub mod preprocess;
pub mod track;

pub mod engine;
pub mod ledger;
pub mod model;
pub mod quantize;
pub mod source;

pub mod cli;
pub mod config;
pub mod pipeline;
