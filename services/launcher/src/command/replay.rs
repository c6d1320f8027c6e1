//! `sla replay`: shows what `sla --record` has recorded.

mod recording;
mod sieve;

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use color_eyre::eyre::{Report, WrapErr as _};
use futures::future::select_all;
use tokio::signal::unix::{SignalKind, signal};

use self::recording::Recording;
use self::sieve::Sieve;
use crate::cli::ReplayArgs;
use crate::exit::{Exit, Failure};
use crate::output;

/// Pauses longer than this are cut short, seconds.
const PAUSE_MAX_S: f64 = 2.0;
/// Alternate screen without a cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J\x1b[H";
/// And back: all that the sieve lets a recording set.
const LEAVE: &str = "\x1b[?2026l\x1b]8;;\x1b\\\x1b[0m\x1b[?25h\x1b[?1049l";

/// Plays a recording on this terminal until its end or a signal.
pub(crate) async fn replay(arguments: &ReplayArgs) -> Result<Exit, Report> {
    let mut recording = Recording::open(&arguments.file).await?;
    if !std::io::stdout().is_terminal() {
        return Err(Failure::new(Exit::USAGE, "a recording needs a terminal to be shown on").into());
    }
    let ended = ended()?;
    let mut sieve = Sieve::default();
    show(ENTER)?;
    let played = tokio::select! {
        played = play(&mut recording, &mut sieve, arguments.speed) => played.map(|()| Exit::OK),
        exit = ended => Ok(exit),
    };
    let left = show(LEAVE);
    if sieve.dropped() > 0 {
        let words = format!(
            "{} sequences or characters were left out: the console writes none of them",
            sieve.dropped()
        );
        output::remark(&words);
    }
    let exit = played?;
    // Who hangs up takes the terminal along.
    if exit == Exit::OK {
        left?;
    }
    Ok(exit)
}

/// Waits for a signal that ends the show. From now on none of them ends the process by itself: the terminal is put back first.
fn ended() -> Result<impl Future<Output = Exit>, Report> {
    let mut signals = Vec::new();
    for kind in [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
        SignalKind::quit(),
    ] {
        let mut signal = signal(kind).wrap_err("cannot wait for signals")?;
        signals.push(Box::pin(async move {
            signal.recv().await;
            kind
        }));
    }
    Ok(async move {
        match select_all(signals).await.0 {
            // Ctrl-C is how one leaves.
            kind if kind == SignalKind::interrupt() => Exit::OK,
            kind => Exit::signal(kind.as_raw_value() as u8),
        }
    })
}

async fn play(recording: &mut Recording, sieve: &mut Sieve, speed: f64) -> Result<(), Report> {
    let mut before_s = 0.0;
    while let Some(event) = recording.next().await? {
        let pause_s = (event.at_s - before_s).clamp(0.0, PAUSE_MAX_S) / speed;
        tokio::time::sleep(Duration::from_secs_f64(pause_s)).await;
        show(&sieve.passed(&event.text))?;
        before_s = event.at_s;
    }
    // The last picture stands until somebody has seen it.
    tokio::time::sleep(Duration::from_secs_f64(PAUSE_MAX_S / speed)).await;
    Ok(())
}

fn show(text: &str) -> Result<(), Report> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .wrap_err("the terminal is gone")
}
