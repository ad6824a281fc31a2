//! Sixteen numbers in registers. The compiler is not left to find them: it splits arrays into halves and waits for itself.

pub use crate::ops::conv2d::kernel::LANES;

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Numbers of [`LANES`] channels. Only an unsafe function makes one from nothing, so that whoever has one runs on a processor
/// that can work on it.
pub trait Lanes: Copy {
    /// SAFETY: needs the processor's level that these registers are of.
    unsafe fn zero() -> Self;

    /// SAFETY: as for [`Self::zero`], and [`LANES`] numbers to read.
    unsafe fn load(from: *const f32) -> Self;

    /// SAFETY: needs room for [`LANES`] numbers.
    unsafe fn store(self, to: *mut f32);

    fn add(self, other: Self) -> Self;

    fn sub(self, other: Self) -> Self;

    fn scale(self, by: f32) -> Self;

    /// `self + other * by`, rounded once.
    fn plus(self, other: Self, by: f32) -> Self;

    fn array(self) -> [f32; LANES] {
        let mut array = [0.0; LANES];
        // SAFETY: the room is there.
        unsafe { self.store(array.as_mut_ptr()) };
        array
    }
}

/// For every processor.
#[derive(Clone, Copy)]
pub struct Portable([f32; LANES]);

impl Portable {
    fn with(mut self, other: Self, work: impl Fn(f32, f32) -> f32) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(own, &other)| *own = work(*own, other));
        self
    }
}

impl Lanes for Portable {
    unsafe fn zero() -> Self {
        Self([0.0; LANES])
    }

    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as the caller says.
        Self(unsafe { from.cast::<[f32; LANES]>().read() })
    }

    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as the caller says.
        unsafe { to.cast::<[f32; LANES]>().write(self.0) };
    }

    fn add(self, other: Self) -> Self {
        self.with(other, |own, other| own + other)
    }

    fn sub(self, other: Self) -> Self {
        self.with(other, |own, other| own - other)
    }

    fn scale(self, by: f32) -> Self {
        self.with(self, |own, _| own * by)
    }

    fn plus(self, other: Self, by: f32) -> Self {
        self.with(other, |own, other| other.mul_add(by, own))
    }
}

/// Two registers of AVX2.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Avx2([__m256; 2]);

// SAFETY of the blocks below: a value proves the level, and the caller of what makes one has it.
#[cfg(target_arch = "x86_64")]
impl Lanes for Avx2 {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as above.
        Self(unsafe { [_mm256_setzero_ps(); 2] })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above.
        Self(unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(LANES / 2))] })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        let Self([low, high]) = self;
        // SAFETY: as above.
        unsafe {
            _mm256_storeu_ps(to, low);
            _mm256_storeu_ps(to.add(LANES / 2), high);
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        let (Self([a, b]), Self([c, d])) = (self, other);
        // SAFETY: as above.
        Self(unsafe { [_mm256_add_ps(a, c), _mm256_add_ps(b, d)] })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        let (Self([a, b]), Self([c, d])) = (self, other);
        // SAFETY: as above.
        Self(unsafe { [_mm256_sub_ps(a, c), _mm256_sub_ps(b, d)] })
    }

    #[inline(always)]
    fn scale(self, by: f32) -> Self {
        let Self([a, b]) = self;
        // SAFETY: as above.
        Self(unsafe { [_mm256_mul_ps(a, _mm256_set1_ps(by)), _mm256_mul_ps(b, _mm256_set1_ps(by))] })
    }

    #[inline(always)]
    fn plus(self, other: Self, by: f32) -> Self {
        let (Self([a, b]), Self([c, d])) = (self, other);
        // SAFETY: as above.
        Self(unsafe { [_mm256_fmadd_ps(c, _mm256_set1_ps(by), a), _mm256_fmadd_ps(d, _mm256_set1_ps(by), b)] })
    }
}

/// One register of AVX-512.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub struct Avx512(__m512);

// SAFETY of the blocks below: as for AVX2.
#[cfg(target_arch = "x86_64")]
impl Lanes for Avx512 {
    #[inline(always)]
    unsafe fn zero() -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_setzero_ps() })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: as above.
        unsafe { _mm512_storeu_ps(to, self.0) };
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn scale(self, by: f32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_mul_ps(self.0, _mm512_set1_ps(by)) })
    }

    #[inline(always)]
    fn plus(self, other: Self, by: f32) -> Self {
        // SAFETY: as above.
        Self(unsafe { _mm512_fmadd_ps(other.0, _mm512_set1_ps(by), self.0) })
    }
}

/// Declares functions `name(arguments)` that run `body::<L>(arguments)` with the widest registers of the processor as `L`; what
/// stands in brackets are further type arguments of `body`, which is unsafe and inlined.
macro_rules! for_level {
    ($($vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) = $body:ident[$($types:tt)*];)*) => {$(
        #[allow(clippy::too_many_arguments)] // kernels take their slices one by one
        $vis fn $name($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::ops::simd::{Level, level};

                #[allow(clippy::too_many_arguments)] // as above
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
                fn avx512($($arg: $ty),*) {
                    // SAFETY: the level's features are those of this function.
                    unsafe { $body::<$crate::ops::conv2d::winograd::lanes::Avx512, $($types)*>($($arg),*) }
                }
                #[allow(clippy::too_many_arguments)] // as above
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) {
                    // SAFETY: as above.
                    unsafe { $body::<$crate::ops::conv2d::winograd::lanes::Avx2, $($types)*>($($arg),*) }
                }
                match level() {
                    // SAFETY: the features were found on this processor.
                    Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    Level::Avx2 => return unsafe { avx2($($arg),*) },
                    Level::Portable => {}
                }
            }
            // SAFETY: these need no level.
            unsafe { $body::<$crate::ops::conv2d::winograd::lanes::Portable, $($types)*>($($arg),*) }
        }
    )*};
}
pub(super) use for_level;
