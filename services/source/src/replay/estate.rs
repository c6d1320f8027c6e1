//! The demo's estate: every value is a function of seed, series and distance from the epoch.

use std::f64::consts::TAU;

use sla_domain::{Labels, METRIC_NAME, STALE_NAN_BITS, Samples};

/// The host whose `node_load1` is over [`LOAD_LIMIT`] from 9 min before the epoch to 25 min after it, and so every 6 h.
pub const LOADED_HOST: &str = "db-1:9100";
/// A reasonable upper bound of `node_load1` here.
pub const LOAD_LIMIT: f64 = 4.0;
/// The host whose free memory runs out every 3 h; 6 min after the epoch it falls below [`MEMORY_FLOOR_BYTES`].
pub const LEAKING_HOST: &str = "web-2:9100";
/// A reasonable lower bound of `node_memory_MemAvailable_bytes` here: 1 GiB.
pub const MEMORY_FLOOR_BYTES: f64 = 1_073_741_824.0;

const HOSTS: [&str; 3] = ["web-1:9100", LEAKING_HOST, LOADED_HOST];
const MINUTE_S: f64 = 60.0;
const HOUR_S: f64 = 3600.0;
const DAY_S: f64 = 86_400.0;
const HOUR_MS: i64 = 3_600_000;
/// How far back the estate goes.
const HISTORY_MS: i64 = 7 * 24 * HOUR_MS;
/// How far back samples are as dense as those of a server.
const DENSE_MS: i64 = 26 * HOUR_MS;
/// How far back samples are as dense as asked when they are asked to be denser than that: the longest window and more.
const VERY_DENSE_MS: i64 = 13 * HOUR_MS;
const DENSE_STEP_MS: i64 = 15_000;
const SPARSE_STEP_MS: i64 = 300_000;

/// `web-1` is down for 8 min every 9 h, the last time 3 h 20 min before the epoch.
const OUTAGE_HOST: usize = 0;
const OUTAGE_START_S: f64 = -200.0 * MINUTE_S;
const OUTAGE_EVERY_S: f64 = 9.0 * HOUR_S;
const OUTAGE_LENGTH_S: f64 = 8.0 * MINUTE_S;

/// `db-1` restarts every 31 h, the last time 5 h 30 min before the epoch: its counters begin at 0 again.
const RESTART_HOST: usize = 2;
const RESTART_AT_S: f64 = -330.0 * MINUTE_S;
const RESTART_EVERY_S: f64 = 31.0 * HOUR_S;

const LEAK_EVERY_S: f64 = 3.0 * HOUR_S;
const LEAK_FROM_BYTES: f64 = 9.0e9;
const LEAK_TO_BYTES: f64 = 0.35e9;
/// When the floor is crossed, seconds after the epoch.
const LEAK_CROSSING_S: f64 = 6.0 * MINUTE_S;

/// What a series' values look like.
#[derive(Debug, Clone, Copy)]
enum Shape {
    Up,
    Constant(f64),
    Gauge(Gauge),
    Counter(Counter),
    /// Free memory that falls steadily until a restart frees it.
    Leak,
    /// A file system that fills and is cleaned every 6 h.
    Filling,
    /// A sensor that sometimes returns NaN.
    Sensor(Gauge),
    /// Load with the plateau of [`LOADED_HOST`]; `ramp_s` = how slowly it follows.
    Loaded(Gauge, f64),
}

#[derive(Debug, Clone, Copy)]
struct Gauge {
    base: f64,
    /// Amplitude over the day.
    day: f64,
    /// Amplitude over the hour.
    hour: f64,
    /// Standard deviation of the noise.
    noise: f64,
    /// Height of spikes; 0 = none.
    spike: f64,
    /// Values are rounded to multiples of this.
    grain: f64,
}

#[derive(Debug, Clone, Copy)]
struct Counter {
    /// Mean increase a second.
    rate: f64,
    /// Relative amplitude over the day, at most 0.6.
    day: f64,
    /// Whole numbers, or hundredths.
    whole: bool,
}

