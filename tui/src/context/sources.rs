//! How the sources of the instance do, as answers have told.

use sla_proto::series::v1::SourceStatus;

use super::{Context, wire};

/// Sources remembered by name.
const SOURCES_MAX: usize = 64;

impl Context {
    /// The metric source as it was told last.
    pub(crate) fn source(&self) -> Option<&SourceStatus> {
        self.told_source.as_ref()
    }

    /// The source of this name, empty for the default one, as it was told last; `None` where nothing was told of it.
    pub(crate) fn source_named(&self, name: &str) -> Option<&SourceStatus> {
        let name = if name.is_empty() {
            self.default_source()
        } else {
            Some(name)
        };
        name.map_or_else(|| self.source(), |name| self.sources.get(name))
    }

    /// The name of the source that is meant where none is named.
    pub(crate) fn default_source(&self) -> Option<&str> {
        let source = self.server.get()?.source.as_ref()?;
        Some(source.source.as_str()).filter(|name| !name.is_empty())
    }

    /// An answer told how a source is doing.
    pub(crate) fn source_told(&mut self, status: Option<SourceStatus>) {
        // A service that has not heard of the source yet tells nothing.
        let Some(status) = status.filter(|s| !s.source.is_empty()) else {
            return;
        };
        if self.sources.len() < SOURCES_MAX || self.sources.contains_key(&status.source) {
            self.sources.insert(status.source.clone(), status.clone());
        }
        // There is room for one: another than the default one is told of while something is wrong with it.
        let is_default = self.default_source().is_none_or(|name| name == status.source);
        let is_told = self.source().is_some_and(|told| told.source == status.source);
        if is_default || is_told || !status.problem.is_empty() {
            self.told_source = Some(status);
        }
    }

    /// In how long the failing source is tried again, milliseconds; `None` while all is well or nobody has said.
    pub(crate) fn source_retry_left_ms(&self) -> Option<i64> {
        let source = self.source().filter(|s| !s.problem.is_empty())?;
        wire::ms(source.next_attempt.as_ref()).map(|next| next - self.data_now_ms())
    }
}
