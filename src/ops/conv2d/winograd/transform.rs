//! The transforms of minimal filtering in one dimension, on sixteen channels at once.
//!
//! `F(m, r)` gives `m` neighbouring sums of `r` weights from `m + r - 1` products instead of `m r`: inputs and weights are
//! read as polynomials, evaluated at as many points, multiplied there, and the product's coefficients taken back
//! (Toom-Cook). With `B^T`, `G` and `A^T` of Lavin and Gray 2016, equation 8: `y = A^T [(G g) * (B^T d)]`. The points are 0,
//! ±3/4, ±3/2 and infinity (without -3/2 for two weights): their powers stay near 1, and errors of single precision come
//! to half of those with the customary 0, ±1, ±2.

use super::lanes::Lanes;

/// `F(M, R)` with its `A = M + R - 1` points.
pub trait Minimal<const M: usize, const R: usize, const A: usize> {
    /// `G`: weights at the points.
    const FILTER: [[f32; R]; A];

    /// `B^T`: pixels at the points.
    fn pixels<L: Lanes>(d: [L; A]) -> [L; A];

    /// `B`, for gradients.
    fn pixels_back<L: Lanes>(v: [L; A]) -> [L; A];

    /// `A^T`: sums from products.
    fn sums<L: Lanes>(m: [L; A]) -> [L; M];

    /// `A`, for gradients.
    fn sums_back<L: Lanes>(y: [L; M]) -> [L; A];
}

/// The points that are neither 0 nor infinity are ±P and Q, or ±P and ±Q.
const P: f32 = 0.75;
const Q: f32 = 1.5;
const P2: f32 = P * P;
const Q2: f32 = Q * Q;

/// Four sums of three weights: 0, P, -P, Q, -Q, infinity.
pub struct FourOfThree;

impl Minimal<4, 3, 6> for FourOfThree {
    const FILTER: [[f32; 3]; 6] = [
        [1.0 / (P2 * Q2), 0.0, 0.0],
        at(P, 2.0 * P2 * (P2 - Q2)),
        at(-P, 2.0 * P2 * (P2 - Q2)),
        at(Q, 2.0 * Q2 * (Q2 - P2)),
        at(-Q, 2.0 * Q2 * (Q2 - P2)),
        [0.0, 0.0, 1.0],
    ];

    #[inline(always)]
    fn pixels<L: Lanes>([d0, d1, d2, d3, d4, d5]: [L; 6]) -> [L; 6] {
        let (even_p, odd_p) = (d4.plus(d2, -Q2), d3.plus(d1, -Q2));
        let (even_q, odd_q) = (d4.plus(d2, -P2), d3.plus(d1, -P2));
        let ends = |low: L, middle: L, high: L| high.plus(low, P2 * Q2).plus(middle, -(P2 + Q2));
        [
            ends(d0, d2, d4),
            even_p.plus(odd_p, P),
            even_p.plus(odd_p, -P),
            even_q.plus(odd_q, Q),
            even_q.plus(odd_q, -Q),
            ends(d1, d3, d5),
        ]
    }

    #[inline(always)]
    fn pixels_back<L: Lanes>([v0, v1, v2, v3, v4, v5]: [L; 6]) -> [L; 6] {
        let (even_p, odd_p, even_q, odd_q) = (v1.add(v2), v1.sub(v2), v3.add(v4), v3.sub(v4));
        [
            v0.scale(P2 * Q2),
            v5.scale(P2 * Q2).plus(odd_p, -P * Q2).plus(odd_q, -P2 * Q),
            v0.scale(-(P2 + Q2)).plus(even_p, -Q2).plus(even_q, -P2),
            odd_p.scale(P).plus(odd_q, Q).plus(v5, -(P2 + Q2)),
            v0.add(even_p).add(even_q),
            v5,
        ]
    }

    #[inline(always)]
    fn sums<L: Lanes>([m0, m1, m2, m3, m4, m5]: [L; 6]) -> [L; 4] {
        let (even_p, odd_p, even_q, odd_q) = (m1.add(m2), m1.sub(m2), m3.add(m4), m3.sub(m4));
        [
            m0.add(even_p).add(even_q),
            odd_p.scale(P).plus(odd_q, Q),
            even_p.scale(P2).plus(even_q, Q2),
            m5.plus(odd_p, P2 * P).plus(odd_q, Q2 * Q),
        ]
    }

    #[inline(always)]
    fn sums_back<L: Lanes>([y0, y1, y2, y3]: [L; 4]) -> [L; 6] {
        let (even_p, odd_p) = (y0.plus(y2, P2), y1.plus(y3, P2));
        let (even_q, odd_q) = (y0.plus(y2, Q2), y1.plus(y3, Q2));
        [y0, even_p.plus(odd_p, P), even_p.plus(odd_p, -P), even_q.plus(odd_q, Q), even_q.plus(odd_q, -Q), y3]
    }
}

/// A weight row of `G` for the point `p`: its powers, by the product of its distances from the other points.
const fn at(p: f32, distances: f32) -> [f32; 3] {
    [1.0 / distances, p / distances, p * p / distances]
}