/// One series.
#[derive(Debug, Clone)]
pub(super) struct EstateSeries {
    pub(super) labels: Labels,
    host: usize,
    shape: Shape,
    key: u64,
    /// Phase of the seasons, in radians.
    phase: f64,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Estate {
    series: Vec<EstateSeries>,
    epoch_ms: i64,
    step_ms: i64,
}

/// Type and help of a metric, as its exporter would tell.
pub(super) fn about(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "up" => ("gauge", "1 if the target was scraped, 0 if not."),
        "node_load1" => ("gauge", "1m load average."),
        "node_load5" => ("gauge", "5m load average."),
        "node_cpu_seconds_total" => ("counter", "Seconds the CPUs spent in each mode."),
        "node_memory_MemAvailable_bytes" => ("gauge", "Memory information field MemAvailable_bytes."),
        "node_memory_MemTotal_bytes" => ("gauge", "Memory information field MemTotal_bytes."),
        "node_filesystem_avail_bytes" => ("gauge", "Filesystem space available to non-root users in bytes."),
        "node_network_receive_bytes_total" => ("counter", "Network device statistic receive_bytes."),
        "node_network_transmit_bytes_total" => ("counter", "Network device statistic transmit_bytes."),
        "node_disk_io_time_seconds_total" => ("counter", "Total seconds spent doing I/Os."),
        "node_hwmon_temp_celsius" => ("gauge", "Hardware monitor for temperature."),
        "node_procs_running" => ("gauge", "Number of processes in runnable state."),
        "http_requests_total" => ("counter", "Requests answered, by status code."),
        "http_request_duration_seconds" => ("summary", "Time to answer a request."),
        "process_resident_memory_bytes" => ("gauge", "Resident memory size in bytes."),
        "process_open_fds" => ("gauge", "Number of open file descriptors."),
        _ => return None,
    })
}

impl Estate {
    pub(super) fn new(seed: u64, step_ms: i64, epoch_ms: i64) -> Self {
        let mut series = Vec::new();
        for (host, instance) in HOSTS.into_iter().enumerate() {
            for (name, label, shape) in shapes(host) {
                let mut pairs = vec![
                    (METRIC_NAME, name),
                    ("instance", instance),
                    (
                        "job",
                        if name.starts_with("http") || name.starts_with("process") {
                            "shop"
                        } else {
                            "node"
                        },
                    ),
                ];
                pairs.extend(label);
                let key = scrambled(seed ^ scrambled(series.len() as u64 + 1));
                series.push(EstateSeries {
                    labels: Labels::from_pairs(pairs),
                    host,
                    shape,
                    key,
                    phase: unit(scrambled(seed ^ 0x4d ^ host as u64)) * 0.8,
                });
            }
        }
        Self {
            series,
            epoch_ms,
            step_ms,
        }
    }

    pub(super) fn series(&self) -> &[EstateSeries] {
        &self.series
    }

    /// Whether anything lies in (`after_ms`, `until_ms`].
    pub(super) fn covers(&self, after_ms: i64, until_ms: i64) -> bool {
        until_ms > after_ms && until_ms > self.epoch_ms - HISTORY_MS
    }

    /// The samples of series `at` in (`after_ms`, `until_ms`].
    pub(super) fn samples(&self, at: usize, after_ms: i64, until_ms: i64) -> Samples {
        let one = &self.series[at];
        // Targets are scraped at phases of their own.
        let offset = one.host as i64 * 37;
        let very_dense = if self.step_ms < DENSE_STEP_MS {
            VERY_DENSE_MS
        } else {
            DENSE_MS
        };
        let zones = [
            (-HISTORY_MS, -DENSE_MS, SPARSE_STEP_MS),
            (-DENSE_MS, -very_dense, DENSE_STEP_MS),
            (-very_dense, i64::MAX, self.step_ms),
        ];
        let (after, until) = (
            after_ms.saturating_sub(self.epoch_ms),
            until_ms.saturating_sub(self.epoch_ms),
        );
        let mut out = Samples::default();
        for (from, to, step) in zones {
            let (after, until) = (after.max(from), until.min(to));
            if until <= after {
                continue;
            }
            let mut slot = (after - offset).div_euclid(step) + 1;
            let last = (until - offset).div_euclid(step);
            let expected = usize::try_from(last - slot + 1).unwrap_or(0);
            out.times_ms.reserve(expected);
            out.values.reserve(expected);
            while slot <= last {
                let time = slot * step + offset;
                if let Some(value) = one.value(time, slot, step) {
                    out.times_ms.push(self.epoch_ms + time);
                    out.values.push(value);
                }
                slot += 1;
            }
        }
        out
    }
}

