//! `sla forecast --tasks`: forecasts in bulk, a line in, a line out, in the same order; needs no instance and no configuration.

use std::io::{self, BufRead, BufReader, BufWriter, Read as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use color_eyre::eyre::{Report, WrapErr as _};
use serde_json::{Value, json};
use sla_analysis::pool::{History, MAX_HORIZON_STEPS, PoolError, Question, Side, Threshold};
use sla_domain::Invalid;
use sla_views::{Unread, read_json};

use crate::command::{outlook, samples};
use crate::exit::Exit;
use crate::output;

/// Longest line, in bytes: some hundred thousand values.
const MAX_LINE_BYTES: usize = 16 << 20;
/// Lines read ahead of the answer that is written next, a worker.
const LINES_AHEAD: usize = 4;
/// Most threads.
const MAX_WORKERS: usize = 64;
/// Longest distance of values, seconds.
const MAX_STEP_S: f64 = 1e7;

/// A line, or why it is none.
type Line = Result<Vec<u8>, Invalid>;

/// A line on its way to a worker, and where its answer goes.
struct Job {
    line: Line,
    reply: SyncSender<Answer>,
}

/// The text of an answer and whether the line was understood.
struct Answer {
    text: String,
    good: bool,
}

/// Answers every line of the file; `-` is stdin. At most [`LINES_AHEAD`] lines a core are in memory.
pub(crate) fn run(path: &Path) -> Result<Exit, Report> {
    let input: Box<dyn BufRead + Send> = if path.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = std::fs::File::open(path).wrap_err_with(|| format!("cannot open {}", path.display()))?;
        Box::new(BufReader::new(file))
    };
    let workers = thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS);
    let good = answer_all(input, BufWriter::new(io::stdout().lock()), workers)
        .wrap_err_with(|| format!("cannot read {}", path.display()))?;
    Ok(if good { Exit::OK } else { Exit::DATA })
}

/// Whether every line was understood. An output that takes no more ends the work.
fn answer_all(input: Box<dyn BufRead + Send>, mut out: impl io::Write, workers: usize) -> Result<bool, io::Error> {
    let ahead = workers * LINES_AHEAD;
    let (jobs, queue) = sync_channel::<Job>(ahead);
    let (promises, replies) = sync_channel::<Receiver<Answer>>(ahead);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        let reader = scope.spawn(move || read_all(input, &jobs, &promises));
        for _ in 0..workers {
            scope.spawn(|| work(&queue));
        }
        let (mut good, mut written) = (true, Ok(()));
        loop {
            let reply = match replies.try_recv() {
                Ok(reply) => reply,
                // Nothing to write at once: a reader that waits for its answer gets it.
                Err(TryRecvError::Empty) => {
                    written = out.flush();
                    if written.is_err() {
                        break;
                    }
                    match replies.recv() {
                        Ok(reply) => reply,
                        Err(_) => break,
                    }
                }
                Err(TryRecvError::Disconnected) => break,
            };
            let Ok(answer) = reply.try_recv().or_else(|_| {
                let _ = out.flush();
                reply.recv()
            }) else {
                break;
            };
            good &= answer.good;
            written = writeln!(out, "{}", answer.text);
            if written.is_err() {
                break;
            }
        }
        output::note(written.and_then(|()| out.flush()));
        // The reader stops at its next line when nobody takes its promises.
        drop(replies);
        match reader.join() {
            Ok(outcome) => outcome.map(|()| good),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        let answer = match job.line {
            Ok(line) => answer(&line),
            Err(invalid) => refusal(&Value::Null, &invalid),
        };
        // The writer may be gone; then nobody wants it.
        let _ = job.reply.send(answer);
    }
}

/// Hands out every line with a promise of its answer; ends early when nobody takes them.
fn read_all(
    mut input: Box<dyn BufRead + Send>,
    jobs: &SyncSender<Job>,
    promises: &SyncSender<Receiver<Answer>>,
) -> Result<(), io::Error> {
    while let Some(line) = read_line(&mut input)? {
        if matches!(&line, Ok(bytes) if bytes.trim_ascii().is_empty()) {
            continue;
        }
        let (reply, promise) = sync_channel(1);
        if promises.send(promise).is_err() || jobs.send(Job { line, reply }).is_err() {
            break;
        }
    }
    Ok(())
}

