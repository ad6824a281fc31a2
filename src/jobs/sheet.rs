//! Pictures that a model made, cut out of their sheet: shown as test pictures are, the asked label being the true one.

use std::path::Path;
use std::sync::Arc;

use image::RgbImage;

use super::gallery::{Gallery, Predictions};
use super::history::SheetFile;
use super::order::Text;
use crate::data::{IMAGE_BYTES, Labels, SIDE, Split, decode};
use crate::run::{RunDir, SheetNote, plain_text};

/// Pictures that are taken from one sheet; a worker makes a hundred.
const MAX_PICTURES: usize = 4096;

/// The pictures of one epoch.
#[derive(Clone, Debug)]
pub struct Sheet {
    pub pictures: Result<Arc<Gallery>, Text>,
    /// What the judge sees in each.
    pub seen: Result<Arc<Predictions>, Text>,
    /// The nearest training image of each.
    pub nearest: Option<Result<Arc<Gallery>, Text>>,
    /// Those of the first row on their way out of noise, a stage a row.
    pub strip: Option<Result<Arc<Gallery>, Text>>,
}

/// Reads the pictures of a sheet. Reads files: not for the thread that draws.
pub fn read_sheet(run: &RunDir, file: &SheetFile) -> Sheet {
    let note = &file.note;
    let seen = note.seen.iter().copied().zip(note.sure.iter().copied());
    Sheet {
        pictures: read_gallery(run, &file.path, note),
        seen: Ok(Arc::new(Predictions::of(seen))),
        nearest: note.nearest.as_ref().map(|path| read_gallery(run, path, note)),
        strip: note.strip.as_ref().map(|path| read_gallery(run, path, note)),
    }
}

fn read_gallery(run: &RunDir, path: &str, note: &SheetNote) -> Result<Arc<Gallery>, Text> {
    let path = run.resolve(path).ok_or_else(|| Text::of(format!("{path} is no file of this run")))?;
    let sheet = decode::image_any(&path).map_err(Text::of)?;
    cut(&sheet, note, &path).map(Arc::new)
}

fn cut(sheet: &RgbImage, note: &SheetNote, path: &Path) -> Result<Gallery, Text> {
    let misfit = || Text::of(format!("{} is no sheet of pictures as its run describes it", path.display()));
    let pitch = note.side.checked_add(note.gap).ok_or_else(misfit)?;
    if note.side as usize != SIDE || note.columns == 0 {
        return Err(misfit());
    }
    let mut images = Vec::new();
    for index in 0..note.asked.len().min(MAX_PICTURES) as u32 {
        let place = |at: u32| at.checked_mul(pitch).and_then(|at| at.checked_add(note.gap));
        let (left, top) = (place(index % note.columns), place(index / note.columns));
        let (left, top) = left.zip(top).ok_or_else(misfit)?;
        let fits = |at: u32, size: u32| at.checked_add(note.side).is_some_and(|end| end <= size);
        if !fits(left, sheet.width()) || !fits(top, sheet.height()) {
            return Err(misfit());
        }
        images.extend(image::imageops::crop_imm(sheet, left, top, note.side, note.side).to_image().into_raw());
    }
    let asked = &note.asked[..images.len() / IMAGE_BYTES];
    let labels: Labels = note.labels.iter().map(|label| plain_text(label).into_owned()).collect();
    Ok(Gallery::of_generated(labels, Split { images: images.into(), labels: asked.into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(asked: usize) -> SheetNote {
        SheetNote {
            side: 32,
            gap: 1,
            columns: 2,
            labels: vec!["cat".to_owned(), "\x1b[31mdog".to_owned()],
            asked: (0..asked).map(|i| (i % 2) as u8).collect(),
            ..SheetNote::default()
        }
    }

    /// Two columns, two rows; each picture of one colour, a gap of another.
    fn sheet() -> RgbImage {
        RgbImage::from_fn(67, 67, |x, y| match (x % 33, y % 33) {
            (0, _) | (_, 0) => image::Rgb([128; 3]),
            _ => image::Rgb([(x / 33 * 10 + y / 33 * 100) as u8; 3]),
        })
    }

    #[test]
    fn pictures_are_cut_where_they_stand() {
        let gallery = cut(&sheet(), &note(4), Path::new("s.png")).unwrap();
        let colours: Vec<&[u8]> = (0..4).map(|i| &gallery.pixels(i).unwrap()[..]).collect();
        for (pixels, colour) in colours.into_iter().zip([0, 10, 100, 110]) {
            assert!(pixels.iter().all(|value| *value == colour));
        }
        assert_eq!((gallery.truth(1), gallery.label(1)), (Some(1), "[31mdog"));
    }

    #[test]
    fn a_note_that_does_not_fit_its_sheet_is_refused() {
        let path = Path::new("s.png");
        assert!(cut(&sheet(), &note(5), path).is_err());
        for bad in [
            SheetNote { side: 16, ..note(4) },
            SheetNote { columns: 0, ..note(4) },
            SheetNote { columns: u32::MAX, ..note(4) },
            SheetNote { gap: u32::MAX, ..note(4) },
        ] {
            assert!(cut(&sheet(), &bad, path).unwrap_err().as_str().contains("s.png"));
        }
    }
}
