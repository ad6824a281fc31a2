//! What may stand on the command line. Names and flags are a contract: other people's scripts rely on them.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::{self, Config, ConfigError, GraphicsChoice, ModelKind};
use crate::run::RunName;

/// A terminal cockpit for models that turn images into text: without a command, the dashboard.
#[derive(Debug, Parser)]
#[command(name = "pixscribe", version, about, max_term_width = 100)]
pub struct CommandLine {
    #[command(flatten)]
    pub globals: Globals,
    #[command(flatten)]
    pub dashboard: DashboardArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What every command takes, before or after its name.
#[derive(Clone, Debug, Args)]
pub struct Globals {
    /// The folder that holds the runs
    #[arg(long, global = true, value_name = "DIR", default_value = "checkpoints")]
    pub runs: PathBuf,
    /// The settings file [default: ./config.toml, else the user's own, else the defaults]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One setting, such as runtime.threads=1; may be repeated. For `train`, a bare key is the model's own
    #[arg(long = "set", global = true, value_name = "KEY=VALUE")]
    pub sets: Vec<String>,
    /// Show where an error came from
    #[arg(long, global = true)]
    pub verbose: bool,
}

impl Globals {
    /// The settings as `--config` and `--set` give them; with a `model`, bare keys mean its section.
    pub fn load(&self, model: Option<ModelKind>) -> Result<Config, ConfigError> {
        config::load(self.config.as_deref(), &self.sets, model)
    }
}

#[derive(Clone, Debug, Default, Args)]
pub struct DashboardArgs {
    /// How the dashboard draws pictures [default: the setting ui.graphics]
    #[arg(long, value_name = "KIND", value_parser = graphics_parser())]
    pub graphics: Option<GraphicsChoice>,
    /// Print one frame of the dashboard as text and leave
    #[arg(long)]
    pub once: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train a model, or take a run up again
    Train(TrainArgs),
    /// List the runs
    Runs(RunsArgs),
    /// Set what runs reached side by side, whatever their models
    Compare(CompareArgs),
    /// Wait until a run ends: exit 0 if it finished, else 1
    Wait(RunArg),
    /// Save a run and let its worker leave; `resume` takes it up again
    Pause(RunArg),
    /// Start a paused, stopped or interrupted run again where it was
    Resume(ResumeArgs),
    /// Save a run and end it
    Stop(RunArg),
    /// Save a run now
    Checkpoint(RunArg),
    /// Measure a model on labelled pictures
    Eval(EvalArgs),
    /// Name what is in pictures
    Predict(PredictArgs),
    /// Say in a sentence what is in pictures
    Caption(CaptionArgs),
    /// Make pictures with a GAN or a diffusion model
    Generate(GenerateArgs),
    /// Restore noisy, blurred or incomplete pictures with a diffusion model
    Restore(RestoreArgs),
    /// Find the training images that are most like pictures, pixel by pixel
    Nearest(NearestArgs),
    /// Make a run of a Hugging Face folder with a captioner (VisionEncoderDecoder of a ViT and a GPT-2)
    Import(ImportArgs),
    /// Write a model in another program's form, or what a run logged as numbers, curves and pictures
    Export(ExportArgs),
    /// Delete old checkpoints of runs that nobody computes; the newest, the best and the finished model stay
    Prune(PruneArgs),
    /// Move runs that nobody computes into the trash, look into it, bring runs back, empty it
    Trash(TrashArgs),
    /// Measure a training step of each model on this machine: time, images a second, memory
    Bench(BenchArgs),
    /// Fetch, check or describe the training pictures
    Data(DataArgs),
    /// Say what works on this machine, and what to do about the rest
    Doctor(JsonArg),
}

#[derive(Clone, Debug, Args)]
pub struct TrainArgs {
    /// The model to train
    #[arg(required_unless_present = "resume", conflicts_with = "resume", value_parser = model_parser())]
    pub model: Option<ModelKind>,
    /// The new run's name [default: the model and the time]
    #[arg(long, value_name = "NAME", conflicts_with = "resume")]
    pub run: Option<String>,
    /// Take up this run where it was; only epochs, threads and device may change
    #[arg(long, value_name = "RUN")]
    pub resume: Option<String>,
    /// Train with the seeds 1 to N, as runs NAME-s1 to NAME-sN: one after the other here, or all in the queue with --detach
    #[arg(long, value_name = "N", conflicts_with = "resume", value_parser = clap::value_parser!(u64).range(2..=1000))]
    pub seeds: Option<u64>,
    /// Let the run go on without this terminal, and return at once
    #[arg(long)]
    pub detach: bool,
    /// Print the run's event lines instead of a bar
    #[arg(long)]
    pub json: bool,
    /// Start even though another machine may still be computing this run
    #[arg(long, conflicts_with = "model")]
    pub force: bool,
}

#[derive(Clone, Debug, Args)]
pub struct RunsArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print one line, for a status bar
    #[arg(long, conflicts_with = "json")]
    pub line: bool,
}

