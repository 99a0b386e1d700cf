//! Layers, networks made of them, and what they are exported to.

mod cases;
mod dropout;
mod export;
mod folder;
mod own;
mod parity;
mod shapes;
mod statistics;
mod zoo;
