//! The way out of the accumulators through a function of numbers: a panel of rows as floats, then SiLU or its like, then bytes with a
//! scale per channel. The functions are those of `elementwise.rs`, operation for operation, four vectors at a time: a function is a long
//! chain of operations that wait for each other, and four chains fill the time.

use std::marker::PhantomData;

use super::elementwise::{MOST_POWER, POWER, ROUND};
use super::emit::{Emit, Floats};
use super::isa::{Isa, Task};
use super::{Function, FunctionKind, Requant};

/// Numbers that are worked on at a time, at most: four vectors of 16.
const MOST: usize = 64;

pub(super) struct Through<'a, I> {
    /// A panel's, and `MOST` more, which are read but mean nothing.
    numbers: *mut f32,
    /// Per channel, with as many more behind them that the first follow the last again.
    parameters: *const f32,
    reciprocals: *const f32,
    /// Null: `zero` is it for all.
    zeros: *const i32,
    floats: Floats<'a>,
    zero: u8,
    kind: &'a FunctionKind,
    of: PhantomData<I>,
}

impl<'a, I: Isa> Through<'a, I> {
    /// `memory` gets room for `rows` rows of all channels, and for what channels have of their own.
    pub fn new(requant: &'a Requant, function: &'a Function, rows: usize, memory: &'a mut Vec<f32>) -> Self {
        let Function { kind, reciprocal, zeros } = function;
        let n = requant.factor.len();
        let (numbers, each) = (rows * n + MOST, n + MOST);
        let slopes = match kind {
            FunctionKind::Slopes(slopes) => slopes,
            // They have no parameter per channel; whatever is read is not looked at.
            _ => reciprocal,
        };
        if memory.len() < numbers + 3 * each {
            memory.resize(numbers + 3 * each, 0.0);
        }
        let (numbers, per_channel) = memory.split_at_mut(numbers);
        // Then a chunk never goes beyond the last channel.
        let whole = n.is_multiple_of(4 * I::LAYOUT.lanes);
        let mut places = per_channel.chunks_mut(each);
        let mut repeated = |values: &[f32]| match places.next().filter(|_| !whole) {
            Some(place) => repeat(place, n, |channel| values[channel]),
            None => values.as_ptr(),
        };
        let (reciprocals, parameters) = (repeated(reciprocal), repeated(slopes));
        let zeros: *const i32 = match places.next().filter(|_| !whole) {
            _ if zeros.is_empty() => std::ptr::null(),
            // The bits of an integer, in the place of a float.
            Some(place) => repeat(place, n, |channel| f32::from_bits(zeros[channel] as u32)).cast(),
            None => zeros.as_ptr(),
        };
        let floats = Floats { factor: &requant.factor };
        let numbers = numbers.as_mut_ptr();
        Self { numbers, parameters, reciprocals, zeros, floats, zero: requant.zero, kind, of: PhantomData }
    }
}

/// Fills `place` with the channels' values, again and again.
fn repeat(place: &mut [f32], n: usize, value: impl Fn(usize) -> f32) -> *const f32 {
    let (first, rest) = place.split_at_mut(n.min(place.len()));
    first.iter_mut().enumerate().for_each(|(channel, to)| *to = value(channel));
    rest.chunks_mut(n).for_each(|part| part.copy_from_slice(&first[..part.len()]));
    place.as_ptr()
}

