//! What the jobs' news and passing time change.

use super::notice::Tone;
use super::preview::FolderView;
use super::{App, Dialog, Effect, Tab};
use crate::jobs::{Answer, Ask, Folder, History, Subject, Text, Update};
use crate::run::{Phase, RunName};

/// A worker that was started and shows no sign of life for so long has failed.
const START_TIMEOUT_MS: u64 = 20_000;

impl App {
    pub(super) fn absorb(&mut self, update: Update) -> Vec<Effect> {
        match update {
            Update::Runs { changed, gone } => {
                let ends = self.runs.ends_among(&changed);
                self.runs.absorb(changed, &gone);
                return ends.into_iter().map(Effect::Announce).collect();
            }
            Update::Scanned { trouble } => {
                self.runs.scanned = true;
                self.runs.trouble = trouble;
            }
            Update::History { run, anew, parts } => self.add_history(run, anew, parts),
            // It is there to be drawn at once: the pieces before it may wait.
            Update::CaughtUp => {}
            Update::Answered { run, ask, answer } => self.hear_answer(&run, ask, answer),
            Update::Started { run } => {
                self.say(Tone::Good, format!("{run} is starting."));
                self.runs.select(&run);
                self.tab = Tab::Jobs;
            }
            Update::Trashed { run, answer } => self.hear_trashed(&run, answer),
            Update::BroughtBack { answer } => self.hear_brought_back(answer),
            Update::Settings { recipe, settings } => {
                if let Some(Dialog::NewRun(form)) = &mut self.dialog {
                    form.hear(&recipe, settings);
                }
            }
            Update::Differences { runs, differences } => self.differences = Some((runs, differences)),
            Update::NotStarted { reason } => self.say(Tone::Bad, reason.as_str()),
            Update::Gallery { run, subject, gallery } => {
                // Training images that nobody looks at any more come too late.
                let has_left = subject == Subject::Training && self.subject() != subject;
                if self.wanted.followed.contains(&run) && !has_left {
                    self.galleries.insert((run, subject), gallery);
                }
            }
            Update::Predictions { run, subject, epoch, predictions } => {
                if self.wanted.followed.contains(&run) {
                    self.predictions.insert((run, subject, epoch), predictions);
                }
            }
            Update::Captions { run, subject, epoch, captions } => {
                // Those of an epoch that was left since come too late.
                if self.wanted.captions(&run, subject, epoch) {
                    self.captions.insert((run, subject), (epoch, captions));
                }
            }
            Update::Sheet { run, epoch, step, sheet } => {
                // Two sheets of an epoch are loaded side by side: the older one may come last.
                let newest = self.histories.get(&run).and_then(|history| history.sheet(epoch));
                if self.wanted.followed.contains(&run) && newest.is_some_and(|file| file.step == step) {
                    self.sheets.insert((run, epoch), sheet);
                }
            }
            Update::FileNamed { id, answer } => {
                // A file that was closed, or another that was opened since, wants no late answer.
                if let Some(file) = self.preview.file.as_mut().filter(|file| file.id == id) {
                    file.answer = Some(answer);
                }
            }
            Update::Folder { id, folder } => self.hear_folder(id, folder),
            Update::Restored { id, answer } => {
                if let Some(triple) = self.preview.triple.as_mut().filter(|triple| triple.id == id) {
                    triple.answer = Some(answer);
                }
            }
            Update::Attended { id, answer } => {
                if let Some(view) = self.preview.attention.as_mut().filter(|view| view.id == id) {
                    view.answer = Some(answer);
                }
            }
            Update::Nearest { id, answer } => {
                if let Some(view) = self.preview.nearest.as_mut().filter(|view| view.id == id) {
                    view.answer = Some(answer);
                }
            }
            Update::You { run, you } => self.absorb_you(run, you),
            Update::NotKept { reason } => {
                self.say(Tone::Bad, format!("What you named is not kept: {}", reason.as_str()));
            }
            Update::Posted { pictures: 1, file: Ok(file) } => {
                self.say(Tone::Good, format!("Saved the picture as {file} in the current folder."));
            }
            Update::Posted { pictures, file: Ok(file) } => {
                self.say(Tone::Good, format!("Saved {pictures} pictures as {file} in the current folder."));
            }
            Update::Posted { file: Err(why), .. } => self.say(Tone::Bad, why.as_str()),
            Update::Text { run, lines } => self.logs.absorb(run, lines),
            Update::Machine(machine) => self.machine = Some(machine),
        }
        Vec::new()
    }

    /// What was opened is a folder, or more of its pictures are named; one that was left wants no late news.
    fn hear_folder(&mut self, id: u64, folder: Result<Folder, Text>) {
        if let Some(view) = self.preview.folder.as_mut().filter(|view| view.id == id) {
            view.hear(folder);
        } else if let Some(file) = self.preview.file.take_if(|file| file.id == id) {
            self.preview.show_all();
            self.preview.folder = Some(FolderView::new(file, folder));
        }
    }

    pub(super) fn pass_time(&mut self, now_ms: u64) -> Vec<Effect> {
        self.now_ms = now_ms;
        self.notice = self.notice.take().filter(|notice| !notice.is_over(now_ms));
        let silent = self.runs.silent_since(now_ms.saturating_sub(START_TIMEOUT_MS));
        for run in silent {
            self.runs.note_answered(&run, &Ask::Resume);
            self.say(Tone::Bad, format!("{run} did not start. 6 Logs, then w, shows what its worker said."));
        }
        Vec::new()
    }

    fn add_history(&mut self, run: RunName, anew: bool, parts: Vec<History>) {
        if !self.wanted.followed.contains(&run) {
            return;
        }
        if anew {
            self.predictions.retain(|(of, ..), _| *of != run);
            self.sheets.retain(|(of, _), _| *of != run);
            self.captions.retain(|(of, _), _| *of != run);
            self.wanted.forget_predictions(&run);
            self.histories.remove(&run);
        }
        let history = self.histories.entry(run).or_default();
        parts.into_iter().for_each(|part| history.append(part));
    }

    fn hear_answer(&mut self, run: &RunName, ask: Ask, answer: Answer) {
        self.runs.note_answered(run, &ask);
        let verb = match ask {
            Ask::Pause => "pause",
            Ask::Resume => "resume",
            Ask::Stop => "stop",
            Ask::Save => "save",
            Ask::Draw { .. } => "draw",
        };
        match answer {
            Answer::Confirmed => {
                match &ask {
                    Ask::Pause => self.runs.note_leaving(run, Phase::Pausing),
                    Ask::Stop => self.runs.note_leaving(run, Phase::Stopping),
                    Ask::Resume | Ask::Save | Ask::Draw { .. } => {}
                }
                let done = match ask {
                    Ask::Pause => format!("{run} is paused. Press p to go on."),
                    Ask::Resume => format!("{run} goes on."),
                    Ask::Stop => format!("{run} is stopped; it was saved."),
                    Ask::Save => format!("{run} is saved."),
                    Ask::Draw { .. } => format!("{run} has drawn fresh pictures."),
                };
                self.say(Tone::Good, done);
            }
            Answer::Refused(why) => {
                self.say(Tone::Bad, format!("{run} did not {verb}: {}", why.as_str()));
            }
            Answer::NoWorker => {
                self.say(Tone::Bad, format!("{run} has no live worker to {verb} it."));
            }
            Answer::TimedOut => {
                self.say(Tone::Bad, format!("{run} did not answer within 30 seconds; it may still {verb}."));
            }
        }
    }
}
