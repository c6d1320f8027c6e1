//! Numbered events of a run: a bounded ring that a reader can resume after any number.

use std::collections::VecDeque;

/// Events kept of one run.
pub const MAX_EVENTS: usize = 128;

/// The last events of a run, each with its number; numbers start at 1 and have no hole.
#[derive(Debug, Clone)]
pub struct EventRing<T> {
    events: VecDeque<(u64, T)>,
    next: u64,
    most: usize,
}

impl<T> Default for EventRing<T> {
    fn default() -> Self {
        Self::with_room(MAX_EVENTS)
    }
}

impl<T> EventRing<T> {
    /// A ring that keeps `most` events (at least one).
    pub fn with_room(most: usize) -> Self {
        Self {
            events: VecDeque::new(),
            next: 1,
            most: most.max(1),
        }
    }

    /// Adds an event and gives its number.
    pub fn push(&mut self, event: T) -> u64 {
        if self.events.len() == self.most {
            self.events.pop_front();
        }
        let number = self.next;
        self.events.push_back((number, event));
        self.next += 1;
        number
    }

    /// The number of the newest event; 0 before the first.
    pub fn newest(&self) -> u64 {
        self.next - 1
    }

    /// The newest event, if there is one.
    pub fn last(&self) -> Option<&T> {
        self.events.back().map(|(_, event)| event)
    }

    /// The first event after `known` that is still there. Each event carries the whole state, so a reader that fell out of
    /// the ring misses lines but no fact.
    pub fn after(&self, known: u64) -> Option<&(u64, T)> {
        // A number from the future (of another life of the process) starts over.
        let known = if known > self.newest() { 0 } else { known };
        let oldest = self.events.front()?.0;
        let at = (known + 1).max(oldest) - oldest;
        self.events.get(usize::try_from(at).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_on<T: Clone>(ring: &EventRing<T>, mut known: u64) -> Vec<u64> {
        let mut seen = Vec::new();
        while let Some((number, _)) = ring.after(known) {
            seen.push(*number);
            known = *number;
        }
        seen
    }

    #[test]
    fn a_reader_resumes_where_it_stopped() {
        let mut ring = EventRing::with_room(4);
        assert!(ring.after(0).is_none());
        for k in 0..3 {
            ring.push(k);
        }
        assert_eq!(read_on(&ring, 0), [1, 2, 3]);
        assert_eq!(read_on(&ring, 2), [3]);
        assert!(read_on(&ring, 3).is_empty());
    }

    #[test]
    fn a_reader_that_fell_out_goes_on_with_the_oldest() {
        let mut ring = EventRing::with_room(4);
        for k in 0..100 {
            ring.push(k);
        }
        assert_eq!(read_on(&ring, 5), [97, 98, 99, 100]);
        assert_eq!(ring.newest(), 100);
    }

    #[test]
    fn a_number_of_another_life_starts_over() {
        let mut ring = EventRing::with_room(4);
        ring.push('x');
        assert_eq!(read_on(&ring, 77), [1]);
    }
}
