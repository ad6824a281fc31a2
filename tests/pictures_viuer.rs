//! Our half blocks are viuer's: every cell equals what viuer itself prints.
//!
//! The only test of its binary: it borrows stdout, where the harness would report other tests in between.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::num::NonZero;
use std::os::fd::AsFd;

use image::{DynamicImage, Rgb, RgbImage};
use pixscribe::term::ColourDepth;
use pixscribe::ui::pictures::{Cells, Picture, Pictures, fit};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;

/// Every pixel another colour.
fn motley(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 8 + 3) as u8, (y * 8 + 5) as u8, (x * 37 + y * 91) as u8]))
}

fn blocks(image: RgbImage, area: Rect) -> Buffer {
    let mut buf = Buffer::empty(area);
    Cells::blocks(ColourDepth::Truecolour).place(&Picture::new(image).unwrap(), area, &mut buf);
    buf
}

fn size(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}

/// What viuer prints as half blocks into these cells, read by a terminal emulator.
fn printed_by_viuer(image: &DynamicImage, cells: Rect) -> vt100::Parser {
    let mut file = tempfile::tempfile().unwrap();
    let config = viuer::Config {
        x: cells.x,
        y: i16::try_from(cells.y).unwrap(),
        width: Some(cells.width.into()),
        height: Some(cells.height.into()),
        truecolor: true,
        use_kitty: false,
        use_iterm: false,
        use_sixel: false,
        ..viuer::Config::default()
    };
    let stdout = std::io::stdout();
    let own: File = stdout.as_fd().try_clone_to_owned().unwrap().into();
    rustix::stdio::dup2_stdout(&file).unwrap();
    viuer::print(image, &config).unwrap();
    stdout.lock().flush().unwrap();
    rustix::stdio::dup2_stdout(&own).unwrap();
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    let mut parser = vt100::Parser::new(size(60), size(120), 0);
    parser.process(&bytes);
    parser
}

#[test]
fn every_cell_equals_what_viuer_prints() {
    for (width, height, columns, rows) in [(32, 32, 32, 16), (32, 32, 20, 10), (33, 21, 40, 13), (90, 64, 45, 16)] {
        let image = motley(width, height);
        let area = Rect::new(0, 0, columns, rows);
        let cells = fit((width, height), area);
        let ours = blocks(image.clone(), area);
        let theirs = printed_by_viuer(&image.into(), cells);
        let mut compared = 0;
        for position in cells.positions() {
            let (mine, other) = (&ours[position], theirs.screen().cell(position.y, position.x).unwrap());
            assert_eq!(mine.symbol(), other.contents(), "{width}x{height} {position}");
            assert_eq!(mine.fg, colour(other.fgcolor()), "foreground, {width}x{height} {position}");
            assert_eq!(mine.bg, colour(other.bgcolor()), "background, {width}x{height} {position}");
            compared += 1;
        }
        assert_eq!(compared, cells.area());
    }
}

fn colour(colour: vt100::Color) -> Color {
    match colour {
        vt100::Color::Default => Color::Reset,
        vt100::Color::Idx(index) => Color::Indexed(index),
        vt100::Color::Rgb(red, green, blue) => Color::Rgb(red, green, blue),
    }
}
