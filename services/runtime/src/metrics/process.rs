//! What the operating system knows about this process, by the names that all Prometheus clients use. Where `/proc` cannot be
//! read the metrics are left out.

use std::path::{Path, PathBuf};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use super::{Labels, Metrics, single};

/// Folders below the data folder that are looked into, files of one folder, at most: the folder is ours and flat.
const MAX_DEPTH: usize = 4;

/// Tells CPU, memory, descriptors and threads of this process, and what version it is.
pub fn register(metrics: &Metrics, version: &'static str) {
    metrics.gauge("sla_build_info", "Always 1; the label says the version", move || {
        vec![(vec![("version", version.to_owned())], 1.0)]
    });
    metrics.counter("process_cpu_seconds", "CPU time, of user and system", || {
        known(stat().map(|stat| stat.cpu_ticks as f64 / ticks_a_second()))
    });
    metrics.gauge("process_resident_memory_bytes", "Memory that is in RAM", || {
        known(stat().map(|stat| (stat.resident_pages * page_size() as u64) as f64))
    });
    metrics.gauge("process_virtual_memory_bytes", "Address space", || {
        known(stat().map(|stat| stat.virtual_bytes as f64))
    });
    metrics.gauge("process_threads", "Threads", || {
        known(stat().map(|stat| stat.threads as f64))
    });
    metrics.gauge("process_start_time_seconds", "When it started, Unix time", || {
        known(started())
    });
    metrics.gauge("process_open_fds", "Open file descriptors", || {
        let open = std::fs::read_dir("/proc/self/fd");
        known(open.ok().map(|open| open.count() as f64))
    });
    metrics.gauge("process_max_fds", "File descriptors that may be open", || {
        known(getrlimit(Resource::Nofile).current.map(|limit| limit as f64))
    });
}

/// Tells how much the files below `folder` hold.
pub fn register_folder(metrics: &Metrics, folder: PathBuf) {
    metrics.gauge(
        "sla_data_folder_bytes",
        "What the files of the data folder hold",
        move || known(held(&folder, MAX_DEPTH).map(|bytes| bytes as f64)),
    );
}

fn known(value: Option<f64>) -> Vec<(Labels, f64)> {
    value.map_or_else(Vec::new, single)
}

/// Fields of `/proc/self/stat` (proc_pid_stat(5)).
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    /// Since the boot.
    started_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

fn stat() -> Option<Stat> {
    let text = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is a name in parentheses that may hold anything; the state, the third, stands behind it.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        cpu_ticks: field(14)? + field(15)?,
        threads: field(20)?,
        started_ticks: field(22)?,
        virtual_bytes: field(23)?,
        resident_pages: field(24)?,
    })
}

fn ticks_a_second() -> f64 {
    clock_ticks_per_second() as f64
}

fn started() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    let boot = text.lines().find_map(|line| line.strip_prefix("btime "))?;
    Some(boot.parse::<f64>().ok()? + stat()?.started_ticks as f64 / ticks_a_second())
}

/// Bytes of all files; `None` when the folder cannot be read. A file that vanishes meanwhile does not count.
fn held(folder: &Path, depth: usize) -> Option<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let Ok(about) = entry.metadata() else { continue };
        if about.is_dir() && depth > 0 {
            bytes += held(&entry.path(), depth - 1).unwrap_or(0);
        } else if about.is_file() {
            bytes += about.len();
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use sla_domain::Clock as _;

    use super::*;

    /// The value of a metric without labels.
    fn value(text: &str, name: &str) -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in\n{text}"))
            .parse()
            .unwrap()
    }

    #[test]
    fn this_process_is_told_as_it_is() {
        let metrics = Metrics::default();
        register(&metrics, "1.2.3");
        let folder = std::env::temp_dir().join(format!("sla-metrics-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("log")).unwrap();
        std::fs::write(folder.join("a"), [0; 1000]).unwrap();
        std::fs::write(folder.join("log/b"), [0; 24]).unwrap();
        register_folder(&metrics, folder.clone());
        let text = metrics.text();
        assert_eq!(value(&text, "sla_data_folder_bytes"), 1024.0);
        assert!(text.contains("sla_build_info{version=\"1.2.3\"} 1.0"));
        assert!(value(&text, "process_resident_memory_bytes") > 1e6);
        assert!(value(&text, "process_open_fds") >= 3.0);
        assert!(value(&text, "process_max_fds") > value(&text, "process_open_fds"));
        let age = sla_domain::SystemClock.now_ms() as f64 / 1000.0 - value(&text, "process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "it started {age} s ago");
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(
            !metrics.text().contains("\nsla_data_folder_bytes "),
            "unknown is not zero"
        );
    }
}