/// The next line without its end; one that is too long is skipped and named.
fn read_line(input: &mut Box<dyn BufRead + Send>) -> Result<Option<Line>, io::Error> {
    let mut line = Vec::new();
    let read = input
        .by_ref()
        .take(MAX_LINE_BYTES as u64 + 1)
        .read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') || line.len() <= MAX_LINE_BYTES {
        return Ok(Some(Ok(line)));
    }
    loop {
        let part = input.fill_buf()?;
        let (length, ended) = match part.iter().position(|&byte| byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (part.len(), part.is_empty()),
        };
        input.consume(length);
        if ended {
            return Ok(Some(Err(Invalid::new(
                "line",
                "",
                format!("is longer than {} MiB", MAX_LINE_BYTES >> 20),
                "give a shorter history",
            ))));
        }
    }
}

fn answer(line: &[u8]) -> Answer {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
    let value = match read_json(line.trim_ascii()) {
        Ok(value) => value,
        Err(Unread::Twice(name)) => {
            let invalid = Invalid::new(name, "", "stands twice in one object", "write it once");
            return refusal(&Value::Null, &invalid);
        }
        Err(Unread::Syntax(error)) => {
            let start = String::from_utf8_lossy(&line[..line.len().min(Invalid::MAX_VALUE_CHARS)]).into_owned();
            let fix = "give one JSON object a line";
            return refusal(
                &Value::Null,
                &Invalid::new("line", start.trim_end(), format!("is not JSON: {error}"), fix),
            );
        }
    };
    let id = value.get("id").cloned().unwrap_or(Value::Null);
    match Task::of(&value).and_then(|task| task.answer()) {
        Ok(mut object) => {
            object.insert("id".to_owned(), id);
            Answer {
                text: Value::Object(object).to_string(),
                good: true,
            }
        }
        Err(invalid) => refusal(&id, &invalid),
    }
}

fn refusal(id: &Value, invalid: &Invalid) -> Answer {
    let error = json!({
        "field": invalid.field,
        "value": invalid.value.as_str(),
        "rule": invalid.rule,
        "fix": invalid.fix,
    });
    Answer {
        text: json!({ "id": id, "error": error }).to_string(),
        good: false,
    }
}

/// A task that was understood.
struct Task {
    step_ms: i64,
    question: Question,
    history: Vec<f64>,
}

impl Task {
    fn of(value: &Value) -> Result<Self, Invalid> {
        if !value.is_object() {
            return Err(Invalid::new(
                "line",
                &value.to_string(),
                "must be a JSON object",
                "give {\"id\":…,\"step_s\":…,\"horizons\":[…],\"thresholds\":[…],\"history\":[…]}",
            ));
        }
        Ok(Self {
            step_ms: step_ms(&value["step_s"])?,
            question: Question {
                horizons_steps: horizons(&value["horizons"])?,
                thresholds: thresholds(&value["thresholds"])?,
            },
            history: history(&value["history"])?,
        })
    }

    fn answer(&self) -> Result<serde_json::Map<String, Value>, Invalid> {
        let refused = |error: PoolError| match error {
            PoolError::BadQuestion { field, value, rule } => {
                let field = if field == "horizons_steps" { "horizons" } else { field };
                Invalid::new(field, &value, rule, "keep to that")
            }
            PoolError::TooShort { samples, needed } => Invalid::new(
                "history",
                &format!("{samples} finite values"),
                format!("must hold at least {needed} finite values"),
                "give a longer history",
            ),
            other => Invalid::new("line", "", other.to_string(), "check the task"),
        };
        self.question.check().map_err(refused)?;
        let history = History::regular(&self.history, self.step_ms).map_err(refused)?;
        // The future starts after the last value given, also where that one is missing.
        let missing = self.history.iter().rev().take_while(|value| !value.is_finite()).count();
        let longest = self.question.horizons_steps.iter().copied().max().unwrap_or(0);
        if missing + longest > MAX_HORIZON_STEPS {
            return Err(Invalid::new(
                "history",
                &format!("{missing} missing values at the end"),
                format!("these and the longest horizon may be {MAX_HORIZON_STEPS} steps together"),
                "give a history that reaches up to now, or a shorter horizon",
            ));
        }
        let answer = outlook::ask(&history, &self.question, missing).map_err(refused)?;
        Ok(outlook::json(&answer, &self.question, missing))
    }
}

