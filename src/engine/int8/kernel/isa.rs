//! What the loops ask of an instruction set. A vector has `LAYOUT.lanes` accumulators; a lane is an output channel.

use super::pack::Layout;

/// # Safety
/// All of it is `unsafe` for two reasons: the processor must have the instruction set, and pointers must be good for what a
/// function says that it reads or writes. Nothing needs to be aligned.
pub(super) trait Isa: Copy {
    const LAYOUT: Layout;
    /// Rows of a tile: with `LAYOUT.vectors` accumulators each they fill the registers. 4, 6 or 12.
    const ROWS: usize;
    /// Bytes are taken as they are: no panel of converted activations is needed.
    const DIRECT: bool;

    /// Lanes of i32.
    type Acc: Copy;
    /// A vector of weights, or of activations of as many channels.
    type Data: Copy;
    /// `LAYOUT.step` activations of one row.
    type Step: Copy;
    /// Lanes of f32.
    type Float: Copy;
    /// Zero point and bounds, in every lane.
    type Narrow: Copy;
    /// 256 bytes, ready for lookups.
    type Table;

    /// Runs a task in a function of its own that has the instruction set: the registers are its alone.
    unsafe fn outlined<T: Task>(task: T);

    unsafe fn load_acc(at: *const i32) -> Self::Acc;
    unsafe fn load(at: *const u8) -> Self::Data;
    unsafe fn load_step(at: *const u8) -> Self::Step;
    /// `acc[lane] + Σ_j a[lane][j] · w[lane][j]`, wrapping.
    unsafe fn dot(acc: Self::Acc, a: Self::Data, w: Self::Data) -> Self::Acc;
    /// The same with group `G` of a step in every lane.
    unsafe fn dot_step<const G: usize>(acc: Self::Acc, a: Self::Step, w: Self::Data) -> Self::Acc;

    /// The same vector, of which the compiler does not know that it is the same.
    unsafe fn unknown(a: Self::Data) -> Self::Data;

    /// Converts `length` activations to cells.
    unsafe fn convert(from: *const u8, length: usize, to: *mut u8);
    /// `channels` (a multiple of 8) vectors' lanes from `R` rows, converted: lane after lane the rows' values, as `LAYOUT.slot` has it.
    /// `rows[R..]` are not read; their values don't matter, as their weights are 0.
    unsafe fn interleave<const R: usize>(rows: [*const u8; 4], channels: usize, to: *mut u8);

    unsafe fn to_float(acc: Self::Acc) -> Self::Float;
    unsafe fn load_float(at: *const f32) -> Self::Float;
    unsafe fn splat(x: f32) -> Self::Float;
    unsafe fn add(a: Self::Float, b: Self::Float) -> Self::Float;
    unsafe fn sub(a: Self::Float, b: Self::Float) -> Self::Float;
    unsafe fn mul(a: Self::Float, b: Self::Float) -> Self::Float;
    unsafe fn div(a: Self::Float, b: Self::Float) -> Self::Float;
    /// Of numbers; what they make of NaN differs.
    unsafe fn larger(a: Self::Float, b: Self::Float) -> Self::Float;
    unsafe fn smaller(a: Self::Float, b: Self::Float) -> Self::Float;
    /// `a` where `x` is below 0, else `b`.
    unsafe fn where_negative(x: Self::Float, a: Self::Float, b: Self::Float) -> Self::Float;
    /// `x · 2ⁿ`, where `n` stands in the low bits of `whole`, which are added to the exponent.
    unsafe fn times_power(x: Self::Float, whole: Self::Float) -> Self::Float;
    unsafe fn store_float(x: Self::Float, at: *mut f32);

    unsafe fn narrow(zero: u8, low: u8, high: u8) -> Self::Narrow;
    /// To whole numbers, half to even; what is beyond i32 becomes anything of the same sign beyond ±2²⁹.
    unsafe fn round(x: Self::Float) -> Self::Acc;
    /// `acc + by`, saturating or not: `by` is 0 to 255, and `acc` what `round` gives.
    unsafe fn offset(acc: Self::Acc, by: Self::Acc) -> Self::Acc;
    /// Four vectors `+ zero`, clamped to the bounds, as bytes: the first `4 / PARTS` vectors at `out[0]`, and so on.
    unsafe fn store_bytes<const PARTS: usize>(x: [Self::Acc; 4], narrow: Self::Narrow, out: [*mut u8; PARTS]);

    unsafe fn table(table: &[u8; 256]) -> Self::Table;
    /// `data[i] = table[data[i]]`
    unsafe fn lookup(table: &Self::Table, data: *mut u8, length: usize);
}

/// What `Isa::outlined` runs. `run` is always inlined, and sound to call where the instruction set is.
pub(super) trait Task {
    unsafe fn run(self);
}
