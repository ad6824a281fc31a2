//! How busy the machine is: CPU, memory and, if a driver is there, the GPU.
//!
//! Sampled on threads of their own: a driver that hangs costs the GPU's figures and nothing else.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nvml_wrapper::Nvml;
use sysinfo::System;

use crate::run::plain_text;

const SAMPLE_EVERY: Duration = Duration::from_secs(2);
/// A GPU that was not heard of for so long is not shown.
const GPU_TIMEOUT: Duration = Duration::from_secs(8);
/// Smaller changes than this many points are not worth sending bytes to the terminal.
const NOTICEABLE: f32 = 3.0;

#[derive(Clone, Debug, PartialEq)]
pub struct Machine {
    /// 0..100, all cores together.
    pub cpu_percent: f32,
    pub memory_used: u64,
    pub memory_total: u64,
    pub gpu: Option<Gpu>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Gpu {
    pub name: String,
    pub percent: f32,
    pub memory_used: u64,
    pub memory_total: u64,
}

impl Machine {
    pub fn memory_percent(&self) -> f32 {
        percent(self.memory_used, self.memory_total)
    }

    /// Whether a reader would see a difference.
    fn differs_from(&self, other: &Machine) -> bool {
        let gpu = |machine: &Machine| {
            machine.gpu.as_ref().map(|gpu| (gpu.percent, percent(gpu.memory_used, gpu.memory_total)))
        };
        let apart = |a: f32, b: f32| (a - b).abs() >= NOTICEABLE;
        let gpu_differs = match (gpu(self), gpu(other)) {
            (Some(a), Some(b)) => apart(a.0, b.0) || apart(a.1, b.1),
            (a, b) => a.is_some() != b.is_some(),
        };
        gpu_differs
            || apart(self.cpu_percent, other.cpu_percent)
            || apart(self.memory_percent(), other.memory_percent())
    }
}

fn percent(used: u64, total: u64) -> f32 {
    if total == 0 { 0.0 } else { (used as f64 / total as f64 * 100.0) as f32 }
}

/// Calls `tell` with a first sample and then whenever a reader would see a difference; ends when it returns false.
pub fn watch(tell: impl Fn(Machine) -> bool + Send + 'static) -> std::io::Result<()> {
    let gpu: Latest = Arc::default();
    let seen = Arc::clone(&gpu);
    thread::Builder::new().name("gpu".to_owned()).spawn(move || watch_gpu(&gpu))?;
    thread::Builder::new().name("machine".to_owned()).spawn(move || watch_machine(&seen, &tell))?;
    Ok(())
}

/// The last sample of the GPU, and when it was taken.
type Latest = Arc<Mutex<Option<(Instant, Gpu)>>>;

fn watch_machine(gpu: &Latest, tell: &dyn Fn(Machine) -> bool) {
    let Ok(mut system) = System::new() else { return };
    let mut told: Option<Machine> = None;
    system.refresh_cpu_usage();
    // A share of time needs two looks.
    thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
    loop {
        system.refresh_cpu_usage();
        system.refresh_memory();
        let latest = gpu.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let now = Machine {
            cpu_percent: system.global_cpu_usage(),
            memory_used: system.used_memory(),
            memory_total: system.total_memory(),
            gpu: latest.filter(|(at, _)| at.elapsed() < GPU_TIMEOUT).map(|(_, gpu)| gpu),
        };
        if told.as_ref().is_none_or(|told| now.differs_from(told)) {
            told = Some(now.clone());
            if !tell(now) {
                return;
            }
        }
        thread::sleep(SAMPLE_EVERY);
    }
}

/// Ends at once where there is no NVIDIA driver.
fn watch_gpu(latest: &Latest) {
    let Ok(nvml) = Nvml::init() else { return };
    // The machine thread holds the other end for as long as anyone looks.
    while Arc::strong_count(latest) > 1 {
        let sample = sample_gpu(&nvml).map(|gpu| (Instant::now(), gpu));
        if sample.is_some() {
            *latest.lock().unwrap_or_else(PoisonError::into_inner) = sample;
        }
        thread::sleep(SAMPLE_EVERY);
    }
}

fn sample_gpu(nvml: &Nvml) -> Option<Gpu> {
    let device = nvml.device_by_index(0).ok()?;
    let memory = device.memory_info().ok()?;
    Some(Gpu {
        name: device.name().map(|name| plain_text(&name).into_owned()).unwrap_or_default(),
        percent: device.utilization_rates().ok()?.gpu as f32,
        memory_used: memory.used,
        memory_total: memory.total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn machine(cpu_percent: f32) -> Machine {
        Machine { cpu_percent, memory_used: 1 << 30, memory_total: 4 << 30, gpu: None }
    }

    #[test]
    fn only_noticeable_changes_are_told() {
        assert!(!machine(10.0).differs_from(&machine(12.0)));
        assert!(machine(10.0).differs_from(&machine(14.0)));
        let with_gpu = Machine {
            gpu: Some(Gpu { name: "g".into(), percent: 1.0, memory_used: 0, memory_total: 0 }),
            ..machine(10.0)
        };
        assert!(with_gpu.differs_from(&machine(10.0)));
    }

    #[test]
    fn this_machine_can_be_sampled() {
        let (tell, told) = mpsc::channel();
        let once = move |machine| {
            tell.send(machine).unwrap();
            false
        };
        watch(once).unwrap();
        let machine = told.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(machine.memory_total > 0 && machine.memory_used <= machine.memory_total);
        assert!((0.0..=100.0).contains(&machine.cpu_percent));
    }
}
