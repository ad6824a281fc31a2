//! How unlike each other pictures of one label are.

/// The side that pictures are shrunk to before they are compared: noise in single pixels is no diversity.
const SMALL: usize = 8;
const COLOURS: usize = 3;

/// The mean distance (Euclidean) of two rows with the same label, the mean over the labels that have two rows or
/// more: rows of `width` numbers, one label each. NaN where no label has two.
pub fn spread(rows: &[f32], width: usize, labels: &[usize]) -> f64 {
    let known = labels.iter().max().map_or(0, |most| most + 1);
    let spreads = (0..known).filter_map(|label| {
        let members: Vec<&[f32]> =
            rows.chunks_exact(width).zip(labels).filter(|(_, of)| **of == label).map(|(row, _)| row).collect();
        mean_distance(&members)
    });
    let (sum, count) = spreads.fold((0.0, 0), |(sum, count), spread| (sum + spread, count + 1));
    sum / f64::from(count)
}

fn mean_distance(rows: &[&[f32]]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0u32);
    for (index, a) in rows.iter().enumerate() {
        for b in &rows[..index] {
            sum += distance(a, b);
            count += 1;
        }
    }
    (count > 0).then(|| sum / f64::from(count))
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
}

/// Pictures `(n, 32, 32, 3)` as rows of 192 numbers: each is shrunk to 8x8 pixels. What the diversity that is logged
/// in training compares: it costs nothing and needs no judge, but sees shapes and colours alone.
pub fn shrunk(pictures: &[f32]) -> (Vec<f32>, usize) {
    let side = crate::data::SIDE;
    let (factor, width) = (side / SMALL, SMALL * SMALL * COLOURS);
    let mut rows = Vec::with_capacity(pictures.len() / (factor * factor));
    for picture in pictures.chunks_exact(side * side * COLOURS) {
        let mut small = vec![0.0; width];
        for (at, &value) in picture.iter().enumerate() {
            let (y, x, colour) = (at / (side * COLOURS), at / COLOURS % side, at % COLOURS);
            small[(y / factor * SMALL + x / factor) * COLOURS + colour] += value / (factor * factor) as f32;
        }
        rows.extend(small);
    }
    (rows, width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::SIDE;

    #[test]
    fn only_rows_of_the_same_label_are_compared() {
        // Label 0: distances 5, 5 and 0; label 1: 2; label 2 has but one row.
        let rows = [0.0, 0.0, 3.0, 4.0, 1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 99.0, 99.0];
        let spread = spread(&rows, 2, &[0, 0, 1, 1, 0, 2]);
        assert!((spread - (10.0 / 3.0 + 2.0) / 2.0).abs() < 1e-12, "{spread}");
        assert!(super::spread(&rows, 2, &[0, 1, 2, 3, 4, 5]).is_nan());
    }

    #[test]
    fn shrinking_takes_the_mean_of_each_square_and_colour() {
        let picture: Vec<f32> = (0..SIDE * SIDE * 3).map(|i| ((i / 3 % SIDE) / 4 * 10 + i % 3) as f32).collect();
        let (rows, width) = shrunk(&picture);
        assert_eq!((rows.len(), width), (192, 192));
        assert_eq!(rows[..6], [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]);
    }
}
