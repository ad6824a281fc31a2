//! Drawing a token by its probability.

use super::settings::DrawSettings;

/// A token drawn by 64 uniform bits: temperature, then `top_k`, then `top_p`, in Hugging Face's order. `None` where all
/// logits are minus infinity.
pub fn drawn(draw: DrawSettings, logits: &[f32], bits: u64) -> Option<u32> {
    let warm = logits.iter().map(|x| x / draw.temperature);
    let mut ranked: Vec<(u32, f32)> = (0..).zip(warm).filter(|(_, x)| *x > f32::NEG_INFINITY).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let (_, largest) = *ranked.first()?;
    if let Some(k) = draw.top_k.filter(|&k| k < ranked.len()) {
        let last = ranked[k - 1].1;
        ranked.retain(|(_, x)| *x >= last);
    }
    let weights: Vec<f64> = ranked.iter().map(|(_, x)| f64::from(x - largest).exp()).collect();
    let weights = &weights[..nucleus(&weights, f64::from(draw.top_p))];
    let unit = (bits >> 11) as f64 / (1u64 << 53) as f64;
    let mut left = unit * weights.iter().sum::<f64>();
    let crossed = weights.iter().position(|weight| {
        left -= weight;
        left < 0.0
    });
    // Rounding may leave a rest behind the last.
    Some(ranked[crossed.unwrap_or(weights.len() - 1)].0)
}

/// How many of the falling `weights` are kept: those before which less than a share `top_p` stands (Holtzman et al. 2020,
/// section 3.1).
fn nucleus(weights: &[f64], top_p: f64) -> usize {
    if top_p >= 1.0 {
        return weights.len();
    }
    let enough = top_p * weights.iter().sum::<f64>();
    let mut before = 0.0;
    let kept = weights.iter().take_while(|weight| {
        let kept = before < enough;
        before += *weight;
        kept
    });
    kept.count().max(1)
}
