//! Real pictures: which of them are on the glass, which have to go there, which have to leave.
//!
//! Every cell of a placed picture is marked `Skip` in the buffer. What has lost the mark by the end of the frame was
//! covered by a popup; a picture that is covered, not encoded yet, or in a resize is drawn as half blocks instead.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::Rect;

use super::encoder::{Encode, Encoded, Encoder, Id, Request};
use super::protocol::Protocol;
use super::{Cells, Picture, Pictures, fit};
use crate::term::ColourDepth;

/// A resize comes in many steps; only the last is worth printing for.
const QUIET: Duration = Duration::from_millis(200);

/// Encoded pictures kept, so that paging back costs nothing.
const KEPT_BYTES: usize = 16 << 20;

/// What becomes of a placed picture.
enum Step {
    /// It is on the glass already.
    Stay,
    Print(Arc<[u8]>),
    /// Half blocks until it is encoded.
    Encode,
    /// Half blocks until its turn or until quiet.
    Wait,
    /// Half blocks.
    StandIn,
}

/// Shows pictures by a protocol for real pixels.
pub(super) struct Pixels {
    protocol: Box<dyn Protocol>,
    encoder: Encoder,
    stand_ins: Cells,
    placed: Vec<Request>,
    encoded: VecDeque<Encoded>,
    /// What is on the glass.
    shown: Vec<Id>,
    /// To be written before the next picture: deletions.
    deletions: String,
    printing: Option<(Id, Arc<[u8]>)>,
    screen: Option<Rect>,
    quiet_from: Option<Instant>,
    /// Pictures wait for their turn or for quiet.
    waiting: bool,
}

impl Pixels {
    /// `protocol` is needed twice: by the thread, and for deletions.
    pub(super) fn new<P: Protocol + Clone + 'static>(
        protocol: P,
        encode: Encode,
        colours: ColourDepth,
        wake: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        Ok(Self {
            encoder: Encoder::start(Box::new(protocol.clone()), encode, wake)?,
            protocol: Box::new(protocol),
            stand_ins: Cells::blocks(colours),
            placed: Vec::new(),
            encoded: VecDeque::new(),
            shown: Vec::new(),
            deletions: String::new(),
            printing: None,
            screen: None,
            quiet_from: None,
            waiting: false,
        })
    }

    fn settle_at(&mut self, buf: &mut Buffer, now: Instant) {
        if self.screen.replace(buf.area).is_some_and(|before| before != buf.area) {
            self.forget(now);
        }
        self.keep_encoded();
        let quiet = self.quiet_from.is_none_or(|from| now >= from);
        let mut still_shown = Vec::new();
        let mut wanted = Vec::new();
        self.waiting = false;
        for request in std::mem::take(&mut self.placed) {
            let id = request.id();
            match self.next_step(&request, buf, quiet) {
                Step::Stay => still_shown.push(id),
                Step::Print(bytes) => {
                    blank(request.cells, buf);
                    self.printing = Some((id, bytes));
                }
                Step::StandIn => self.stand_in(&request, buf),
                Step::Wait => {
                    self.waiting = true;
                    self.stand_in(&request, buf);
                }
                Step::Encode => {
                    self.stand_in(&request, buf);
                    wanted.push(request);
                }
            }
        }
        self.delete_all_but(still_shown);
        self.encoder.want(wanted.into_iter());
    }

    /// What becomes of one picture in this frame.
    fn next_step(&self, request: &Request, buf: &Buffer, quiet: bool) -> Step {
        // Below a picture on the last row the screen would scroll.
        if !is_marked(request.cells, buf) || request.cells.bottom() >= buf.area.bottom() {
            Step::StandIn
        } else if self.shown.contains(&request.id()) {
            Step::Stay
        } else if !quiet {
            Step::Wait
        } else {
            match self.encoded.iter().find(|kept| kept.id == request.id()) {
                None => Step::Encode,
                Some(Encoded { bytes: None, .. }) => Step::StandIn,
                Some(_) if self.printing.is_some() => Step::Wait,
                Some(Encoded { bytes: Some(bytes), .. }) => Step::Print(Arc::clone(bytes)),
            }
        }
    }

    /// Nothing is on the glass any more, and cells may have another size.
    fn forget(&mut self, now: Instant) {
        self.shown.clear();
        self.encoded.clear();
        self.printing = None;
        self.deletions = self.protocol.delete_all().unwrap_or_default();
        self.quiet_from = Some(now + QUIET);
    }

    fn keep_encoded(&mut self) {
        for done in self.encoder.take_done() {
            self.encoded.retain(|kept| kept.id != done.id);
            self.encoded.push_back(done);
        }
        let size = |kept: &Encoded| kept.bytes.as_ref().map_or(0, |bytes| bytes.len()) + size_of::<Encoded>();
        let mut total: usize = self.encoded.iter().map(size).sum();
        while total > KEPT_BYTES && self.encoded.len() > 1 {
            total -= self.encoded.pop_front().as_ref().map_or(0, size);
        }
    }

    /// Half blocks in those of its cells that nothing covers.
    fn stand_in(&mut self, request: &Request, buf: &mut Buffer) {
        let mut scratch = Buffer::empty(request.cells);
        self.stand_ins.draw(&request.picture, request.cells, &mut scratch);
        for position in request.cells.positions() {
            if let Some(cell) = buf.cell_mut(position)
                && cell.diff_option == CellDiffOption::Skip
            {
                *cell = scratch[position].clone();
            }
        }
    }

    fn delete_all_but(&mut self, still_shown: Vec<Id>) {
        for gone in self.shown.iter().filter(|id| !still_shown.contains(id)) {
            self.deletions.extend(self.protocol.delete(gone.1));
        }
        self.shown = still_shown;
    }
}

