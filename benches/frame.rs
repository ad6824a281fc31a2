//! A frame of each screen at 200x50, the selected run with 20 series of 50,000 points (`cargo bench --bench frame`).

use pixscribe::app::{Action, App, Key};
use pixscribe::jobs::{History, RunView, Update};
use pixscribe::run::observe;
use pixscribe::term::ColourDepth;
use pixscribe::ui::Screens;
use pixscribe::ui::pictures::Cells;
use pixscribe::ui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod long_log;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SIZE: Rect = Rect { x: 0, y: 0, width: 200, height: 50 };

fn main() {
    divan::main();
}

/// The dashboard on a screen, with the long log read.
fn app(screen: char) -> App {
    let (_root, dir) = long_log::write();
    let run = dir.name().clone();
    let mut app = App::new(Ok("the sample".to_owned()), 1_700_000_000_000);
    let changed = vec![RunView::new(run.clone(), observe(&dir), None)];
    let news = [
        Update::Runs { changed, gone: vec![] },
        Update::Scanned { trouble: None },
        Update::History { run, anew: true, parts: vec![History::read(&dir)] },
    ];
    news.into_iter().for_each(|news| drop(app.update(Action::News(news))));
    app.update(Action::Key(Key::Char(screen)));
    assert_eq!(app.plot().map(|plot| plot.lines.len()), Some(20), "all series share the large chart");
    app
}

#[divan::bench(args = ['1', '2', '3', '4', '5', '6'], sample_count = 200)]
fn screen(bencher: divan::Bencher, screen: char) {
    let app = app(screen);
    let mut screens = Screens::new(Theme::DARK);
    let mut cells = Cells::blocks(ColourDepth::Truecolour);
    let mut buf = Buffer::empty(SIZE);
    bencher.bench_local(|| {
        buf.reset();
        screens.render(&app, SIZE, &mut buf, &mut cells);
    });
}
