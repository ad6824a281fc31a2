//! Pictures on this terminal, to try a terminal by eye: `cargo run --release --example pictures -- [auto|kitty|…]`.
//!
//! `n` turns the page, `p` opens and closes a popup over the pictures, Ctrl-Z suspends, `q` quits.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyModifiers};
use pixscribe::data::{self, Dataset};
use pixscribe::term::TerminalGuard;
use pixscribe::ui::pictures::{Chosen, Picture, Pictures, Stage, open};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::widgets::{Block, Clear, Paragraph};

struct View {
    dataset: Dataset,
    chosen: Chosen,
    page: usize,
    popup: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let choice = std::env::args().nth(1).as_deref().unwrap_or("auto").parse()?;
    let mut guard = TerminalGuard::enter()?;
    let capabilities = guard.detect();
    let ready = Arc::new(AtomicBool::new(true));
    let wake = Arc::clone(&ready);
    let (pictures, chosen) = open(choice, &capabilities, move || wake.store(true, Ordering::Release));
    let mut stage = Stage::new(pictures)?;
    let mut view = View { dataset: data::load(Some(Path::new("data/sample")), None)?, chosen, page: 0, popup: false };
    loop {
        if ready.swap(false, Ordering::AcqRel) || stage.wake_at().is_some_and(|at| at <= Instant::now()) {
            stage.draw(|frame, pictures| render(&view, frame, pictures))?;
        }
        if !event::poll(Duration::from_millis(10))? {
            continue;
        }
        ready.store(true, Ordering::Release);
        match event::read()? {
            Event::Key(KeyEvent { code: KeyCode::Char('z'), modifiers: KeyModifiers::CONTROL, .. }) => {
                guard.suspend()?;
                stage.redraw();
            }
            Event::Key(KeyEvent { code: KeyCode::Char('n'), .. }) => view.page += 1,
            Event::Key(KeyEvent { code: KeyCode::Char('p'), .. }) => view.popup = !view.popup,
            Event::Key(KeyEvent { code: KeyCode::Char('q'), .. }) => return Ok(()),
            Event::Resize(..) => stage.redraw(),
            _ => {}
        }
    }
}

fn render(view: &View, frame: &mut Frame<'_>, pictures: &mut dyn Pictures) {
    let [top, large, small, bottom] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(2), Constraint::Fill(1), Constraint::Length(1)])
            .areas(frame.area());
    let title = format!("{}: {}  page {}", view.chosen.graphics, view.chosen.why, view.page);
    frame.render_widget(Paragraph::new(title), top);
    for (row, columns) in [(large, 2), (small, 6)] {
        for (at, cells) in Layout::horizontal([Constraint::Fill(1)].repeat(columns)).split(row).iter().enumerate() {
            let image = (view.page * 8 + at + columns) % view.dataset.test.len();
            let picture = Picture::from_rgb(32, 32, view.dataset.test.image(image));
            let [area, caption] = Layout::vertical([Constraint::Fill(1), Constraint::Length(1)]).areas(*cells);
            let taken = picture.map(|picture| pictures.place(&picture, area, frame.buffer_mut()));
            let label = &view.dataset.labels[usize::from(view.dataset.test.labels[image])];
            if let Some(taken) = taken {
                let below = Rect { y: taken.bottom(), height: 1, ..caption };
                frame.render_widget(Paragraph::new(label.as_str()).centered(), below);
            }
        }
    }
    frame.render_widget(Paragraph::new("n page  p popup  ^Z suspend  q quit"), bottom);
    if view.popup {
        let area = frame.area().centered(Constraint::Percentage(40), Constraint::Length(7));
        frame.render_widget(Clear, area);
        frame.render_widget(Paragraph::new("a popup over the pictures").block(Block::bordered()), area);
    }
}