fn step_ms(value: &Value) -> Result<i64, Invalid> {
    let step_s = value.as_f64().filter(|step_s| (0.001..=MAX_STEP_S).contains(step_s));
    step_s.map(|step_s| (step_s * 1000.0).round() as i64).ok_or_else(|| {
        let rule = format!("must be a number from 0.001 to {MAX_STEP_S}");
        Invalid::new("step_s", &shown(value), rule, "give the seconds between two values")
    })
}

fn horizons(value: &Value) -> Result<Vec<usize>, Invalid> {
    let fix = "give steps, such as [40, 240]";
    let list = value
        .as_array()
        .ok_or_else(|| Invalid::new("horizons", &shown(value), "must be an array of whole numbers", fix))?;
    list.iter()
        .enumerate()
        .map(|(at, value)| {
            // 40.0 is a whole number too.
            let whole = value.as_u64().or_else(|| {
                let number = value.as_f64()?;
                (number.fract() == 0.0 && (0.0..=1e9).contains(&number)).then_some(number as u64)
            });
            whole
                .and_then(|steps| usize::try_from(steps).ok())
                .filter(|steps| (1..=MAX_HORIZON_STEPS).contains(steps))
                .ok_or_else(|| {
                    let rule = format!("must be a whole number from 1 to {MAX_HORIZON_STEPS}");
                    Invalid::new(format!("horizons[{at}]"), &shown(value), rule, fix)
                })
        })
        .collect()
}

fn thresholds(value: &Value) -> Result<Vec<Threshold>, Invalid> {
    let fix = "give [{\"side\":\"upper\",\"value\":90}], or [] for bands alone";
    let list = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        other => {
            return Err(Invalid::new(
                "thresholds",
                &shown(other),
                "must be an array of objects",
                fix,
            ));
        }
    };
    list.iter()
        .enumerate()
        .map(|(at, entry)| {
            let side = match entry["side"].as_str() {
                Some("upper") => Side::Upper,
                Some("lower") => Side::Lower,
                _ => {
                    let field = format!("thresholds[{at}].side");
                    return Err(Invalid::new(
                        field,
                        &shown(&entry["side"]),
                        "must be \"upper\" or \"lower\"",
                        fix,
                    ));
                }
            };
            let bound = &entry["value"];
            let number = samples::number(bound).filter(|number| !number.is_nan());
            number.map(|value| Threshold { side, value }).ok_or_else(|| {
                Invalid::new(
                    format!("thresholds[{at}].value"),
                    &shown(bound),
                    "must be a number",
                    fix,
                )
            })
        })
        .collect()
}

fn history(value: &Value) -> Result<Vec<f64>, Invalid> {
    let list = value.as_array().ok_or_else(|| {
        let rule = "must be an array of numbers, oldest first";
        Invalid::new(
            "history",
            &shown(value),
            rule,
            "give one value a step; null where one is missing",
        )
    })?;
    list.iter()
        .enumerate()
        .map(|(at, value)| {
            samples::number(value).ok_or_else(|| {
                let fix = "give null or \"nan\" where a value is missing";
                Invalid::new(format!("history[{at}]"), &shown(value), "must be a number", fix)
            })
        })
        .collect()
}

/// A refused value as text; what is not there at all is nothing.
fn shown(value: &Value) -> String {
    if value.is_null() {
        String::new()
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests;
