//! What values are measured in, as far as a metric's metadata or its name declares it.
//!
//! Source: Prometheus, "Metric and label naming" (base units as a suffix) and `OpenMetrics` 1.0, section "Units".

use crate::counter;

/// The physical kind behind a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// Nothing known, or a count.
    #[default]
    Plain,
    /// Bytes.
    Bytes,
    /// Bits.
    Bits,
    /// Seconds, written as a duration from a minute on.
    Seconds,
    /// A share of 1, shown in percent.
    Ratio,
    /// A share of 100.
    Percent,
    /// A unit with a symbol that takes SI prefixes: `W`, `V`, `Hz`.
    Scaled(&'static str),
    /// A unit with a symbol that takes none: `°C`, `mm`.
    Fixed(&'static str),
}

/// What one value is measured in: `step` of `kind`, per second or not. A metric in milliseconds is `Seconds` in steps of
/// 0.001.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    /// The kind.
    pub kind: Kind,
    /// How much of the kind's base unit the value 1 is; finite and above 0.
    pub step: f64,
    /// Whether values are per second.
    pub per_second: bool,
}

impl Default for Unit {
    fn default() -> Self {
        Self::PLAIN
    }
}

/// Words that declare a unit wherever they stand in a name.
const WORDS: [(&str, Kind, f64); 27] = [
    ("bytes", Kind::Bytes, 1.0),
    ("kilobytes", Kind::Bytes, 1e3),
    ("megabytes", Kind::Bytes, 1e6),
    ("gigabytes", Kind::Bytes, 1e9),
    ("kibibytes", Kind::Bytes, 1024.0),
    ("mebibytes", Kind::Bytes, 1_048_576.0),
    ("gibibytes", Kind::Bytes, 1_073_741_824.0),
    ("bits", Kind::Bits, 1.0),
    ("seconds", Kind::Seconds, 1.0),
    ("milliseconds", Kind::Seconds, 1e-3),
    ("microseconds", Kind::Seconds, 1e-6),
    ("nanoseconds", Kind::Seconds, 1e-9),
    ("minutes", Kind::Seconds, 60.0),
    ("hours", Kind::Seconds, 3_600.0),
    ("days", Kind::Seconds, 86_400.0),
    ("percent", Kind::Percent, 1.0),
    ("percentage", Kind::Percent, 1.0),
    ("celsius", Kind::Fixed("°C"), 1.0),
    ("fahrenheit", Kind::Fixed("°F"), 1.0),
    ("kelvin", Kind::Fixed("K"), 1.0),
    ("volts", Kind::Scaled("V"), 1.0),
    ("amperes", Kind::Scaled("A"), 1.0),
    ("watts", Kind::Scaled("W"), 1.0),
    ("joules", Kind::Scaled("J"), 1.0),
    ("hertz", Kind::Scaled("Hz"), 1.0),
    ("grams", Kind::Scaled("g"), 1.0),
    ("rpm", Kind::Fixed("rpm"), 1.0),
];

/// Words too short to be believed anywhere but at the end of a name.
const ENDINGS: [(&str, Kind, f64); 15] = [
    ("ratio", Kind::Ratio, 1.0),
    ("pct", Kind::Percent, 1.0),
    ("ms", Kind::Seconds, 1e-3),
    ("msec", Kind::Seconds, 1e-3),
    ("millis", Kind::Seconds, 1e-3),
    ("us", Kind::Seconds, 1e-6),
    ("usec", Kind::Seconds, 1e-6),
    ("ns", Kind::Seconds, 1e-9),
    ("kb", Kind::Bytes, 1e3),
    ("mb", Kind::Bytes, 1e6),
    ("gb", Kind::Bytes, 1e9),
    ("hz", Kind::Scaled("Hz"), 1.0),
    ("mm", Kind::Fixed("mm"), 1.0),
    ("cm", Kind::Fixed("cm"), 1.0),
    ("kelvins", Kind::Fixed("K"), 1.0),
];

/// Endings that say how a value was made, not what it is measured in.
const AGGREGATES: [&str; 5] = ["_total", "_sum", "_max", "_min", "_avg"];

impl Unit {
    /// Nothing known.
    pub const PLAIN: Self = Self::of(Kind::Plain);

    /// One of a kind's base unit, not per second.
    pub const fn of(kind: Kind) -> Self {
        Self {
            kind,
            step: 1.0,
            per_second: false,
        }
    }

    /// By what the server's metadata declares, else by the metric's name. `rate` says that the values are per-second rates of
    /// a counter of that name.
    pub fn declared(metadata_unit: &str, metric_name: &str, rate: bool) -> Self {
        let word = metadata_unit.trim().to_ascii_lowercase();
        let counted = is_counted(metric_name);
        let known = (!counted && !word.is_empty()).then(|| word_of(&word)).flatten();
        known.map_or_else(
            || Self::guess(metric_name, rate),
            |(kind, step)| {
                Self {
                    kind,
                    step,
                    per_second: false,
                }
                .rated(rate)
            },
        )
    }

