//! News for many readers. The latest are kept as far as there is room, by number and by bytes; who reads remembers a number and
//! nothing else, so that one who stops reading holds nothing, and is told when he comes back that he has missed something.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// What is kept.
#[derive(Debug)]
struct Kept<T> {
    most: usize,
    most_bytes: usize,
    news: VecDeque<(T, usize)>,
    bytes: usize,
    /// The number of the news after the last one.
    next: u64,
}

impl<T> Kept<T> {
    fn push(&mut self, news: T, bytes: usize) {
        self.news.push_back((news, bytes));
        self.bytes += bytes;
        self.next += 1;
        // The newest is kept however large it is: it is what most still read.
        while self.news.len() > self.most || (self.bytes > self.most_bytes && self.news.len() > 1) {
            let Some((_, bytes)) = self.news.pop_front() else { break };
            self.bytes -= bytes;
        }
    }

    fn clear(&mut self) {
        self.news.clear();
        self.bytes = 0;
    }
}

impl<T: Clone> Kept<T> {
    fn get(&self, number: u64) -> Option<T> {
        let back = usize::try_from(self.next - number).ok()?;
        let place = self.news.len().checked_sub(back)?;
        self.news.get(place).map(|(news, _)| news.clone())
    }
}

fn locked<T>(kept: &Mutex<Kept<T>>) -> MutexGuard<'_, Kept<T>> {
    // A crash in between leaves a number without its news, which is read as missed.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end that tells.
#[derive(Debug)]
pub struct Backlog<T> {
    kept: Arc<Mutex<Kept<T>>>,
    /// The number of the news after the last one.
    told: watch::Sender<u64>,
}

impl<T> Backlog<T> {
    /// Keeps at most so many news, of so many bytes together, and the newest in any case.
    pub fn holding(most: usize, most_bytes: usize) -> Self {
        let kept = Kept {
            most,
            most_bytes,
            news: VecDeque::new(),
            bytes: 0,
            next: 0,
        };
        Self {
            kept: Arc::new(Mutex::new(kept)),
            told: watch::Sender::new(0),
        }
    }

    /// One who reads what is told from now on.
    pub fn reader(&self) -> Reader<T> {
        let told = self.told.subscribe();
        let next = locked(&self.kept).next;
        Reader {
            kept: self.kept.clone(),
            told,
            next,
        }
    }

    /// How many read.
    pub fn readers(&self) -> usize {
        self.told.receiver_count()
    }

    /// Tells news, each with the bytes that it holds. Where nobody reads nothing is kept.
    pub fn tell(&self, news: impl IntoIterator<Item = (T, usize)>) {
        let mut kept = locked(&self.kept);
        if self.readers() == 0 {
            kept.clear();
            return;
        }
        for (news, bytes) in news {
            kept.push(news, bytes);
        }
        self.told.send_replace(kept.next);
    }
}

/// One who reads.
#[derive(Debug)]
pub struct Reader<T> {
    kept: Arc<Mutex<Kept<T>>>,
    told: watch::Receiver<u64>,
    next: u64,
}

impl<T: Clone> Reader<T> {
    /// The next news; `None` when what was to be read next is no longer kept: what follows is read next. Waits for ever where
    /// nothing is told any more.
    pub async fn next(&mut self) -> Option<T> {
        if self.told.wait_for(|told| *told > self.next).await.is_err() {
            return std::future::pending().await;
        }
        let kept = locked(&self.kept);
        let news = kept.get(self.next);
        self.next = if news.is_some() { self.next + 1 } else { kept.next };
        news
    }

    /// Goes on with what is told from now on.
    pub fn skip(&mut self) {
        self.next = locked(&self.kept).next;
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures::FutureExt as _;

    use super::*;

    fn next(reader: &mut Reader<u32>) -> Poll<Option<u32>> {
        reader.next().now_or_never().map_or(Poll::Pending, Poll::Ready)
    }

    #[tokio::test]
    async fn who_lags_behind_has_missed_something_and_who_reads_has_not() {
        let backlog = Backlog::holding(3, 100);
        backlog.tell([(0, 1)]);
        let (mut quick, mut slow) = (backlog.reader(), backlog.reader());
        for number in 1..=4 {
            backlog.tell([(number, 1)]);
            assert_eq!(next(&mut quick), Poll::Ready(Some(number)));
        }
        assert_eq!(next(&mut slow), Poll::Ready(None), "the first of four is gone");
        assert_eq!(next(&mut slow), Poll::Pending);
        backlog.tell([(5, 90), (6, 90)]);
        assert_eq!(next(&mut slow), Poll::Ready(None), "there is room for one of these two");
        backlog.tell([(7, 5)]);
        assert_eq!(
            [next(&mut slow), next(&mut slow)],
            [Poll::Ready(Some(7)), Poll::Pending]
        );
        assert_eq!(locked(&backlog.kept).bytes, 95);
        quick.skip();
        assert_eq!(next(&mut quick), Poll::Pending);
        drop((quick, slow));
        backlog.tell([(8, 1)]);
        assert_eq!((backlog.readers(), locked(&backlog.kept).bytes), (0, 0));
    }
}
