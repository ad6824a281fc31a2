//! The dashboard's loop: keys, news of the jobs and time go in, frames come out.

use std::future::pending;
use std::time::Duration;

use crossterm::event::{Event, EventStream, KeyEvent};
use futures_util::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until};

use super::announce::Announcer;
use super::input::{self, LateAnswers};
use super::{clipboard, unix_ms};
use crate::app::{Action, App, Effect};
use crate::cli::CliError;
use crate::jobs::{Jobs, Setup, Update};
use crate::term::TerminalGuard;
use crate::ui::Screens;
use crate::ui::pictures::Stage;
use crate::ui::theme::Theme;

/// At most 30 frames a second.
const FRAME: Duration = Duration::from_millis(33);
/// The figures of a training move all the time: so often is enough for the eye, and costs next to nothing.
const CALM_FRAME: Duration = Duration::from_millis(300);
/// How long the first frame waits for the list of runs, so that it does not show an empty one.
const FIRST_FRAME: Duration = Duration::from_millis(70);
/// News handled before the next look at the keyboard.
const MAX_NEWS: usize = 64;
const TICK: Duration = Duration::from_millis(250);

pub struct Session {
    app: App,
    screens: Screens,
    stage: Stage,
    guard: TerminalGuard,
    announcer: Announcer,
    late_answers: LateAnswers,
    jobs: Jobs,
    updates: Receiver<Update>,
    drawn: Instant,
    /// When the next frame is due; none while nothing has changed.
    due: Option<Instant>,
    /// The last tick, kept over the turns of the loop: news must not push the next one off.
    ticked: Instant,
    is_over: bool,
}

impl Session {
    pub fn new(
        stage: Stage,
        guard: TerminalGuard,
        theme: Theme,
        app: App,
        setup: Setup,
        announcer: Announcer,
        runtime: &Handle,
    ) -> Result<Session, CliError> {
        let program = std::env::current_exe()?;
        let (jobs, updates) = Jobs::start(runtime, setup, program);
        let now = Instant::now();
        let due = Some(now + FIRST_FRAME);
        Ok(Session {
            app,
            screens: Screens::new(theme),
            stage,
            guard,
            announcer,
            late_answers: LateAnswers::default(),
            jobs,
            updates,
            drawn: now,
            due,
            ticked: now,
            is_over: false,
        })
    }

    /// Runs until the user leaves or the terminal is gone; gives the words for the shell.
    pub async fn run(mut self, typed: Vec<KeyEvent>, mut woken: Receiver<()>) -> Result<Option<String>, CliError> {
        let mut events = EventStream::new();
        let size = self.stage.size()?;
        self.hear(Event::Resize(size.width, size.height))?;
        for key in typed {
            self.hear(Event::Key(key))?;
        }
        while !self.is_over {
            let tick = self.app.needs_ticks().then(|| self.ticked + TICK);
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) => self.hear(event)?,
                    // The terminal is gone.
                    Some(Err(_)) | None => break,
                },
                update = self.updates.recv() => match update {
                    Some(update) => self.hear_news(update)?,
                    None => break,
                },
                Some(()) = woken.recv() => self.draw_within(FRAME),
                () = at(self.due) => self.draw()?,
                () = at(self.stage.wake_at().map(Instant::from_std)) => self.draw()?,
                () = at(tick) => {
                    self.ticked = Instant::now();
                    self.take(Action::Tick(unix_ms()), CALM_FRAME)?;
                }
            }
        }
        Ok(self.app.farewell())
    }

    fn hear(&mut self, event: Event) -> Result<(), CliError> {
        match event {
            Event::Key(key) if self.late_answers.has(&key, Instant::now().into_std()) => Ok(()),
            Event::Key(key) => match input::key(key) {
                Some(key) => self.take(Action::Key(key), Duration::ZERO),
                None => Ok(()),
            },
            Event::Paste(text) => self.take(Action::Paste(text), Duration::ZERO),
            Event::Resize(width, height) => {
                self.stage.redraw();
                self.take(Action::Arranged { pictures_a_row: Screens::pictures_a_row(width, height) }, FRAME)
            }
            Event::Mouse(event) => {
                let place = self.screens.place_in_chart(event.column, event.row);
                input::mouse(event.kind, place).map_or(Ok(()), |mouse| self.take(Action::Mouse(mouse), FRAME))
            }
            Event::FocusGained | Event::FocusLost => Ok(()),
        }
    }

    /// Takes in an update and those that wait behind it, for one frame.
    fn hear_news(&mut self, first: Update) -> Result<(), CliError> {
        let mut next = Some(first);
        for _ in 0..MAX_NEWS {
            let Some(update) = next else { break };
            let pace = pace_of(&update);
            self.take(Action::News(update), pace)?;
            next = self.updates.try_recv().ok();
        }
        if let Some(update) = next {
            self.take(Action::News(update), FRAME)?;
        }
        Ok(())
    }

    /// Moves the application on and asks for a frame that comes this long after the last one.
    fn take(&mut self, action: Action, pace: Duration) -> Result<(), CliError> {
        self.app.now_ms = unix_ms();
        for effect in self.app.update(action) {
            match effect {
                Effect::Order(order) => self.jobs.carry_out(order),
                Effect::Copy(text) => clipboard::copy(&text)?,
                Effect::Announce(text) => self.announcer.announce(&text)?,
                Effect::Suspend => {
                    self.guard.suspend()?;
                    self.stage.redraw();
                }
                Effect::Quit => self.is_over = true,
            }
        }
        self.draw_within(pace.max(FRAME));
        Ok(())
    }

    fn draw_within(&mut self, pace: Duration) {
        let due = self.drawn + pace;
        self.due = Some(self.due.map_or(due, |earlier| earlier.min(due)));
    }

    fn draw(&mut self) -> Result<(), CliError> {
        self.due = None;
        self.drawn = Instant::now();
        let (app, screens) = (&self.app, &mut self.screens);
        self.stage.draw(|frame, pictures| screens.render(app, frame.area(), frame.buffer_mut(), pictures))?;
        if let Some(page) = self.screens.page() {
            self.app.preview.page = page;
        }
        Ok(())
    }
}

/// How long after the last frame the next one may wait for this news.
fn pace_of(update: &Update) -> Duration {
    match update {
        Update::Runs { .. } | Update::History { anew: false, .. } | Update::Machine(_) => CALM_FRAME,
        _ => FRAME,
    }
}

/// Waits until then; for ever without a time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => pending().await,
    }
}
