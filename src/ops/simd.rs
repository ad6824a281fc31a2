//! Loops that the compiler vectorises for the machine they run on, and the polynomial `exp` that they share.

/// Whether the AVX2 kernels run: the processor must have AVX2 and fused multiply-add, and the environment variable
/// `PIXSCRIBE_PORTABLE` must not be set. It takes the code that every other processor runs, to test or to compare it.
#[inline]
pub fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        static FOUND: std::sync::LazyLock<bool> = std::sync::LazyLock::new(|| {
            let found = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
            found && std::env::var_os("PIXSCRIBE_PORTABLE").is_none()
        });
        *FOUND
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// Declares a function whose body is compiled twice, for the baseline and for AVX2, and chosen at run time.
///
/// The body is plain Rust, so both give the same bits: the compiler never contracts `a * b + c` by itself.
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
                #[allow(clippy::too_many_arguments)] // as above
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $ty),*) {
                    body($($arg),*)
                }
                if $crate::ops::simd::has_avx2() {
                    // SAFETY: the feature that the callee is compiled for was just found on this processor.
                    return unsafe { avx2($($arg),*) };
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