impl Pictures for Pixels {
    fn place(&mut self, picture: &Picture, area: Rect, buf: &mut Buffer) -> Rect {
        let cells = fit(picture.size(), area.intersection(buf.area));
        for position in cells.positions() {
            buf[position].reset();
            buf[position].set_diff_option(CellDiffOption::Skip);
        }
        if !cells.is_empty() {
            self.placed.push(Request { picture: picture.clone(), cells });
        }
        cells
    }

    fn settle(&mut self, buf: &mut Buffer) {
        self.settle_at(buf, Instant::now());
    }

    fn flush(&mut self, out: &mut dyn io::Write) -> io::Result<()> {
        out.write_all(std::mem::take(&mut self.deletions).as_bytes())?;
        if let Some((id, bytes)) = self.printing.take() {
            // The cursor may stand in a text field.
            out.write_all(b"\x1b7")?;
            out.write_all(&bytes)?;
            out.write_all(b"\x1b8")?;
            self.shown.push(id);
        }
        Ok(())
    }

    fn invalidate(&mut self) {
        self.forget(Instant::now());
    }

    fn wake_at(&self) -> Option<Instant> {
        self.waiting.then(|| self.quiet_from.unwrap_or_else(Instant::now))
    }
}

fn is_marked(cells: Rect, buf: &Buffer) -> bool {
    cells.positions().all(|position| buf[position].diff_option == CellDiffOption::Skip)
}

