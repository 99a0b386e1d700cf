//! The processor's vectors: one source, compiled for each instruction set, chosen when it runs.

use pulp::{Arch, Simd, WithSimd};

/// Numbers in a panel: what a tile of a product is wide. Two vectors of AVX2, four of NEON.
pub(super) const PANEL: usize = 16;

/// Runs with the widest vectors that are there.
pub(super) fn widest<Op: WithSimd>(op: Op) -> Op::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        return Simd::vectorize(simd, op);
    }
    Arch::new().dispatch(op)
}

/// Defines a function whose plain loops are compiled for each instruction set and run with the widest vectors. (A closure
/// inside [`widest`] would not do: what the compiler does not draw in is compiled for the oldest processor.) Loops go over
/// indices: they need no calls that could be left out of line.
macro_rules! vectorized {
    ($(#[$meta:meta])* fn $name:ident<$life:lifetime $(, $generic:ident: $bound:path)?>($($argument:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        pub(super) fn $name<$life $(, $generic: $bound)?>($($argument: $type),*) {
            struct Loop<$life $(, $generic: $bound)?> {
                $($argument: $type,)*
                life: std::marker::PhantomData<&$life ()>,
            }
            impl<$life $(, $generic: $bound)?> pulp::WithSimd for Loop<$life $(, $generic)?> {
                type Output = ();

                #[inline(always)]
                fn with_simd<Vectors: pulp::Simd>(self, _vectors: Vectors) {
                    let Loop { $($argument,)* life: _ } = self;
                    $body
                }
            }
            $crate::kernel::vector::widest(Loop { $($argument,)* life: std::marker::PhantomData });
        }
    };
}
pub(super) use vectorized;

/// For work on panels: its `run::<S, V>` is called with as many vectors as make a panel.
macro_rules! in_panels {
    ($work:ident) => {
        impl pulp::WithSimd for $work<'_> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: pulp::Simd>(self, simd: S) {
                match S::F32_LANES {
                    16 => self.run::<S, 1>(simd),
                    8 => self.run::<S, 2>(simd),
                    4 => self.run::<S, 4>(simd),
                    _ => self.run::<S, 16>(simd),
                }
            }
        }
    };
}
pub(super) use in_panels;

/// # Safety
/// As many numbers as a vector has lie behind `from`.
#[inline(always)]
pub(super) unsafe fn load<S: Simd>(from: *const f32) -> S::f32s {
    // SAFETY: the caller's; a vector of floats may hold any bits.
    unsafe { from.cast::<S::f32s>().read_unaligned() }
}

/// # Safety
/// As many numbers as a vector has may be written behind `to`.
#[inline(always)]
pub(super) unsafe fn store<S: Simd>(to: *mut f32, vector: S::f32s) {
    // SAFETY: the caller's.
    unsafe { to.cast::<S::f32s>().write_unaligned(vector) }
}

/// Numbers that several threads write, each to places of its own.
#[derive(Clone, Copy)]
pub(super) struct Shared(*mut f32);

// SAFETY: whoever writes says that the places are its own.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub fn of(numbers: &mut [f32]) -> Shared {
        Shared(numbers.as_mut_ptr())
    }

    pub fn pointer(self) -> *mut f32 {
        self.0
    }

    /// # Safety
    /// The range lies inside, the numbers outlive the slice, and no other thread touches it meanwhile.
    pub unsafe fn slice<'a>(self, from: usize, length: usize) -> &'a mut [f32] {
        // SAFETY: the caller's.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(from), length) }
    }
}

/// Numbers that are all written before they are read: not cleared first, which costs a pass over fresh memory.
#[expect(clippy::uninit_vec, reason = "every caller writes each place; floats have no invalid bits")]
pub(super) fn unwritten(length: usize) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(length);
    // SAFETY: the capacity was just made; the callers write every place before one is read.
    unsafe { numbers.set_len(length) };
    numbers
}