impl<I: Isa> Emit<I> for Through<'_, I> {
    type Out = u8;
    type Cell = f32;

    #[inline(always)]
    fn cells(&self, _: *mut u8, _: usize) -> (*mut f32, usize) {
        (self.numbers, self.floats.factor.len())
    }

    #[inline(always)]
    unsafe fn tile<const R: usize, const V: usize, const WHOLE: bool>(
        &self,
        acc: &[[I::Acc; V]; R],
        start: usize,
        width: usize,
        cells: *mut f32,
        stride: usize,
        rows: usize,
    ) {
        // SAFETY: the caller's promise; `numbers` has room for a panel.
        unsafe { Emit::<I>::tile::<R, V, WHOLE>(&self.floats, acc, start, width, cells, stride, rows) };
    }

    #[inline(always)]
    unsafe fn finish(&self, out: *mut u8, out_stride: usize, rows: usize, n: usize) {
        // SAFETY: the tiles have written `rows` rows of `n` numbers, and the caller's output has so many bytes. The bytes were made
        // where the numbers were.
        unsafe {
            I::outlined(Finish { through: self, total: rows * n });
            let bytes = self.numbers.cast::<u8>();
            if out_stride == n {
                out.copy_from_nonoverlapping(bytes, rows * n);
            } else {
                for row in 0..rows {
                    out.add(row * out_stride).copy_from_nonoverlapping(bytes.add(row * n), n);
                }
            }
        }
    }
}

struct Finish<'a, I> {
    through: &'a Through<'a, I>,
    total: usize,
}

impl<I: Isa> Task for Finish<'_, I> {
    #[inline(always)]
    unsafe fn run(self) {
        // SAFETY: what `finish` says, and the instruction set is there.
        unsafe {
            match *self.through.kind {
                FunctionKind::Silu => self.any(Silu),
                FunctionKind::Sigmoid => self.any(Sigmoid),
                FunctionKind::HardSwish => self.any(HardSwish),
                FunctionKind::Slopes(_) => self.any(Slopes),
                FunctionKind::Clip { low, high } => self.any(Clip { low, high }),
            }
        }
    }
}

/// The same of four vectors, side by side. No loop and no closure: the compiler would keep the one and not compile the other for the
/// instruction set.
macro_rules! four {
    ($v:ident => $of:expr) => {
        [
            {
                const $v: usize = 0;
                $of
            },
            {
                const $v: usize = 1;
                $of
            },
            {
                const $v: usize = 2;
                $of
            },
            {
                const $v: usize = 3;
                $of
            },
        ]
    };
}

impl<I: Isa> Finish<'_, I> {
    #[inline(always)]
    unsafe fn any(&self, function: impl Steps<I>) {
        // SAFETY: the zero points are there where they are said to be.
        unsafe {
            match self.through.zeros.is_null() {
                true => self.each::<false>(function),
                false => self.each::<true>(function),
            }
        }
    }

    /// The bytes take the place of the first numbers. `ZEROS`: each channel has a zero point of its own.
    #[inline(always)]
    unsafe fn each<const ZEROS: bool>(&self, function: impl Steps<I>) {
        let Through { numbers, parameters, reciprocals, zeros, zero, ref floats, .. } = *self.through;
        let (lanes, n) = (I::LAYOUT.lanes, floats.factor.len());
        let chunk = 4 * lanes;
        let onward = chunk % n;
        let (mut at, mut channel) = (0, 0);
        // SAFETY: all that is read lies in `new`'s memory; a chunk's bytes end before the numbers of the next chunk begin.
        unsafe {
            let narrow = I::narrow(if ZEROS { 0 } else { zero }, 0, u8::MAX);
            while at < self.total {
                let x = four!(V => I::load_float(numbers.add(at + V * lanes)));
                let reciprocal = reciprocals.add(channel);
                let y = function.steps(x, parameters.add(channel), reciprocal);
                let mut q = four!(V => I::round(y[V]));
                if ZEROS {
                    q = four!(V => I::offset(q[V], I::load_acc(zeros.add(channel + V * lanes))));
                }
                I::store_bytes(q, narrow, [numbers.cast::<u8>().add(at)]);
                at += chunk;
                channel += onward;
                channel -= if channel < n { 0 } else { n };
            }
        }
    }
}

/// A function of four vectors, in steps of the output's scales.
trait Steps<I: Isa> {
    /// Of the numbers' channels there are four vectors of parameters and reciprocals.
    unsafe fn steps(&self, x: [I::Float; 4], parameters: *const f32, reciprocals: *const f32) -> [I::Float; 4];
}

struct Silu;
struct Sigmoid;
struct HardSwish;
struct Slopes;
struct Clip {
    low: f32,
    high: f32,
}