/// Empties the cells on the glass too, whatever the buffers believe to be there.
fn blank(cells: Rect, buf: &mut Buffer) {
    for position in cells.positions() {
        buf[position].reset();
        buf[position].set_diff_option(CellDiffOption::AlwaysUpdate);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use image::RgbImage;
    use ratatui::widgets::{Clear, Widget};

    use super::super::protocol::{Print, config};
    use super::*;

    #[derive(Debug, Clone)]
    struct Fake;

    impl Protocol for Fake {
        fn prepare(&self, picture: &Picture, cells: Rect) -> Print {
            Print { image: picture.pixels().clone(), config: config(cells) }
        }

        fn delete(&self, cells: Rect) -> Option<String> {
            Some(format!("<delete {},{}>", cells.x, cells.y))
        }

        fn delete_all(&self) -> Option<String> {
            Some("<delete all>".to_owned())
        }
    }

    fn encode(print: &Print) -> io::Result<Vec<u8>> {
        match print.image.as_bytes()[0] {
            255 => Err(io::Error::other("a picture that can't be encoded")),
            first => Ok(format!("<print {first}>").into_bytes()),
        }
    }

    /// A screen of 40x12 cells and a clock that moves when told.
    struct Bench {
        pixels: Pixels,
        woken: Receiver<()>,
        now: Instant,
        screen: Rect,
        glass: Buffer,
    }

    impl Bench {
        fn new() -> Self {
            let (wake, woken) = mpsc::channel();
            let pixels = Pixels::new(Fake, encode, ColourDepth::Truecolour, move || wake.send(()).unwrap_or(()));
            let screen = Rect::new(0, 0, 40, 12);
            let glass = Buffer::empty(screen);
            Self { pixels: pixels.unwrap(), woken, now: Instant::now(), screen, glass }
        }

        /// Draws a frame; returns what is written after its cells.
        fn frame(&mut self, draw: impl Fn(&mut Pixels, &mut Buffer)) -> String {
            let mut buf = Buffer::empty(self.screen);
            draw(&mut self.pixels, &mut buf);
            self.pixels.settle_at(&mut buf, self.now);
            let mut out = Vec::new();
            self.pixels.flush(&mut out).unwrap();
            self.glass = buf;
            String::from_utf8(out).unwrap().replace(['\x1b', '7', '8'], "")
        }

        fn encoded(&self) {
            self.woken.recv_timeout(Duration::from_secs(10)).unwrap();
        }

        fn options(&self, cells: Rect) -> Vec<CellDiffOption> {
            let mut options: Vec<_> = cells.positions().map(|at| self.glass[at].diff_option).collect();
            options.dedup();
            options
        }
    }

    fn picture(grey: u8) -> Picture {
        Picture::new(RgbImage::from_pixel(8, 8, image::Rgb([grey; 3]))).unwrap()
    }

    const AREA: Rect = Rect::new(2, 1, 8, 4);
    const OTHER: Rect = Rect::new(20, 1, 8, 4);

    fn place(grey: u8, area: Rect) -> impl Fn(&mut Pixels, &mut Buffer) {
        move |pixels, buf| {
            assert_eq!(pixels.place(&picture(grey), area, buf), area);
        }
    }

    #[test]
    fn blocks_first_then_the_picture_on_blank_cells_then_nothing_more() {
        let mut bench = Bench::new();
        assert_eq!(bench.frame(place(1, AREA)), "");
        assert_eq!(bench.glass[(2, 1)].symbol(), "▄");
        assert_eq!(bench.options(AREA), [CellDiffOption::None]);
        bench.encoded();
        assert_eq!(bench.frame(place(1, AREA)), "<print 1>");
        assert_eq!(bench.glass[(2, 1)].symbol(), " ");
        assert_eq!(bench.options(AREA), [CellDiffOption::AlwaysUpdate]);
        for _ in 0..3 {
            assert_eq!(bench.frame(place(1, AREA)), "");
            assert_eq!(bench.options(AREA), [CellDiffOption::Skip]);
            assert_eq!(bench.pixels.wake_at(), None);
        }
    }

    #[test]
    fn a_picture_that_went_away_or_changed_is_deleted() {
        let mut bench = Bench::new();
        bench.frame(place(1, AREA));
        bench.encoded();
        bench.frame(place(1, AREA));
        assert_eq!(bench.frame(|_, _| {}), "<delete 2,1>");
        assert_eq!(bench.options(AREA), [CellDiffOption::None]);
        // It is still known, so it is back at once; its successor takes a turn of the encoder.
        assert_eq!(bench.frame(place(1, AREA)), "<print 1>");
        assert_eq!(bench.frame(place(2, AREA)), "<delete 2,1>");
        bench.encoded();
        assert_eq!(bench.frame(place(2, AREA)), "<print 2>");
    }

    #[test]
    fn one_picture_a_frame_and_a_wish_to_draw_again() {
        let mut bench = Bench::new();
        let both = |pixels: &mut Pixels, buf: &mut Buffer| {
            place(1, AREA)(pixels, buf);
            place(2, OTHER)(pixels, buf);
        };
        bench.frame(both);
        bench.encoded();
        bench.encoded();
        assert_eq!(bench.frame(both), "<print 1>");
        assert!(bench.pixels.wake_at().is_some());
        assert_eq!(bench.frame(both), "<print 2>");
        assert_eq!(bench.frame(both), "");
        assert_eq!(bench.pixels.wake_at(), None);
    }

    #[test]
    fn under_a_popup_blocks_where_it_leaves_cells_free() {
        let mut bench = Bench::new();
        let popup = Rect::new(6, 2, 20, 2);
        let covered = |pixels: &mut Pixels, buf: &mut Buffer| {
            place(1, AREA)(pixels, buf);
            Clear.render(popup, buf);
            buf.set_string(6, 2, "popup", ratatui::style::Style::new());
        };
        bench.frame(place(1, AREA));
        bench.encoded();
        bench.frame(place(1, AREA));
        assert_eq!(bench.frame(covered), "<delete 2,1>");
        assert_eq!(bench.glass[(6, 2)].symbol(), "p");
        assert_eq!(bench.glass[(5, 2)].symbol(), "▄");
        assert_eq!(bench.options(AREA), [CellDiffOption::None]);
        assert_eq!(bench.frame(place(1, AREA)), "<print 1>");
    }

    #[test]
    fn after_a_resize_blocks_until_200_ms_of_quiet() {
        let mut bench = Bench::new();
        bench.frame(place(1, AREA));
        bench.encoded();
        bench.frame(place(1, AREA));
        bench.screen.width = 50;
        assert_eq!(bench.frame(place(1, AREA)), "<delete all>");
        assert_eq!(bench.glass[(2, 1)].symbol(), "▄");
        assert_eq!(bench.pixels.wake_at(), Some(bench.now + QUIET));
        bench.now += QUIET;
        assert_eq!(bench.frame(place(1, AREA)), "");
        bench.encoded();
        assert_eq!(bench.frame(place(1, AREA)), "<print 1>");
    }

    #[test]
    fn on_the_last_row_and_for_what_cannot_be_encoded_blocks_stay() {
        let mut bench = Bench::new();
        let last = Rect::new(2, 8, 8, 4);
        let both = |pixels: &mut Pixels, buf: &mut Buffer| {
            place(1, last)(pixels, buf);
            place(255, AREA)(pixels, buf);
        };
        bench.frame(both);
        bench.encoded();
        for _ in 0..2 {
            assert_eq!(bench.frame(both), "");
            assert_eq!(bench.glass[(2, 8)].symbol(), "▄");
            assert_eq!(bench.glass[(2, 1)].symbol(), "▄");
            assert_eq!(bench.pixels.wake_at(), None);
        }
    }

    #[test]
    fn an_area_of_nothing_or_beyond_the_screen_is_no_picture() {
        let mut bench = Bench::new();
        for area in [Rect::ZERO, Rect::new(3, 3, 0, 5), Rect::new(100, 100, 5, 5)] {
            let taken = |pixels: &mut Pixels, buf: &mut Buffer| {
                assert!(pixels.place(&picture(1), area, buf).is_empty());
            };
            assert_eq!(bench.frame(taken), "");
        }
        bench.screen = Rect::new(0, 0, 1, 1);
        bench.frame(|pixels, buf| {
            pixels.place(&picture(1), Rect::new(0, 0, 30, 30), buf);
        });
        assert_eq!(bench.glass[(0, 0)].symbol(), "▄");
    }
}