    /// By the metric's name alone.
    pub fn guess(metric_name: &str, rate: bool) -> Self {
        let base = AGGREGATES
            .iter()
            .fold(metric_name, |name, ending| name.strip_suffix(ending).unwrap_or(name))
            .to_ascii_lowercase();
        if is_counted(&base) {
            return Self::PLAIN.rated(rate);
        }
        let last = base.rsplit(['_', ':']).next().unwrap_or("");
        if last == "ms" && base.contains("speed") {
            // Metres per second, as weather stations name it; nobody measures a speed in milliseconds.
            return Self::of(Kind::Fixed("m/s"));
        }
        let anywhere = base
            .split(['_', ':'])
            .find_map(|part| WORDS.iter().find(|(word, ..)| *word == part));
        let found = anywhere.or_else(|| ENDINGS.iter().find(|(word, ..)| *word == last));
        let (kind, step) = found.map_or((Kind::Plain, 1.0), |&(_, kind, step)| (kind, step));
        Self {
            kind,
            step,
            per_second: false,
        }
        .rated(rate)
    }

    /// Of what an objective on a metric is judged by: the rate of a counter unless it is judged `raw`.
    pub fn judged(metric_name: &str, raw: bool) -> Self {
        Self::guess(metric_name, !raw && counter::is_counter(metric_name, None))
    }

    /// The unit of this one's per-second rate.
    #[must_use]
    pub fn rated(self, rate: bool) -> Self {
        match self.kind {
            _ if !rate => self,
            // Seconds per second are a share of time: busy cores, utilisation. A rate of a share has no name.
            Kind::Seconds | Kind::Ratio | Kind::Percent => Self::PLAIN,
            // Joules per second are watts.
            Kind::Scaled("J") => Self {
                kind: Kind::Scaled("W"),
                ..self
            },
            _ => Self {
                per_second: true,
                ..self
            },
        }
    }

    /// What stands behind a number or in a column's head: `B/s`, `%`, `°C`; empty where nothing is known.
    pub fn symbol(self) -> String {
        let symbol = match self.kind {
            Kind::Plain => "",
            Kind::Bytes => "B",
            Kind::Bits => "bit",
            Kind::Seconds => "s",
            Kind::Ratio | Kind::Percent => "%",
            Kind::Scaled(symbol) | Kind::Fixed(symbol) => symbol,
        };
        format!("{symbol}{}", if self.per_second { "/s" } else { "" })
    }
}

/// Whether a name is that of a count of observations, whatever was observed.
fn is_counted(name: &str) -> bool {
    ["_count", "_bucket"].iter().any(|ending| name.ends_with(ending))
}

fn word_of(word: &str) -> Option<(Kind, f64)> {
    WORDS
        .iter()
        .chain(&ENDINGS)
        .find(|(known, ..)| *known == word || known.strip_suffix('s') == Some(word))
        .map(|&(_, kind, step)| (kind, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_guessed_from_names() {
        for (name, rate, symbol, step) in [
            ("node_memory_MemAvailable_bytes", false, "B", 1.0),
            ("node_network_receive_bytes_total", true, "B/s", 1.0),
            ("node_network_receive_bytes_total", false, "B", 1.0),
            ("node_cpu_seconds_total", true, "", 1.0),
            ("http_request_duration_seconds", false, "s", 1.0),
            ("http_request_duration_seconds_count", true, "/s", 1.0),
            ("http_request_duration_seconds_bucket", false, "", 1.0),
            ("rpc_latency_milliseconds_sum", false, "s", 1e-3),
            ("rpc_latency_ms", false, "s", 1e-3),
            ("disk_free_mb", false, "B", 1e6),
            ("cache_hit_ratio", false, "%", 1.0),
            ("cpu_usage_percent", false, "%", 1.0),
            ("node_hwmon_temp_celsius", false, "°C", 1.0),
            ("rack_energy_joules_total", true, "W", 1.0),
            ("weather_wind_speed_ms", false, "m/s", 1.0),
            ("weather_rain_mm", false, "mm", 1.0),
            ("node_context_switches_total", true, "/s", 1.0),
            ("node_load1", false, "", 1.0),
            ("alarms", false, "", 1.0),
            ("", false, "", 1.0),
        ] {
            let unit = Unit::guess(name, rate);
            assert_eq!((unit.symbol().as_str(), unit.step), (symbol, step), "{name}");
        }
    }

    #[test]
    fn what_the_server_declares_goes_first() {
        assert_eq!(Unit::declared("milliseconds", "latency", false).step, 1e-3);
        assert_eq!(Unit::declared("Byte", "size", false).kind, Kind::Bytes);
        assert_eq!(Unit::declared("requests", "served_bytes", false).kind, Kind::Bytes);
        assert_eq!(Unit::declared("seconds", "latency_count", true).symbol(), "/s");
    }
}
