//! The source `self`: asks this process and those that it calls what they count about themselves, every 15 s.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use sla_domain::Clock;
use sla_runtime::metrics::Metrics;
use sla_runtime::processes::Neighbour;
use sla_runtime::{Parts, Shutdown};
use sla_source::own::{OwnMetrics, STEP_MS, Told};
use tokio::time::{MissedTickBehavior, interval};

/// The name of the source.
pub(super) const NAME: &str = "self";
/// How long a process may take to tell its metrics; one that is slower is down for this time.
const ASK_LIMIT: Duration = Duration::from_secs(5);

/// Who is asked.
struct Watch {
    own: Arc<OwnMetrics>,
    /// What this process is called.
    here: String,
    metrics: Metrics,
    neighbours: Vec<Neighbour>,
    clock: Arc<dyn Clock>,
}

impl Watch {
    async fn sample(&self) {
        let others = join_all(self.neighbours.iter().map(async |neighbour| Told {
            instance: host_of(&neighbour.address).to_owned(),
            text: neighbour.own_metrics(ASK_LIMIT).await,
        }));
        let mut told = vec![Told {
            instance: self.here.clone(),
            text: Some(self.metrics.text()),
        }];
        told.extend(others.await);
        self.own.sample(self.clock.now_ms(), &told);
    }

    async fn run(self, shutdown: Shutdown) {
        let mut ticks = interval(Duration::from_millis(STEP_MS.unsigned_abs()));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = shutdown.token().cancelled() => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                () = shutdown.token().cancelled() => return,
                () = self.sample() => {}
            }
        }
    }
}

/// `host:port` of an address.
fn host_of(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// What a process is called: as others call it, where they do, so that all workers tell of the same series; else by the name of its
/// instance.
pub(super) fn called<'a>(name: &'a str, address: &'a str) -> &'a str {
    if address.is_empty() { name } else { host_of(address) }
}

/// Begins to sample; the source that answers with it.
pub(super) fn start(here: &str, parts: &Parts, neighbours: Vec<Neighbour>) -> Arc<OwnMetrics> {
    let own = Arc::new(OwnMetrics::new(
        sla_domain::SourceId(NAME.to_owned()),
        parts.clock.clone(),
    ));
    let watch = Watch {
        own: own.clone(),
        here: here.to_owned(),
        metrics: parts.metrics.clone(),
        neighbours,
        clock: parts.clock.clone(),
    };
    parts.shutdown.spawn("own metrics", watch.run(parts.shutdown.clone()));
    own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_called_by_its_host_and_port() {
        assert_eq!(host_of("https://storage:7000"), "storage:7000");
        assert_eq!(host_of("http://[::1]:7000/"), "[::1]:7000");
        assert_eq!(host_of("etl:1"), "etl:1");
        assert_eq!(called("etl2", "https://etl-2:7000"), "etl-2:7000");
        assert_eq!(called("default", ""), "default");
    }
}