#[derive(Clone, Debug, Args)]
pub struct CompareArgs {
    /// The runs' names [default: all that were tested, the best first]
    #[arg(value_name = "RUN")]
    pub named: Vec<RunName>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print a Markdown table
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// The settings in which the runs differ, in the place of what they reached
    #[arg(long, conflicts_with = "json")]
    pub settings: bool,
}

#[derive(Clone, Debug, Args)]
pub struct RunArg {
    /// The run's name
    pub run: String,
}

#[derive(Clone, Debug, Args)]
pub struct ResumeArgs {
    /// The run's name
    pub run: String,
    /// Start even though another machine may still be computing this run
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Debug, Args)]
pub struct EvalArgs {
    /// A run's name, or a folder of weights [default: the weights that come with pixscribe]
    #[arg(value_name = "RUN|DIR")]
    pub model: Option<String>,
    /// Which part of the data
    #[arg(long, default_value = "test", value_parser = ["test", "train"])]
    pub split: String,
    /// Use only the first N images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// For a model that restores pictures: how well it does beside classical restorers, on the first 500 test images
    /// or --limit, and nothing else
    #[arg(long, conflicts_with_all = ["accuracy_score", "split", "steps", "guidance"])]
    pub restoration: bool,
    /// For a captioner: how true its captions are of noisy pictures, as they are, behind total variation and behind the diffusion
    /// model, on the first 1,000 test images or --limit, and nothing else
    #[arg(long, conflicts_with_all = ["accuracy_score", "restoration", "split", "steps", "guidance"])]
    pub noise: bool,
    /// For a captioner: sequences that are searched side by side; 1 takes the likeliest token each time
    #[arg(long, value_name = "K", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub beams: u16,
    /// For a model that makes pictures: also train the plain CNN on 10,000 made pictures and on as many real ones, which takes minutes, and
    /// test both on real ones
    #[arg(long)]
    pub accuracy_score: bool,
    #[command(flatten)]
    pub sampling: SamplingArgs,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct PredictArgs {
    /// Picture files
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// A run's name, or a folder of weights [default: the weights that come with pixscribe]
    #[arg(long, value_name = "RUN|DIR")]
    pub model: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Print a JSON object a line as soon as a picture is named, and go on behind one that cannot be read
    #[arg(long, conflicts_with = "json")]
    pub jsonl: bool,
}

#[derive(Clone, Debug, Args)]
pub struct CaptionArgs {
    /// Picture files of any size
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// A run's name, a folder of weights, or a Hugging Face folder [default: the newest captioner among the runs, else the
    /// one that comes with pixscribe]
    #[arg(long, value_name = "RUN|DIR")]
    pub model: Option<String>,
    /// Also say where in the picture each word was looked for
    #[arg(long, requires = "json")]
    pub attention: bool,
    /// Sequences that are searched side by side; 1 takes the likeliest token each time [default: the model's own]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub beams: Option<u16>,
    /// Tokens of a caption at most [default: the model's own]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub max_tokens: Option<u32>,
    /// Restore each picture first with the diffusion model that comes with pixscribe
    #[arg(long, value_enum, value_name = "TASK")]
    pub restore: Option<RestoreTask>,
    /// For --restore inpaint: a picture of the same size, white where pixels are lost [default: a hole in the middle]
    #[arg(long, value_name = "FILE", requires = "restore")]
    pub mask: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The folder with config.json, the weights, preprocessor_config.json and the tokenizer
    #[arg(value_name = "HF_DIR")]
    pub folder: PathBuf,
    /// The new run's name [default: the folder's]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// A run's name, or a folder of weights
    #[arg(value_name = "RUN|DIR")]
    pub model: String,
    /// What is written
    #[arg(long, value_name = "FORM")]
    pub format: ExportForm,
    /// The new folder, or file of csv and json; nothing that exists is overwritten
    #[arg(short, long, value_name = "PATH")]
    pub out: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportForm {
    /// A captioner as a folder that transformers' VisionEncoderDecoderModel.from_pretrained loads
    Hf,
    /// Every value that a run logged, a line each
    Csv,
    /// The same by metric
    Json,
    /// A folder that TensorBoard opens: curves, sheets of pictures, captions
    Tensorboard,
    /// A folder of pictures: curves, the confusion matrix, bars of the labels
    Png,
}

#[derive(Clone, Debug, Args)]
pub struct PruneArgs {
    /// The runs' names [default: all that nobody computes]
    #[arg(value_name = "RUN")]
    pub named: Vec<RunName>,
    /// How many of the last checkpoints of a run stay, beside the best
    #[arg(long, value_name = "N", default_value = "1")]
    pub keep: NonZeroUsize,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

#[derive(Clone, Debug, Args)]
pub struct TrashArgs {
    /// The runs' names; for --undo the one to bring back [default for --undo: the last that came]
    #[arg(value_name = "RUN", required_unless_present_any = ["list", "undo", "empty"])]
    pub named: Vec<RunName>,
    /// Show what is in the trash
    #[arg(long, conflicts_with_all = ["named", "undo", "empty"])]
    pub list: bool,
    /// Bring a run back
    #[arg(long, conflicts_with = "empty")]
    pub undo: bool,
    /// For --undo: bring it back under this name
    #[arg(long = "as", value_name = "NAME", requires = "undo")]
    pub new_name: Option<RunName>,
    /// Delete for good what is in the trash
    #[arg(long, conflicts_with = "named")]
    pub empty: bool,
    /// Do not ask
    #[arg(long, requires = "empty", conflicts_with = "named")]
    pub yes: bool,
}

#[derive(Clone, Debug, Args)]
pub struct GenerateArgs {
    /// A run's name, or a folder of weights [default: the weights that come with pixscribe]
    #[arg(long, value_name = "RUN|DIR")]
    pub model: Option<String>,
    /// Only this label [default: all that the model knows, a column each]
    #[arg(long, value_name = "NAME")]
    pub label: Option<String>,
    /// How many pictures of each label
    #[arg(short = 'n', long = "count", value_name = "N", default_value = "8")]
    pub count: NonZeroUsize,
    /// The same seed makes the same pictures
    #[arg(long, value_name = "S", default_value = "1")]
    pub seed: u64,
    #[command(flatten)]
    pub sampling: SamplingArgs,
    /// A .png file for one sheet, or a folder for single files; nothing that exists is overwritten
    #[arg(short, long, value_name = "PATH")]
    pub out: PathBuf,
}

/// How a model goes from noise to a picture.
#[derive(Clone, Debug, Args)]
pub struct SamplingArgs {
    /// A diffusion model's steps from noise to picture [default: 25]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub steps: Option<u64>,
    /// How far a diffusion model's pictures are pushed towards their label: 1 is not at all [default: 1.5]
    #[arg(long, value_name = "W", value_parser = guidance_parser)]
    pub guidance: Option<f32>,
    /// The deviation of a GAN's noise: less gives more typical pictures, more gives more diverse ones [default: 1.25]
    #[arg(long, value_name = "S", value_parser = noise_scale_parser)]
    pub noise_scale: Option<f32>,
}

#[derive(Clone, Debug, Args)]
pub struct RestoreArgs {
    /// Picture files of any size
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// What is wrong with them
    #[arg(long, value_enum)]
    pub task: RestoreTask,
    /// Damage them like that first, and restore that: each picture is its own reference, and the damaged one is put
    /// beside the restored one
    #[arg(long, conflicts_with = "reference")]
    pub damage: bool,
    /// The noise's standard deviation, as a share of the range from black to white [default: 0.01 for deblur; for
    /// denoise estimated, or 0.2 with --damage]
    #[arg(long, value_name = "S", value_parser = sigma_parser)]
    pub sigma: Option<f32>,
    /// For deblur: the standard deviation of the Gaussian blur in pixels [default: 1.5]
    #[arg(long, value_name = "PIXELS", value_parser = blur_parser)]
    pub blur: Option<f32>,
    /// For inpaint: a picture of the same size, white where pixels are lost [default with --damage: a hole in the middle]
    #[arg(long, value_name = "FILE")]
    pub mask: Option<PathBuf>,
    /// The undamaged picture, or a folder of them under the same names: PSNR and SSIM are printed
    #[arg(long, value_name = "FILE|DIR")]
    pub reference: Option<PathBuf>,
    /// A run's name, or a folder of weights [default: the weights that come with pixscribe]
    #[arg(long, value_name = "RUN|DIR")]
    pub model: Option<String>,
    /// The folder that the restored pictures are put in, under the names that they have
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// Replace files that are there already
    #[arg(long)]
    pub overwrite: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct NearestArgs {
    /// Picture files of any size: of each the largest centred square, at 32x32 pixels
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// Look among the images that this run learns from [default: all training images of the data set]
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// How many images of each
    #[arg(short = 'n', long = "count", value_name = "N", default_value = "5")]
    pub count: NonZeroUsize,
    /// Leave out the training image of this number, such as the picture itself
    #[arg(long, value_name = "NUMBER")]
    pub except: Option<u32>,
    /// Also put the images that were found into this folder; nothing that exists is overwritten
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What `restore` can put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum RestoreTask {
    /// Noise on every pixel
    Denoise,
    /// Gaussian blur with a little noise
    Deblur,
    /// Lost pixels
    Inpaint,
}

#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// The model [default: all, the CNN with both presets]
    #[arg(value_parser = model_parser())]
    pub model: Option<ModelKind>,
    /// Images of a step [default: the model's setting batch_size]
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u64).range(1..))]
    pub batch: Option<u64>,
    /// How many steps are timed, behind three that are not [default: five seconds of steps, at least five]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub steps: Option<u64>,
    /// Also count the steps' floating-point operations, and hold their rate against the one at which this machine multiplies
    /// matrices
    #[arg(long)]
    pub roofline: bool,
    /// Also list the loss of every step from the first on
    #[arg(long, requires_all = ["model", "json"])]
    pub losses: bool,
    /// Print JSON: an object, or an array of them without a model
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Debug, Args)]
pub struct DataArgs {
    #[command(subcommand)]
    pub action: DataAction,
}

