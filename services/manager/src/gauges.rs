//! What the role holds and what state its objectives are in, looked up when somebody asks for its metrics.

use std::sync::{Arc, Weak};

use sla_proto::violation::v1::State;
use sla_runtime::metrics::{Labels, Metrics, single};

use crate::core::ManagerCore;

/// The states of an objective, and their words on screens and in JSON.
const STATES: [(State, &str); 5] = [
    (State::Ok, "ok"),
    (State::AtRisk, "at_risk"),
    (State::Violated, "violated"),
    (State::NoData, "no_data"),
    (State::Excluded, "excluded"),
];

/// Tells them. The registry does not keep the role alive.
pub(crate) fn register(metrics: &Metrics, core: &Arc<ManagerCore>) {
    let of_core = |value: fn(&ManagerCore) -> Vec<(Labels, f64)>| {
        let core: Weak<ManagerCore> = Arc::downgrade(core);
        move || core.upgrade().map_or_else(Vec::new, |core| value(&core))
    };
    metrics.gauge(
        "sla_manager_objectives",
        "Active objectives, by the state of the newest evaluation",
        of_core(states),
    );
    metrics.gauge(
        "sla_manager_evaluated_time_seconds",
        "When the newest evaluation judged, Unix time",
        of_core(|core| {
            let at_ms = core.board.snapshot().at_ms;
            at_ms.map_or_else(Vec::new, |at_ms| single(at_ms as f64 / 1e3))
        }),
    );
    metrics.gauge(
        "sla_manager_active",
        "Whether this manager judges, under the lease; of several one does",
        of_core(|core| single(if core.mandate.fence() > 0 { 1.0 } else { 0.0 })),
    );
    metrics.gauge(
        "sla_manager_samples_bytes",
        "What the samples that are judged take, compressed",
        of_core(|core| single(core.memory.lock().fill().0 as f64)),
    );
    metrics.gauge(
        "sla_manager_series_left_out",
        "Series that are not judged because there was no room",
        of_core(|core| single(core.memory.lock().fill().2 as f64)),
    );
}

fn states(core: &ManagerCore) -> Vec<(Labels, f64)> {
    let snapshot = core.board.snapshot();
    if snapshot.at_ms.is_none() {
        return Vec::new();
    }
    let count = |state| snapshot.objectives.iter().filter(|one| one.state() == state).count();
    let one = |(state, word): (State, &str)| (vec![("state", word.to_owned())], count(state) as f64);
    STATES.map(one).to_vec()
}
