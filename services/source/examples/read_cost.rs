//! What reading costs: `cargo run --release -p sla-source --example read_cost -- URL TRUTH.json PID [SELECTOR]`
//! against the server of `dev/prometheus/up.sh` (`PROFILE=estate HOSTS=56` has 1,008 series), whose process is PID. Prints,
//! for 12 h up to the truth's end, the CPU of client and server for chunks to samples, for our JSON way and for the ordinary
//! one (serde_json into nested vectors), and the size of the cache. CPU is that of the processes (`/proc/*/schedstat`), the
//! median of several rounds.

#![expect(clippy::print_stdout, reason = "an example that prints its findings")]

use std::time::{Duration, Instant};

use sla_domain::{SeriesId, SourceId};
use sla_source::{Call, MetricSource, Prometheus, RawRead, ReadRequest, SampleCache, SourceOptions, Way, xor};

const WINDOW_MS: i64 = 43_200_000;
const ROUNDS: usize = 5;

type Failure = Box<dyn std::error::Error>;

/// CPU seconds of this process so far, user and system: all its threads.
fn cpu_s() -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    let own: f64 = text.split(' ').next().unwrap_or("0").parse()?;
    Ok(own / 1e9)
}

/// CPU seconds of the server so far: all threads that still live (those of Go do).
fn server_cpu_s(pid: u32) -> Result<f64, Failure> {
    let mut total = 0.0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        total += text.split(' ').next().unwrap_or("0").parse::<f64>()? / 1e9;
    }
    Ok(total)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

async fn read(url: &str, way: Way, request: &ReadRequest) -> Result<RawRead, Failure> {
    let mut options = SourceOptions::new("cost", url);
    options.ways = vec![way];
    options.timeout = Duration::from_mins(1);
    options.body_cap_bytes = 512 << 20;
    options.bytes_per_s = u64::MAX;
    Ok(Prometheus::new(options)?
        .read(request, &Call::within(Duration::from_mins(2)))
        .await?)
}

/// What most programs do: the whole body, `serde_json` into nested vectors, text to numbers.
async fn ordinary(url: &str, selector: &str, end_ms: i64) -> Result<usize, Failure> {
    #[derive(serde::Deserialize)]
    struct Answer {
        data: Data,
    }
    #[derive(serde::Deserialize)]
    struct Data {
        result: Vec<Series>,
    }
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "parsed as an ordinary client does")]
    struct Series {
        metric: std::collections::HashMap<String, String>,
        values: Vec<(f64, String)>,
    }
    let mut address = reqwest::Url::parse(url)?.join("/api/v1/query")?;
    address
        .query_pairs_mut()
        .append_pair("query", &format!("{selector}[12h]"))
        .append_pair("time", &format!("{:.3}", end_ms as f64 / 1000.0));
    let body = reqwest::get(address).await?.bytes().await?;
    let answer: Answer = serde_json::from_slice(&body)?;
    let mut count = 0;
    let mut sum = 0.0;
    for series in answer.data.result {
        let samples: Vec<(i64, f64)> = series
            .values
            .into_iter()
            .map(|(time, value)| ((time * 1000.0).round() as i64, value.parse().unwrap_or(f64::NAN)))
            .collect();
        count += samples.len();
        sum += samples
            .iter()
            .map(|(_, value)| value)
            .filter(|value| value.is_finite())
            .sum::<f64>();
    }
    std::hint::black_box(sum);
    Ok(count)
}

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::too_many_lines, reason = "one measurement after the other")]
async fn main() -> Result<(), Failure> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, truth, pid, rest @ ..] = &arguments[..] else {
        return Err("usage: read_cost URL TRUTH.json PID [SELECTOR]".into());
    };
    let pid: u32 = pid.parse()?;
    let truth: serde_json::Value = serde_json::from_slice(&std::fs::read(truth)?)?;
    let end_ms = truth["end_ms"].as_i64().ok_or("no end_ms in the truth")?;
    let selector = rest.first().map_or(r#"{instance=~"10\\..*"}"#, String::as_str);
    let request = ReadRequest::selector(selector, end_ms - WINDOW_MS, end_ms);

    for way in [Way::RemoteReadChunks, Way::RemoteReadSamples, Way::InstantQuery] {
        let (mut cpu, mut server, mut wall, mut last) = (Vec::new(), Vec::new(), Vec::new(), None);
        for _ in 0..ROUNDS {
            let (cpu_0, server_0, wall_0) = (cpu_s()?, server_cpu_s(pid)?, Instant::now());
            let got = read(url, way, &request).await?;
            let mut samples = 0;
            for one in &got.series {
                samples += std::hint::black_box(one.samples(end_ms - WINDOW_MS, end_ms)?).len();
            }
            cpu.push(cpu_s()? - cpu_0);
            server.push(server_cpu_s(pid)? - server_0);
            wall.push(wall_0.elapsed().as_secs_f64());
            last = Some((got, samples));
        }
        let Some((got, samples)) = last else {
            continue;
        };
        println!(
            "{:<24} {} series, {samples} samples, {:.1} MB, {} requests: CPU client {:.3} s, server {:.3} s, wall {:.3} s",
            way.as_str(),
            got.series.len(),
            got.bytes as f64 / 1e6,
            got.requests,
            median(cpu),
            median(server),
            median(wall)
        );
        if way != Way::RemoteReadChunks {
            continue;
        }
        let started = cpu_s()?;
        let mut count = 0;
        for _ in 0..ROUNDS {
            for one in &got.series {
                count += std::hint::black_box(one.samples(i64::MIN, i64::MAX)?).len();
            }
        }
        println!(
            "{:<24} {:.1} M samples/s",
            "decoding",
            count as f64 / 1e6 / (cpu_s()? - started)
        );
        let samples = got.decoded()?;
        let started = cpu_s()?;
        let mut count = 0;
        for (_, samples) in &samples {
            for (times, values) in samples.times_ms.chunks(120).zip(samples.values.chunks(120)) {
                let mut encoder = xor::XorEncoder::new();
                for (time, value) in times.iter().zip(values) {
                    count += usize::from(encoder.push(*time, *value));
                }
                std::hint::black_box(encoder.bytes().len());
            }
        }
        println!(
            "{:<24} {:.1} M samples/s",
            "encoding",
            count as f64 / 1e6 / (cpu_s()? - started)
        );
        let source = SourceId("cost".into());
        let mut cache = SampleCache::default();
        let started = cpu_s()?;
        for one in got.series {
            let id = SeriesId::of_series(&source, &one.labels);
            cache.store(id, one, end_ms - WINDOW_MS, end_ms)?;
        }
        let fill = cache.fill();
        println!(
            "{:<24} {:.2} bytes a sample ({} samples, {:.1} MB), filled in {:.3} s CPU",
            "cache",
            fill.bytes as f64 / fill.samples as f64,
            fill.samples,
            fill.bytes as f64 / 1e6,
            cpu_s()? - started
        );
    }
    let (mut cpu, mut server) = (Vec::new(), Vec::new());
    let mut count = 0;
    for _ in 0..ROUNDS {
        let (started, server_0) = (cpu_s()?, server_cpu_s(pid)?);
        count = ordinary(url, selector, end_ms).await?;
        cpu.push(cpu_s()? - started);
        server.push(server_cpu_s(pid)? - server_0);
    }
    println!(
        "{:<24} {count} samples: CPU client {:.3} s, server {:.3} s",
        "ordinary serde client",
        median(cpu),
        median(server)
    );
    Ok(())
}
