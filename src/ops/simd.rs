//! Loops that the compiler vectorises for the machine they run on, and the polynomial `exp` that they share.

/// What the kernels may use of the processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What every processor has.
    Portable,
    /// AVX2 and fused multiply-add.
    Avx2,
    /// AVX-512 with its instructions for bytes, words, and vectors of all lengths.
    Avx512,
}

impl Level {
    /// The word that `PIXSCRIBE_SIMD` has for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// The most that this processor has, or less when the environment variable `PIXSCRIBE_SIMD` says `avx2` or `portable`: to
/// test, or to compare.
#[inline]
pub fn level() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        static FOUND: std::sync::LazyLock<Level> = std::sync::LazyLock::new(|| {
            let asked = std::env::var("PIXSCRIBE_SIMD").unwrap_or_default();
            found().min(match asked.as_str() {
                "portable" => Level::Portable,
                "avx2" => Level::Avx2,
                _ => Level::Avx512,
            })
        });
        *FOUND
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        Level::Portable
    }
}

#[cfg(target_arch = "x86_64")]
fn found() -> Level {
    use std::is_x86_feature_detected as has;
    if !(has!("avx2") && has!("fma")) {
        return Level::Portable;
    }
    if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
        Level::Avx512
    } else {
        Level::Avx2
    }
}

/// Declares a function whose body is compiled for every [`Level`], and chosen at run time.
///
/// The body is plain Rust, so all give the same bits: the compiler never contracts `a * b + c` by itself.
macro_rules! simd_fn {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $ty:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)] // kernels take their slices one by one, so that none aliases another
        $vis fn $name($($arg: $ty),*) {
            #[allow(clippy::too_many_arguments)] // as above
            #[inline(always)]
            fn body($($arg: $ty),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                use $crate::ops::simd::Level;

                #[allow(clippy::too_many_arguments)] // as above
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $ty),*) {
                    body($($arg),*)
                }
                #[allow(clippy::too_many_arguments)] // as above
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
                fn avx512($($arg: $ty),*) {
                    body($($arg),*)
                }
                match $crate::ops::simd::level() {
                    // SAFETY: the features that the callee is compiled for were found on this processor.
                    Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    Level::Avx2 => return unsafe { avx2($($arg),*) },
                    Level::Portable => {}
                }
            }
            body($($arg),*)
        }
    };
}
pub(crate) use simd_fn;

/// `e^x` to about 2 units in the last place, without a branch or a call, so that loops over it vectorise.
///
/// Cody and Waite's range reduction and the degree-6 polynomial of Cephes' `expf`; below -87.3 it gives the smallest
/// normal numbers instead of subnormal ones, above 88.7 the largest finite ones. A NaN stays a NaN.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the nearest integer in the low mantissa bits
    let clamped = if x > 88.3 { 88.3 } else { x };
    let clamped = if clamped < -87.3 { -87.3 } else { clamped };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4_f32;
    p = p * r + 1.398_199_9e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let mantissa = p * r * r + r + 1.0;
    let exponent = f32::from_bits((shifted.to_bits().wrapping_add(127)) << 23);
    mantissa * exponent
}

#[cfg(test)]
mod tests {
    #[test]
    fn exp_matches_the_standard_library() {
        let mut worst = 0.0f64;
        for i in -870..=880 {
            let x = i as f32 * 0.1;
            let (got, due) = (f64::from(super::exp(x)), f64::from(x).exp());
            worst = worst.max(((got - due) / due).abs());
        }
        assert!(worst < 3e-7, "{worst}");
        assert!(super::exp(f32::NAN).is_nan());
        assert!(super::exp(-1000.0) < 2e-38 && super::exp(1000.0) > 1e38);
    }
}