impl EstateSeries {
    /// The value `time` ms after the epoch; `None` while the target is down.
    fn value(&self, time: i64, slot: i64, step: i64) -> Option<f64> {
        let second = time as f64 / 1000.0;
        let down = self.host == OUTAGE_HOST && is_down(second);
        if down && !matches!(self.shape, Shape::Up) {
            // The first scrape that fails marks the series' end.
            let before = is_down((time - step) as f64 / 1000.0);
            return (!before).then(|| f64::from_bits(STALE_NAN_BITS));
        }
        let random = scrambled(self.key ^ (slot as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ step as u64);
        Some(match self.shape {
            Shape::Up => f64::from(u8::from(!down)),
            Shape::Constant(value) => value,
            Shape::Sensor(_) if random.is_multiple_of(499) => f64::NAN,
            Shape::Gauge(gauge) | Shape::Sensor(gauge) => self.gauge(gauge, second, random, 0.0),
            Shape::Loaded(gauge, ramp_s) => {
                let at = (second + 540.0).rem_euclid(6.0 * HOUR_S);
                let plateau = 4.2 * (at / ramp_s).min(1.0) * ((2040.0 + ramp_s - at) / ramp_s).clamp(0.0, 1.0);
                self.gauge(gauge, second, random, plateau)
            }
            Shape::Leak => {
                let fall = LEAK_FROM_BYTES - LEAK_TO_BYTES;
                let crossing = (LEAK_FROM_BYTES - MEMORY_FLOOR_BYTES) / fall * LEAK_EVERY_S;
                let at = (second - LEAK_CROSSING_S + crossing).rem_euclid(LEAK_EVERY_S);
                let value = LEAK_FROM_BYTES - fall * at / LEAK_EVERY_S + normal(random) * 6.0e6;
                (value / 4096.0).round() * 4096.0
            }
            Shape::Filling => {
                let at = (second + 1.7 * HOUR_S * (self.host as f64 + 1.0)).rem_euclid(6.0 * HOUR_S);
                (4.1e10 - at * 9.0e4).floor()
            }
            Shape::Counter(counter) => self.counter(counter, second, random, step),
        })
    }

    fn gauge(&self, gauge: Gauge, second: f64, random: u64, extra: f64) -> f64 {
        let mut value = gauge.base + extra + gauge.noise * normal(random);
        value += gauge.day * (TAU * second / DAY_S + self.phase).sin();
        value += gauge.hour * (TAU * second / HOUR_S + self.phase).sin();
        if gauge.spike > 0.0 {
            // At most one spike in each stretch of 97 min, 2 to 6 min long.
            let stretch = (second / (97.0 * MINUTE_S)).floor();
            let dice = scrambled(self.key ^ (stretch as i64 as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
            let start = (stretch + 0.9 * unit(dice)) * 97.0 * MINUTE_S;
            let length = 120.0 + 240.0 * unit(scrambled(dice));
            if dice.is_multiple_of(3) && start <= second && second < start + length {
                value += gauge.spike * (0.6 + 0.4 * unit(scrambled(dice ^ 1)));
            }
        }
        ((value / gauge.grain).round() * gauge.grain).max(0.0)
    }

    fn counter(&self, counter: Counter, second: f64, random: u64, step: i64) -> f64 {
        // The integral of rate × (1 + day × sin): rises always, for day ≤ 0.6 and this little noise.
        let total = |second: f64| {
            counter.rate * (second - counter.day * DAY_S / TAU * (TAU * second / DAY_S + self.phase).cos())
        };
        let since = if self.host == RESTART_HOST {
            RESTART_AT_S + ((second - RESTART_AT_S) / RESTART_EVERY_S).floor() * RESTART_EVERY_S
        } else {
            -30.0 * DAY_S
        };
        let noise = 0.3 * counter.rate * (step as f64 / 1000.0) * unit(random);
        let value = (total(second) - total(since) + noise).max(0.0);
        if counter.whole {
            value.floor()
        } else {
            (value * 100.0).floor() / 100.0
        }
    }
}

fn is_down(second: f64) -> bool {
    (second - OUTAGE_START_S).rem_euclid(OUTAGE_EVERY_S) < OUTAGE_LENGTH_S
}

/// SplitMix64's finaliser (Steele et al., 2014).
fn scrambled(mut x: u64) -> u64 {
    x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Uniform in [0, 1).
fn unit(random: u64) -> f64 {
    (random >> 11) as f64 / (1_u64 << 53) as f64
}

/// Close to normal, mean 0 and standard deviation 1: the sum of four uniform numbers, scaled.
fn normal(random: u64) -> f64 {
    let sum: u64 = (0..4).map(|part| (random >> (16 * part)) & 0xffff).sum();
    (sum as f64 / 65_536.0 - 2.0) * 3.0_f64.sqrt()
}

/// Metric name, further labels and shape.
type Described = (&'static str, Vec<(&'static str, &'static str)>, Shape);

/// Each of a host's 18 series.
#[allow(clippy::too_many_lines, reason = "a table: one entry a series of the demo")]
fn shapes(host: usize) -> Vec<Described> {
    let scale = [1.0, 0.8, 1.4][host];
    let gauge = |base: f64, day: f64, hour: f64, noise: f64, spike: f64, grain: f64| Gauge {
        base,
        day,
        hour,
        noise,
        spike,
        grain,
    };
    let counter = |rate: f64, day: f64, whole: bool| Shape::Counter(Counter { rate, day, whole });
    let load1 = gauge(1.1 * scale, 0.4, 0.2, 0.12, if host == 0 { 2.2 } else { 0.0 }, 0.01);
    let load5 = gauge(1.05 * scale, 0.4, 0.15, 0.04, 0.0, 0.01);
    let loaded = HOSTS[host] == LOADED_HOST;
    vec![
        ("up", vec![], Shape::Up),
        (
            "node_load1",
            vec![],
            if loaded {
                Shape::Loaded(load1, 60.0)
            } else {
                Shape::Gauge(load1)
            },
        ),
        (
            "node_load5",
            vec![],
            if loaded {
                Shape::Loaded(load5, 300.0)
            } else {
                Shape::Gauge(load5)
            },
        ),
        (
            "node_cpu_seconds_total",
            vec![("cpu", "0"), ("mode", "idle")],
            counter(0.72, 0.1, false),
        ),
        (
            "node_cpu_seconds_total",
            vec![("cpu", "0"), ("mode", "user")],
            counter(0.19 * scale, 0.5, false),
        ),
        (
            "node_memory_MemAvailable_bytes",
            vec![],
            if HOSTS[host] == LEAKING_HOST {
                Shape::Leak
            } else {
                Shape::Gauge(gauge(7.4e9 / scale, 6e8, 2e8, 4e7, 0.0, 4096.0))
            },
        ),
        ("node_memory_MemTotal_bytes", vec![], Shape::Constant(17_179_869_184.0)),
        (
            "node_filesystem_avail_bytes",
            vec![("device", "/dev/vda1"), ("mountpoint", "/")],
            Shape::Filling,
        ),
        (
            "node_network_receive_bytes_total",
            vec![("device", "eth0")],
            counter(3.1e5 * scale, 0.6, true),
        ),
        (
            "node_network_transmit_bytes_total",
            vec![("device", "eth0")],
            counter(1.2e5 * scale, 0.6, true),
        ),
        (
            "node_disk_io_time_seconds_total",
            vec![("device", "vda")],
            counter(0.11 * scale, 0.4, false),
        ),
        (
            "node_hwmon_temp_celsius",
            vec![("sensor", "temp1")],
            Shape::Sensor(gauge(52.0, 5.0, 1.5, 0.3, 0.0, 0.1)),
        ),
        (
            "node_procs_running",
            vec![],
            Shape::Gauge(gauge(3.0 * scale, 1.0, 0.5, 1.0, 6.0, 1.0)),
        ),
        (
            "http_requests_total",
            vec![("code", "200")],
            counter(42.0 * scale, 0.6, true),
        ),
        (
            "http_requests_total",
            vec![("code", "500")],
            counter(0.05 * scale, 0.6, true),
        ),
        (
            "http_request_duration_seconds",
            vec![("quantile", "0.99")],
            Shape::Gauge(gauge(0.18 * scale, 0.05, 0.02, 0.012, 0.6, 0.0001)),
        ),
        (
            "process_resident_memory_bytes",
            vec![],
            Shape::Gauge(gauge(6.1e8 * scale, 5e7, 2e7, 5e6, 0.0, 4096.0)),
        ),
        (
            "process_open_fds",
            vec![],
            Shape::Gauge(gauge(240.0 * scale, 40.0, 12.0, 6.0, 120.0, 1.0)),
        ),
    ]
}
