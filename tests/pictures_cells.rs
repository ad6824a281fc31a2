//! Pictures as cells: pixel for pixel, and harmless in any buffer.

use image::{Rgb, RgbImage};
use pixscribe::term::ColourDepth;
use pixscribe::ui::pictures::{Cells, Picture, Pictures};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

/// Every pixel another colour.
fn motley(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 8 + 3) as u8, (y * 8 + 5) as u8, (x * 37 + y * 91) as u8]))
}

fn buffer_of(cells: &mut Cells, image: RgbImage, area: Rect) -> Buffer {
    let mut buf = Buffer::empty(area);
    cells.place(&Picture::new(image).unwrap(), area, &mut buf);
    buf
}

#[test]
fn cifar_in_32x16_cells_is_shown_pixel_for_pixel() {
    let image = motley(32, 32);
    let mut terminal = Terminal::new(TestBackend::new(32, 16)).unwrap();
    let mut cells = Cells::blocks(ColourDepth::Truecolour);
    let picture = Picture::new(image.clone()).unwrap();
    terminal
        .draw(|frame| {
            let area = frame.area();
            assert_eq!(cells.place(&picture, area, frame.buffer_mut()), area);
        })
        .unwrap();
    let colour = |x, y| {
        let [red, green, blue] = image.get_pixel(x, y).0;
        Color::Rgb(red, green, blue)
    };
    for x in 0..32u16 {
        for y in 0..16u16 {
            let cell = &terminal.backend().buffer()[(x, y)];
            assert_eq!(cell.symbol(), "▄");
            assert_eq!(cell.bg, colour(x.into(), 2 * u32::from(y)), "upper pixel of {x},{y}");
            assert_eq!(cell.fg, colour(x.into(), 2 * u32::from(y) + 1), "lower pixel of {x},{y}");
        }
    }
}

#[test]
fn any_area_of_any_buffer_is_survived_and_nothing_else_is_touched() {
    let picture = Picture::new(motley(32, 32)).unwrap();
    let styles = [Cells::blocks(ColourDepth::Truecolour), Cells::blocks(ColourDepth::Ansi16), Cells::shades()];
    for mut cells in styles.into_iter().chain([Cells::ascii()]) {
        for buffer in [Rect::ZERO, Rect::new(0, 0, 1, 1), Rect::new(5, 5, 10, 3)] {
            for area in [Rect::ZERO, Rect::new(0, 0, 1, 1), Rect::new(6, 6, 4, 2), Rect::new(0, 0, 300, 200)] {
                let mut buf = Buffer::empty(buffer);
                let taken = cells.place(&picture, area, &mut buf);
                assert!(taken.is_empty() || area.intersection(buffer).intersection(taken) == taken);
                for position in buffer.positions().filter(|&position| !taken.contains(position)) {
                    assert_eq!(buf[position], Buffer::empty(buffer)[position]);
                }
            }
        }
    }
}

#[test]
fn fewer_colours_use_only_what_there_is() {
    let area = Rect::new(0, 0, 32, 16);
    let indexed = buffer_of(&mut Cells::blocks(ColourDepth::Ansi256), motley(32, 32), area);
    assert!(indexed.content().iter().all(|cell| matches!((cell.fg, cell.bg), (Color::Indexed(_), Color::Indexed(_)))));
    let sixteen = buffer_of(&mut Cells::blocks(ColourDepth::Ansi16), motley(32, 32), area);
    assert!(sixteen.content().iter().all(|cell| !matches!(cell.fg, Color::Rgb(..) | Color::Indexed(_))));
}

#[test]
fn without_colours_a_ramp_of_shades() {
    let ramp = RgbImage::from_fn(50, 20, |x, _| Rgb([(x * 255 / 49) as u8; 3]));
    let shades = buffer_of(&mut Cells::blocks(ColourDepth::Mono), ramp.clone(), Rect::new(0, 0, 50, 10));
    assert!(shades.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    assert!(row(&shades).starts_with("     ") && row(&shades).ends_with('█'));
    assert!(row(&shades).contains("░▒") || row(&shades).contains("░░▒"));
    let ascii = buffer_of(&mut Cells::ascii(), ramp, Rect::new(0, 0, 50, 10));
    assert!(ascii.content().iter().all(|cell| cell.symbol().is_ascii()));
    assert!(row(&ascii).ends_with('@'));
}

fn row(buf: &Buffer) -> String {
    (0..buf.area.width).map(|x| buf[(x, 0)].symbol()).collect()
}
