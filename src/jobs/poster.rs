//! Pictures of a screen as one file: enlarged pixel by pixel, words under each.

use std::fs::Permissions;
use std::io::BufWriter;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::imageops::{self, FilterType};
use image::{ImageFormat, Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use super::order::Text;

const FONT: (FontWeight, RasterHeight) = (FontWeight::Regular, RasterHeight::Size16);
/// Columns and rows of pixels that a character takes.
const CHARACTER: (u32, u32) = (get_raster_width(FONT.0, FONT.1) as u32, 16);
/// Columns that a picture with its words has at least: pixels of 32x32 pictures become nine times as large.
const CELL: u32 = 9 * 32;
/// Between pictures, and around all of them.
const GAP: u32 = 16;
/// Names that are tried before one gives up.
const MAX_SAME_NAME: u32 = 10_000;

/// What is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Poster {
    /// What the file's name begins with.
    pub name: String,
    pub title: String,
    pub pictures: Vec<Posted>,
    /// Pictures side by side.
    pub columns: usize,
}

/// A picture with the words that stand under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    pub picture: Arc<RgbImage>,
    pub words: Vec<(String, Ink)>,
}

/// What words are drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Plain,
    Dim,
    Right,
    Wrong,
}

impl Ink {
    fn colour(self) -> [u8; 3] {
        match self {
            Ink::Plain => [0; 3],
            Ink::Dim => [110; 3],
            Ink::Right => [0, 120, 80],
            Ink::Wrong => [190, 50, 20],
        }
    }
}