#[derive(Clone, Debug, Subcommand)]
pub enum DataAction {
    /// Download CIFAR-10 and check it
    Fetch(JsonArg),
    /// Check the pictures: sums, sizes, labels
    Verify(JsonArg),
    /// Say which pictures are used
    Info(JsonArg),
    /// Cut a small balanced set out of a large one, such as data/sample
    Sample(DataSampleArgs),
}

#[derive(Clone, Debug, Args)]
pub struct DataSampleArgs {
    /// The set to cut from
    #[arg(long, value_name = "DIR")]
    pub from: PathBuf,
    /// The new folder
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,
    /// How many training images to take
    #[arg(long, value_name = "N", default_value = "2000")]
    pub train: NonZeroUsize,
    /// How many test images to take
    #[arg(long, value_name = "N", default_value = "500")]
    pub test: NonZeroUsize,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct JsonArg {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A number in a range; what it is called in a refusal.
fn number_in(text: &str, range: std::ops::RangeInclusive<f32>, what: &str) -> Result<f32, String> {
    let number = text.parse::<f32>().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("{what} is a number from {} to {}", range.start(), range.end()))
}

fn guidance_parser(text: &str) -> Result<f32, String> {
    number_in(text, 0.0..=100.0, "guidance")
}

fn noise_scale_parser(text: &str) -> Result<f32, String> {
    number_in(text, 0.0..=10.0, "the noise's deviation")
}

fn sigma_parser(text: &str) -> Result<f32, String> {
    number_in(text, 0.0..=1.0, "the noise")
}

fn blur_parser(text: &str) -> Result<f32, String> {
    number_in(text, 0.1..=20.0, "the blur")
}

fn model_parser() -> impl TypedValueParser<Value = ModelKind> {
    PossibleValuesParser::new(ModelKind::WORDS.iter().copied()).try_map(|word| word.parse::<ModelKind>())
}

fn graphics_parser() -> impl TypedValueParser<Value = GraphicsChoice> {
    PossibleValuesParser::new(GraphicsChoice::WORDS.iter().copied()).try_map(|word| word.parse::<GraphicsChoice>())
}
