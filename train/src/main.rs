//! The program; the command line itself is in cli/.
fn main() {}