// SAFETY of the blocks below: the instruction set is there, and so are the vectors.
impl<I: Isa> Steps<I> for Silu {
    #[inline(always)]
    unsafe fn steps(&self, x: [I::Float; 4], _: *const f32, reciprocals: *const f32) -> [I::Float; 4] {
        unsafe {
            let divisor = sigmoid_divisor::<I>(x);
            let product = four!(V => I::mul(x[V], channels::<I, V>(reciprocals)));
            four!(V => I::div(product[V], divisor[V]))
        }
    }
}

impl<I: Isa> Steps<I> for Sigmoid {
    #[inline(always)]
    unsafe fn steps(&self, x: [I::Float; 4], _: *const f32, reciprocals: *const f32) -> [I::Float; 4] {
        unsafe {
            let divisor = sigmoid_divisor::<I>(x);
            let y = four!(V => I::div(I::splat(1.0), divisor[V]));
            four!(V => I::mul(y[V], channels::<I, V>(reciprocals)))
        }
    }
}

impl<I: Isa> Steps<I> for HardSwish {
    #[inline(always)]
    unsafe fn steps(&self, x: [I::Float; 4], _: *const f32, reciprocals: *const f32) -> [I::Float; 4] {
        unsafe {
            let part = four!(V => I::add(I::div(x[V], I::splat(6.0)), I::splat(0.5)));
            let y = four!(V => I::mul(x[V], limited::<I>(part[V], 0.0, 1.0)));
            four!(V => I::mul(y[V], channels::<I, V>(reciprocals)))
        }
    }
}

impl<I: Isa> Steps<I> for Slopes {
    #[inline(always)]
    unsafe fn steps(&self, x: [I::Float; 4], slopes: *const f32, reciprocals: *const f32) -> [I::Float; 4] {
        unsafe {
            let y = four!(V => I::where_negative(x[V], I::mul(x[V], channels::<I, V>(slopes)), x[V]));
            four!(V => I::mul(y[V], channels::<I, V>(reciprocals)))
        }
    }
}

impl<I: Isa> Steps<I> for Clip {
    #[inline(always)]
    unsafe fn steps(&self, x: [I::Float; 4], _: *const f32, reciprocals: *const f32) -> [I::Float; 4] {
        unsafe { four!(V => I::mul(limited::<I>(x[V], self.low, self.high), channels::<I, V>(reciprocals))) }
    }
}

/// Vector `V` of what channels have of their own.
#[inline(always)]
unsafe fn channels<I: Isa, const V: usize>(at: *const f32) -> I::Float {
    unsafe { I::load_float(at.add(V * I::LAYOUT.lanes)) }
}

#[inline(always)]
unsafe fn limited<I: Isa>(x: I::Float, low: f32, high: f32) -> I::Float {
    unsafe { I::smaller(I::larger(x, I::splat(low)), I::splat(high)) }
}

#[inline(always)]
unsafe fn sigmoid_divisor<I: Isa>(x: [I::Float; 4]) -> [I::Float; 4] {
    unsafe {
        let t = four!(V => I::mul(x[V], I::splat(-std::f32::consts::LOG2_E)));
        let t = four!(V => limited::<I>(t[V], -MOST_POWER, MOST_POWER));
        let rounded = four!(V => I::add(t[V], I::splat(ROUND)));
        let whole = four!(V => I::sub(rounded[V], I::splat(ROUND)));
        let r = four!(V => I::sub(t[V], whole[V]));
        let p = four!(V => I::add(I::splat(POWER[3]), I::mul(r[V], I::splat(POWER[4]))));
        let p = four!(V => I::add(I::splat(POWER[2]), I::mul(r[V], p[V])));
        let p = four!(V => I::add(I::splat(POWER[1]), I::mul(r[V], p[V])));
        let p = four!(V => I::add(I::splat(POWER[0]), I::mul(r[V], p[V])));
        four!(V => I::add(I::splat(1.0), I::times_power(p[V], rounded[V])))
    }
}
