//! `sla serve`.

use color_eyre::eyre::{Report, WrapErr as _};
use sla_domain::{Clock as _, Invalid, SystemClock, instant};

use super::Session;
use crate::cli::ServeArgs;
use crate::config::Span;
use crate::exit::{Exit, Failure};
use crate::instance::{self, Demo, Paths, Serve};

/// The instant at which a clock shall stand still, Unix milliseconds: the one given, or the present.
pub(crate) fn frozen_at(asked: Option<&str>) -> Result<Option<i64>, Invalid> {
    let parsed = asked.map(|text| match text {
        "" => Ok(SystemClock.now_ms()),
        text => instant::parse_ms(text),
    });
    parsed.transpose().map_err(|invalid| Invalid {
        field: "--frozen".to_owned(),
        ..invalid
    })
}

/// Runs an instance in this process until it is stopped.
pub(crate) async fn serve(session: Session, arguments: &ServeArgs) -> Result<Exit, Report> {
    if arguments.detached {
        // A session of its own: neither Ctrl-C nor a hang-up of the console's terminal ends the watch.
        rustix::process::setsid().wrap_err("cannot leave the terminal's session")?;
    }
    let frozen_ms = frozen_at(arguments.frozen.as_deref())?;
    let demo = arguments.demo_dir.as_ref().map(|folder| Demo {
        folder: folder.clone(),
        frozen_ms,
        step_ms: arguments.step.ms(),
    });
    let config = session.loaded.config;
    let paths = demo.as_ref().map_or(session.paths, |demo| Paths::inside(&demo.folder));
    let is_gateway = arguments.roles.iter().any(|role| role == "gateway");
    let run = Serve {
        idle_exit: arguments.idle_exit.map(Span::duration),
        errand: arguments.errand,
        demo,
        roles: arguments.roles.clone(),
        listen: arguments.listen.or(config.gateway.listen.filter(|_| is_gateway)),
        insecure: session.global.insecure,
    };
    if run.needs_source() && !config.has_source() {
        let words = "no metric source is configured: give --prometheus URL or set source.url in the configuration file";
        return Err(Failure::new(Exit::CONFIG, words).into());
    }
    Box::pin(instance::serve(config, paths, run)).await?;
    Ok(Exit::OK)
}