/// Writes a poster into a folder, under a name that nothing there has; gives the file's name.
pub fn save(poster: &Poster, folder: &Path) -> Result<String, Text> {
    let fault = |error: std::io::Error| Text::of(format!("cannot write a picture into {}: {error}", shown(folder)));
    let sheet = draw(poster).ok_or_else(|| Text::of("there is no picture to save"))?;
    let mut file = tempfile::Builder::new()
        .prefix(".half-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(fault)?;
    sheet.write_to(&mut BufWriter::new(file.as_file()), ImageFormat::Png).map_err(Text::of)?;
    for number in 1..MAX_SAME_NAME {
        let name = match number {
            1 => format!("{}.png", poster.name),
            n => format!("{}-{n}.png", poster.name),
        };
        match file.persist_noclobber(folder.join(&name)) {
            Ok(_) => return Ok(name),
            Err(taken) if taken.error.kind() == std::io::ErrorKind::AlreadyExists => file = taken.file,
            Err(failed) => return Err(fault(failed.error)),
        }
    }
    Err(Text::of(format!("{} is full of files named {}-1.png and so on", shown(folder), poster.name)))
}

/// A folder as the user knows it.
fn shown(folder: &Path) -> String {
    folder.canonicalize().unwrap_or_else(|_| PathBuf::from(folder)).display().to_string()
}

/// None without pictures.
fn draw(poster: &Poster) -> Option<RgbImage> {
    let pictures: Vec<RgbImage> = poster.pictures.iter().map(|posted| enlarged(&posted.picture)).collect();
    let cell = pictures.iter().map(RgbImage::width).max()?.max(CELL);
    let words: Vec<Vec<(&str, Ink)>> = poster.pictures.iter().map(|posted| wrapped(&posted.words, cell)).collect();
    let columns = poster.columns.clamp(1, pictures.len());
    let height = |at: usize| pictures[at].height() + GAP / 2 + words[at].len() as u32 * CHARACTER.1;
    let rows: Vec<u32> = (0..pictures.len())
        .step_by(columns)
        .map(|first| (first..(first + columns).min(pictures.len())).map(height).max().unwrap_or(0))
        .collect();
    let head = GAP + CHARACTER.1;
    let width = GAP + columns as u32 * (cell + GAP);
    let size = (width, head + GAP + rows.iter().sum::<u32>() + rows.len() as u32 * GAP);
    let mut canvas = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    let title = vec![(poster.title.clone(), Ink::Plain)];
    // A title that is longer than all pictures side by side is cut.
    wrapped(&title, width - 2 * GAP).first().into_iter().for_each(|&line| write(&mut canvas, line, GAP, GAP / 2));
    let mut y = head + GAP;
    for (row, height) in rows.iter().enumerate() {
        for at in row * columns..((row + 1) * columns).min(pictures.len()) {
            let x = GAP + (at % columns) as u32 * (cell + GAP);
            imageops::replace(&mut canvas, &pictures[at], i64::from(x), i64::from(y));
            let below = y + pictures[at].height() + GAP / 2;
            (0..).zip(&words[at]).for_each(|(line, &words)| write(&mut canvas, words, x, below + line * CHARACTER.1));
        }
        y += height + GAP;
    }
    Some(canvas)
}

/// As many times as large as goes into the width of its words; larger ones stay as they are.
fn enlarged(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let times = (CELL / width.max(height).max(1)).max(1);
    imageops::resize(picture, width * times, height * times, FilterType::Nearest)
}

/// Lines of at most so many pixels, broken at spaces; longer words are cut where the line ends.
fn wrapped(words: &[(String, Ink)], width: u32) -> Vec<(&str, Ink)> {
    let fits = (width / CHARACTER.0).max(1) as usize;
    let mut lines = Vec::new();
    for (text, ink) in words {
        let mut rest = text.trim();
        while !rest.is_empty() {
            let end = rest.char_indices().nth(fits).map_or(rest.len(), |(end, _)| end);
            let is_whole = end == rest.len() || rest[end..].starts_with(' ');
            let end = if is_whole { end } else { rest[..end].rfind(' ').filter(|&space| space > 0).unwrap_or(end) };
            lines.push((rest[..end].trim_end(), *ink));
            rest = rest[end..].trim_start();
        }
    }
    lines
}

/// Draws a line of text on a white ground; what the font lacks is a question mark.
fn write(canvas: &mut RgbImage, (text, ink): (&str, Ink), x: u32, y: u32) {
    for (c, left) in text.chars().zip((x..).step_by(CHARACTER.0 as usize)) {
        let Some(glyph) = get_raster(c, FONT.0, FONT.1).or_else(|| get_raster('?', FONT.0, FONT.1)) else { continue };
        for (row, y) in glyph.rows().zip(y..) {
            for (&cover, x) in row.iter().zip(left..) {
                let Some(pixel) = canvas.get_pixel_mut_checked(x, y).filter(|_| cover > 0) else { continue };
                let mix = |ink: u8| 255 - (u16::from(255 - ink) * u16::from(cover) / 255) as u8;
                *pixel = Rgb(ink.colour().map(mix));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poster(pictures: usize) -> Poster {
        let posted = |at: usize| Posted {
            picture: Arc::new(RgbImage::from_fn(32, 32, |x, y| Rgb([(x * 8) as u8, (y * 8) as u8, at as u8]))),
            words: vec![
                ("cat".to_owned(), Ink::Plain),
                ("a caption that is longer than one line of the picture's width".to_owned(), Ink::Dim),
            ],
        };
        Poster {
            name: "base".to_owned(),
            title: "base, epoch 3".to_owned(),
            pictures: (0..pictures).map(posted).collect(),
            columns: 2,
        }
    }

    #[test]
    fn pixels_are_enlarged_and_nothing_else() {
        let sheet = draw(&poster(3)).unwrap();
        assert_eq!(sheet.width(), GAP + 2 * (CELL + GAP));
        let top = GAP + CHARACTER.1 + GAP;
        let at = |x: u32, y: u32| sheet.get_pixel(GAP + x, top + y).0;
        assert_eq!((at(0, 0), at(8, 8), at(9, 8), at(287, 287)), ([0; 3], [0; 3], [8, 0, 0], [248, 248, 0]));
        let second = GAP + CELL + GAP;
        assert_eq!(sheet.get_pixel(second, top).0, [0, 0, 1]);
        let is_written = (0..CELL).any(|x| (288..360).any(|y| at(x, y)[0] < 50));
        assert!(is_written, "words stand below");
        assert!(draw(&poster(0)).is_none());
    }

    #[test]
    fn words_break_at_spaces_and_keep_every_character() {
        let texts = [("a caption that is long".to_owned(), Ink::Dim), ("abcdefghijkl é".to_owned(), Ink::Plain)];
        let lines: Vec<&str> = wrapped(&texts, 9 * CHARACTER.0).into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, ["a caption", "that is", "long", "abcdefghi", "jkl é"]);
        assert!(wrapped(&[(" ".to_owned(), Ink::Dim)], 90).is_empty());
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("base.png"), "mine").unwrap();
        assert_eq!(save(&poster(1), folder.path()).unwrap(), "base-2.png");
        assert_eq!(save(&poster(1), folder.path()).unwrap(), "base-3.png");
        assert_eq!(std::fs::read(folder.path().join("base.png")).unwrap(), b"mine");
        assert_eq!(image::open(folder.path().join("base-2.png")).unwrap().width(), 2 * GAP + CELL);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
        let why = save(&poster(1), Path::new("/nowhere")).unwrap_err();
        assert!(why.as_str().contains("/nowhere"), "{why:?}");
    }
}