/// Four sums of two weights: 0, P, -P, Q, infinity.
pub struct FourOfTwo;

impl Minimal<4, 2, 5> for FourOfTwo {
    const FILTER: [[f32; 2]; 5] = [
        [1.0 / (P2 * Q), 0.0],
        at_two(P, 2.0 * P2 * (P - Q)),
        at_two(-P, -2.0 * P2 * (P + Q)),
        at_two(Q, Q * (Q2 - P2)),
        [0.0, 1.0],
    ];

    #[inline(always)]
    fn pixels<L: Lanes>([d0, d1, d2, d3, d4]: [L; 5]) -> [L; 5] {
        let (even, odd) = (d3.plus(d2, -Q), d2.plus(d1, -Q));
        let ends = |a: L, b: L, c: L, d: L| d.plus(a, P2 * Q).plus(b, -P2).plus(c, -Q);
        [ends(d0, d1, d2, d3), even.plus(odd, P), even.plus(odd, -P), d3.plus(d1, -P2), ends(d1, d2, d3, d4)]
    }

    #[inline(always)]
    fn pixels_back<L: Lanes>([v0, v1, v2, v3, v4]: [L; 5]) -> [L; 5] {
        let (even, odd) = (v1.add(v2), v1.sub(v2));
        [
            v0.scale(P2 * Q),
            v4.scale(P2 * Q).plus(v0.add(v3), -P2).plus(odd, -P * Q),
            odd.scale(P).plus(v0.add(even), -Q).plus(v4, -P2),
            v0.add(even).add(v3).plus(v4, -Q),
            v4,
        ]
    }

    #[inline(always)]
    fn sums<L: Lanes>([m0, m1, m2, m3, m4]: [L; 5]) -> [L; 4] {
        let (even, odd) = (m1.add(m2), m1.sub(m2));
        [
            m0.add(even).add(m3),
            odd.scale(P).plus(m3, Q),
            even.scale(P2).plus(m3, Q2),
            m4.plus(odd, P2 * P).plus(m3, Q2 * Q),
        ]
    }

    #[inline(always)]
    fn sums_back<L: Lanes>([y0, y1, y2, y3]: [L; 4]) -> [L; 5] {
        let (even, odd) = (y0.plus(y2, P2), y1.plus(y3, P2));
        let last = y0.plus(y1, Q).plus(y2, Q2).plus(y3, Q2 * Q);
        [y0, even.plus(odd, P), even.plus(odd, -P), last, y3]
    }
}

const fn at_two(p: f32, distances: f32) -> [f32; 2] {
    [1.0 / distances, p / distances]
}

#[cfg(test)]
mod tests {
    use super::super::lanes::{LANES, Portable};
    use super::*;
    use crate::ops::testing::{assert_close, noise};

    fn all<const N: usize>(purpose: &str) -> [Portable; N] {
        let numbers = noise(purpose, N * LANES);
        // SAFETY: there are as many, and these registers need no level.
        std::array::from_fn(|i| unsafe { Portable::load(numbers[i * LANES..].as_ptr()) })
    }

    fn dot<const N: usize>(a: [Portable; N], b: [Portable; N]) -> Vec<f32> {
        let product = |lane: usize| a.iter().zip(&b).map(|(a, b)| a.array()[lane] * b.array()[lane]).sum();
        (0..LANES).map(product).collect()
    }

    fn filters_as_the_definition_says<F: Minimal<M, R, A>, const M: usize, const R: usize, const A: usize>() {
        let (d, g) = (all::<A>("d"), noise("g", R));
        let weights: [f32; A] = std::array::from_fn(|i| F::FILTER[i].iter().zip(&g).map(|(a, b)| a * b).sum());
        let points = F::pixels(d);
        for (i, got) in F::sums(std::array::from_fn(|p| points[p].scale(weights[p]))).into_iter().enumerate() {
            let due = (1..R).fold(d[i].scale(g[0]), |sum, k| sum.plus(d[i + k], g[k]));
            assert_close("sums", &got.array(), &due.array(), 2e-6);
        }
    }

    fn turned_transforms_turn<F: Minimal<M, R, A>, const M: usize, const R: usize, const A: usize>() {
        let (d, v, y) = (all::<A>("d"), all::<A>("v"), all::<M>("y"));
        assert_close("pixels", &dot(F::pixels(d), v), &dot(d, F::pixels_back(v)), 2e-6);
        assert_close("sums", &dot(F::sums(v), y), &dot(v, F::sums_back(y)), 2e-6);
    }

    #[test]
    fn sums_are_those_of_a_filter() {
        filters_as_the_definition_says::<FourOfThree, 4, 3, 6>();
        filters_as_the_definition_says::<FourOfTwo, 4, 2, 5>();
    }

    #[test]
    fn gradients_pass_the_turned_matrices() {
        turned_transforms_turn::<FourOfThree, 4, 3, 6>();
        turned_transforms_turn::<FourOfTwo, 4, 2, 5>();
    }
}
