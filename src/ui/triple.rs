//! Degraded, restored and original: one picture three times, side by side.

use ratatui::layout::Rect;

use super::brush::{Brush, after, below, row, top};
use super::pictures::Picture;
use crate::app::TripleView;
use crate::jobs::{Damage, Restoration};

/// The pictures of a view, made once: a file of the user's may be large. The original, and once there is an answer the
/// degraded and the restored one.
#[derive(Debug)]
pub struct Triple {
    id: u64,
    original: Option<Picture>,
    answer: Option<[Option<Picture>; 2]>,
}

impl Triple {
    /// Keeps the pictures of the view that is open, and no others.
    pub fn keep(kept: &mut Option<Triple>, view: Option<&TripleView>) {
        let Some(view) = view else { return *kept = None };
        let picture = |pixels: &image::RgbImage| Picture::new(pixels.clone());
        if kept.as_ref().is_none_or(|triple| triple.id != view.id) {
            *kept = Some(Triple { id: view.id, original: picture(&view.original), answer: None });
        }
        if let (Some(triple), Some(Ok(found))) = (kept.as_mut().filter(|triple| triple.answer.is_none()), &view.answer)
        {
            triple.answer = Some([picture(&found.damaged), picture(&found.restored)]);
        }
    }
}

pub fn render(view: &TripleView, triple: Option<&Triple>, area: Rect, brush: &mut Brush<'_>) {
    let theme = brush.theme;
    let title = format!("{}: {}", view.of, damage_words(view.damage));
    let area = brush.titled(area, &title, "r another damage, Esc back");
    if let Some(Err(why)) = &view.answer {
        let style = theme.bad();
        brush.wrapped(after(below(area, area.height / 3), 2), why.as_str(), style);
        return;
    }
    let width = area.width.saturating_sub(2) / 3;
    let column = |at: u16| Rect { width, ..after(area, at * (width + 1)) };
    let pictures = height(triple, width, area.height.saturating_sub(3));
    let answer = triple.and_then(|triple| triple.answer.as_ref());
    let [damaged, restored] = answer.map_or([None, None], |[damaged, restored]| [damaged.as_ref(), restored.as_ref()]);
    let shown = [damaged, restored, triple.and_then(|triple| triple.original.as_ref())];
    for (at, picture) in (0..).zip(shown) {
        match picture {
            Some(picture) => brush.picture(top(column(at), pictures), picture),
            None => brush.centred(row(column(at), pictures / 2), "restoring …", theme.dim()),
        }
    }
    let found = view.answer.as_ref().and_then(|answer| answer.as_ref().ok());
    for (at, words) in (0..).zip(words(found)) {
        for (line, words) in (0..).zip(words) {
            let style = if line == 0 { theme.title() } else { theme.text() };
            brush.centred(row(below(column(at), pictures), line), &words, style);
        }
    }
}

/// Rows that the pictures take: what is said of them stands right below.
fn height(triple: Option<&Triple>, width: u16, room: u16) -> u16 {
    let size = triple.and_then(|triple| triple.original.as_ref()).map_or((1, 1), Picture::size);
    let rows = u64::from(width) * u64::from(size.1) / (2 * u64::from(size.0));
    u16::try_from(rows.max(1)).unwrap_or(u16::MAX).min(room)
}

fn damage_words(damage: Damage) -> &'static str {
    match damage {
        Damage::Noise => "noise added",
        Damage::Blur => "blurred",
        Damage::Hole => "a hole in the middle",
    }
}

/// What stands below each of the three.
fn words(found: Option<&Restoration>) -> [[String; 3]; 3] {
    let column = |name: &str, psnr: String, ssim: String| [name.to_owned(), psnr, ssim];
    let Some(Restoration { psnr, ssim, .. }) = found else {
        return ["degraded", "restored", "original"].map(|name| column(name, String::new(), String::new()));
    };
    let gain = psnr.1 - psnr.0;
    [
        column("degraded", format!("{:.1} dB", psnr.0), format!("SSIM {:.3}", ssim.0)),
        column("restored", format!("{:.1} dB, {gain:+.1}", psnr.1), format!("SSIM {:.3}", ssim.1)),
        column("original", String::new(), String::new()),
    ]
}
