//! Multiplications and additions on registers alone, in as many chains as it takes to hide what one of them waits for: what no layer can
//! exceed on this processor.

use std::marker::PhantomData;

use super::isa::{Isa, Task};

/// Accumulators, which do not wait for each other.
const CHAINS: usize = 12;

/// Multiplications and additions of `rounds` rounds of an instruction set.
pub(super) fn operations<I: Isa>(rounds: usize) -> u64 {
    (rounds * CHAINS * I::LAYOUT.lanes * I::LAYOUT.group * 2) as u64
}

/// # Safety
/// The processor has the instruction set.
#[inline(always)]
pub(super) unsafe fn spin<I: Isa>(rounds: usize) -> u64 {
    // SAFETY: the caller's promise.
    unsafe { I::outlined(Spin::<I>(rounds, PhantomData)) };
    operations::<I>(rounds)
}

struct Spin<I>(usize, PhantomData<I>);

impl<I: Isa> Task for Spin<I> {
    #[inline(always)]
    unsafe fn run(self) {
        // Room for the widest vector; its size in 32-bit numbers.
        let (data, sums) = ([1_u8; 64], [0_i32; 16]);
        // SAFETY: vectors within these arrays, which are only read.
        unsafe {
            let w = I::load(data.as_ptr());
            let mut a = I::load(data.as_ptr());
            let mut acc = [I::load_acc(sums.as_ptr()); CHAINS];
            for _ in 0..self.0 {
                for sum in &mut acc {
                    // Or the same product would be computed once for all.
                    a = I::unknown(a);
                    *sum = I::dot(*sum, a, w);
                }
            }
            std::hint::black_box(acc);
        }
    }
}

/// The same one after the other, in plain Rust.
pub(super) fn spin_scalar(rounds: usize) -> u64 {
    let mut acc = [0_i32; CHAINS];
    for _ in 0..rounds {
        for acc in &mut acc {
            *acc = acc.wrapping_add(std::hint::black_box(1) * 3);
        }
    }
    std::hint::black_box(acc);
    (rounds * CHAINS * 2) as u64
}
