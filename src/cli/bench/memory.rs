//! The most memory that this process has had.

/// In MiB, as the kernel counts resident pages; none where it does not say.
pub fn peak_mib() -> Option<f64> {
    in_status(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn in_status(text: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_mebibytes() {
        assert_eq!(in_status("VmPeak:\t 9 kB\nVmHWM:\t  2048 kB\nVmRSS:\t 7 kB\n"), Some(2.0));
        for odd in ["", "VmRSS:\t 7 kB\n", "VmHWM:\t much\n"] {
            assert_eq!(in_status(odd), None, "{odd:?}");
        }
    }
}
