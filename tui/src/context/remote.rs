//! A value that lives on the other side of the wire: what we have of it, how old it is, what is being done about it.

use super::request::{Problem, RequestId};

/// A remote value. The last value stays on screen whatever happens to newer requests.
#[derive(Debug, Clone)]
pub(crate) struct Remote<T> {
    value: Option<T>,
    /// When the value arrived, console clock, Unix milliseconds.
    got_ms: i64,
    pending: Option<(RequestId, i64)>,
    problem: Option<(Problem, i64)>,
}

impl<T> Default for Remote<T> {
    fn default() -> Self {
        Self {
            value: None,
            got_ms: 0,
            pending: None,
            problem: None,
        }
    }
}

/// What a pane should say about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Never asked.
    Idle,
    /// Asked since then, nothing to show yet.
    Loading(i64),
    /// The value is as fresh as it gets.
    Ready,
    /// There is a value, but asking for a newer one failed since then.
    Stale(i64),
    /// There is no value and asking failed.
    Failed(i64),
}

impl<T> Remote<T> {
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// What is known, to be told in other words.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.value.as_mut()
    }

    /// What is known of a list; nothing while it is not here.
    pub(crate) fn rows<R>(&self) -> &[R]
    where
        T: AsRef<[R]>,
    {
        self.value.as_ref().map_or(&[], AsRef::as_ref)
    }

    /// When the value arrived, Unix milliseconds.
    pub(crate) fn got_ms(&self) -> i64 {
        self.got_ms
    }

    pub(crate) fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref().map(|(problem, _)| problem)
    }

    pub(crate) fn is_loading(&self) -> bool {
        self.pending.is_some()
    }

    /// A request for a newer value has left.
    pub(crate) fn asked(&mut self, id: RequestId, now_ms: i64) {
        self.pending = Some((id, now_ms));
    }

    /// Takes an answer; one that was overtaken by a newer request is dropped and gives `false`.
    pub(crate) fn answer(&mut self, id: RequestId, result: Result<T, Problem>, now_ms: i64) -> bool {
        if self.pending.is_none_or(|(expected, _)| expected != id) {
            return false;
        }
        self.pending = None;
        match result {
            Ok(value) => self.put(value, now_ms),
            Err(problem) => {
                let since = self.problem.as_ref().map_or(now_ms, |(_, since)| *since);
                self.problem = Some((problem, since));
            }
        }
        true
    }

    /// A value that came without being asked for.
    pub(crate) fn put(&mut self, value: T, now_ms: i64) {
        self.value = Some(value);
        self.got_ms = now_ms;
        self.problem = None;
    }

    /// Forgets the value: another thing is asked for now.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn phase(&self) -> Phase {
        match (&self.value, &self.problem, self.pending) {
            (Some(_), Some((_, since)), _) => Phase::Stale(*since),
            (Some(_), None, _) => Phase::Ready,
            (None, _, Some((_, since))) => Phase::Loading(since),
            (None, Some((_, since)), None) => Phase::Failed(*since),
            (None, None, None) => Phase::Idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem() -> Problem {
        Problem::plain("the server is away")
    }

    #[test]
    fn an_overtaken_answer_is_dropped() {
        let mut remote = Remote::default();
        remote.asked(RequestId(1), 0);
        remote.asked(RequestId(2), 1);
        assert!(!remote.answer(RequestId(1), Ok("old"), 2));
        assert_eq!(remote.get(), None);
        assert!(remote.answer(RequestId(2), Ok("new"), 3));
        assert_eq!((remote.get(), remote.phase()), (Some(&"new"), Phase::Ready));
    }

    #[test]
    fn the_last_value_stays_when_a_newer_one_fails() {
        let mut remote = Remote::default();
        remote.put(7, 0);
        remote.asked(RequestId(1), 10);
        assert!(remote.answer(RequestId(1), Err(problem()), 20));
        remote.asked(RequestId(2), 30);
        assert!(remote.answer(RequestId(2), Err(problem()), 40));
        assert_eq!(
            (remote.get(), remote.phase()),
            (Some(&7), Phase::Stale(20)),
            "failing since the first failure"
        );
    }

    #[test]
    fn loading_then_failed() {
        let mut remote: Remote<u8> = Remote::default();
        assert_eq!(remote.phase(), Phase::Idle);
        remote.asked(RequestId(1), 5);
        assert_eq!(remote.phase(), Phase::Loading(5));
        remote.answer(RequestId(1), Err(problem()), 6);
        assert_eq!(remote.phase(), Phase::Failed(6));
    }
}
