//! `pixscribe trash`: moves runs out of sight, shows them, brings them back, deletes them for good.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::args::TrashArgs;
use super::{BadUsage, CliResult, Globals, consent, table};
use crate::run::{RunDir, Trashed, in_trash, put_in_trash, undo_trash};
use crate::ui::format;

pub fn run(args: &TrashArgs, globals: &Globals) -> CliResult {
    match args {
        TrashArgs { list: true, .. } => list(globals),
        TrashArgs { undo: true, .. } => undo(args, globals),
        TrashArgs { empty: true, .. } => empty(args.yes, globals),
        _ => put(args, globals),
    }
}

fn put(args: &TrashArgs, globals: &Globals) -> CliResult {
    // A name that is wrong moves none of the others.
    let open = |name| RunDir::open(&globals.runs, name);
    let runs: Vec<RunDir> = args.named.iter().map(open).collect::<Result<_, _>>()?;
    for run in &runs {
        let bytes = format::bytes(put_in_trash(run)?.size_bytes());
        let name = run.name();
        println!("{name} ({bytes}) is in the trash: `pixscribe trash --undo {name}` brings it back");
    }
    Ok(())
}

fn list(globals: &Globals) -> CliResult {
    let all = in_trash(&globals.runs)?;
    if all.is_empty() {
        println!("the trash is empty");
    } else {
        print!("{}", table::aligned(&lines(&all, SystemTime::now())));
        println!("`pixscribe trash --undo RUN` brings a run back, `pixscribe trash --empty` deletes them for good");
    }
    Ok(())
}

/// The last that came first.
fn lines(all: &[Trashed], now: SystemTime) -> Vec<[String; 3]> {
    let titles = ["RUN", "SIZE", "CAME"].map(str::to_owned);
    let line = |trashed: &Trashed| {
        let since = now.duration_since(UNIX_EPOCH + Duration::from_secs(trashed.at_s())).unwrap_or_default();
        let came = format!("{} ago", format::duration(since));
        [trashed.name().to_string(), format::bytes(trashed.size_bytes()), came]
    };
    std::iter::once(titles).chain(all.iter().rev().map(line)).collect()
}

fn undo(args: &TrashArgs, globals: &Globals) -> CliResult {
    if args.named.len() > 1 {
        return Err(BadUsage("trash: --undo brings one run back at a time".to_owned()).into());
    }
    let run = undo_trash(&globals.runs, args.named.first(), args.new_name.as_ref())?;
    println!("{} is back", run.name());
    Ok(())
}

fn empty(yes: bool, globals: &Globals) -> CliResult {
    let all = in_trash(&globals.runs)?;
    if all.is_empty() {
        println!("the trash is empty");
        return Ok(());
    }
    print!("{}", table::aligned(&lines(&all, SystemTime::now())));
    let runs = if all.len() == 1 { "1 run".to_owned() } else { format!("{} runs", all.len()) };
    let bytes = format::bytes(all.iter().map(Trashed::size_bytes).sum());
    if consent::asked(&format!("delete {runs} for good and free {bytes}?"), yes)? {
        all.into_iter().try_for_each(Trashed::delete)?;
        println!("{bytes} are free: {runs} deleted");
    }
    Ok(())
}
