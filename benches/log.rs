//! Reading a long log (`cargo bench --bench log`).

use pixscribe::jobs::History;
use pixscribe::run::EventTail;

mod long_log;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

#[divan::bench(sample_count = 10)]
fn first_piece(bencher: divan::Bencher) {
    let (_root, run) = long_log::write();
    bencher.bench_local(|| {
        let events = EventTail::open(run.events_path()).poll();
        History::default().take_in(events)
    });
}

#[divan::bench(sample_count = 10)]
fn whole_log(bencher: divan::Bencher) {
    let (_root, run) = long_log::write();
    bencher.bench_local(|| History::read(&run).last_step());
}
