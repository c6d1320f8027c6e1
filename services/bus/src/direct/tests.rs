//! The stream against a store that follows the rule of the real one: drop what lies below the position, insert once by key.

use std::collections::{BTreeMap, VecDeque};

use sla_proto::result::v1::{RunFinished, record::Fact};

use super::*;

/// What the store does with one `ApplyBatch`.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Apply,
    /// Not reached.
    Lost,
    /// Applied, but the answer is lost.
    AnswerLost,
    Refuse,
    /// Applied a second time later, after the next request.
    Late,
}

#[derive(Default)]
struct Store {
    next: u64,
    rows: BTreeMap<Vec<u8>, u32>,
    fates: VecDeque<Fate>,
    late: Vec<ApplyBatchRequest>,
    asked: u32,
}

impl Store {
    fn apply(&mut self, request: &ApplyBatchRequest) -> ApplyBatchResponse {
        let mut answer = ApplyBatchResponse::default();
        for record in &request.records {
            if record.offset < self.next {
                answer.duplicates += 1;
                continue;
            }
            assert_eq!(record.offset, self.next, "offsets have no hole");
            self.next += 1;
            *self.rows.entry(record.body.clone()).or_default() += 1;
        }
        answer.next_offset = self.next;
        answer
    }
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Store>>);

#[async_trait]
impl ResultSink for Sink {
    async fn position(&self, _: GetPositionRequest) -> Result<GetPositionResponse, Status> {
        let mut store = self.0.lock().unwrap();
        store.asked += 1;
        Ok(GetPositionResponse {
            next_offset: store.next,
        })
    }

    async fn apply(&self, request: ApplyBatchRequest) -> Result<ApplyBatchResponse, Status> {
        let mut store = self.0.lock().unwrap();
        assert!(request.records.len() <= batch::MAX_BATCH_RECORDS);
        let fate = store.fates.pop_front().unwrap_or(Fate::Apply);
        let late = std::mem::take(&mut store.late);
        let answer = match fate {
            Fate::Apply => Ok(store.apply(&request)),
            Fate::Lost => Err(Status::unavailable("away")),
            Fate::AnswerLost => {
                store.apply(&request);
                Err(Status::deadline_exceeded("late"))
            }
            Fate::Refuse => Err(Status::failed_precondition("no")),
            Fate::Late => {
                store.late.push(request);
                Err(Status::deadline_exceeded("late"))
            }
        };
        for request in late {
            store.apply(&request);
        }
        answer
    }
}

fn records(names: std::ops::Range<usize>) -> Vec<Record> {
    names
        .map(|name| Record {
            schema: 1,
            fact: Some(Fact::RunFinished(RunFinished {
                run_id: name.to_string(),
                ..RunFinished::default()
            })),
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn offsets_go_on_and_large_batches_are_cut() {
    let sink = Sink::default();
    sink.0.lock().unwrap().next = 40;
    let stream = DirectStream::over(sink.clone());
    let receipt = stream.publish(&records(0..1_200)).await.unwrap();
    assert_eq!((receipt.records, receipt.requests), (1_200, 4));
    stream.publish(&records(1_200..1_201)).await.unwrap();
    let store = sink.0.lock().unwrap();
    assert_eq!((store.next, store.rows.len(), store.asked), (1_241, 1_201, 1));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_doubles_nothing() {
    let sink = Sink::default();
    sink.0.lock().unwrap().fates = [Fate::Lost, Fate::AnswerLost, Fate::Late, Fate::AnswerLost].into();
    let stream = DirectStream::over(sink.clone());
    stream.publish(&records(0..10)).await.unwrap();
    stream.publish(&records(10..20)).await.unwrap();
    let store = sink.0.lock().unwrap();
    assert_eq!(store.rows.len(), 20);
    assert!(store.rows.values().all(|&count| count == 1), "{:?}", store.rows);
}

#[tokio::test(start_paused = true)]
async fn an_unsettled_batch_is_repeated_before_anything_else() {
    let sink = Sink::default();
    let stream = DirectStream::over(sink.clone());
    sink.0.lock().unwrap().fates = std::iter::repeat_n(Fate::Lost, MAX_ATTEMPTS as usize - 1)
        .chain([Fate::Late])
        .collect();
    let error = stream.publish(&records(0..3)).await.unwrap_err();
    assert!(
        matches!(
            error,
            StreamError::Unavailable {
                attempts: MAX_ATTEMPTS,
                records: 3,
                ..
            }
        ),
        "{error}"
    );
    // Other records: the late copy of the first batch arrives in between and must not swallow them.
    stream.publish(&records(3..6)).await.unwrap();
    let store = sink.0.lock().unwrap();
    assert_eq!(store.next, 6);
    assert_eq!(store.rows.len(), 6);
    assert!(store.rows.values().all(|&count| count == 1));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_at_once_and_the_position_is_asked_again() {
    let sink = Sink::default();
    sink.0.lock().unwrap().fates = [Fate::Refuse].into();
    let stream = DirectStream::over(sink.clone());
    let error = stream.publish(&records(0..3)).await.unwrap_err();
    assert_eq!(error.reason(), "STORAGE_REFUSED");
    stream.publish(&records(0..3)).await.unwrap();
    let store = sink.0.lock().unwrap();
    assert_eq!((store.next, store.asked), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_second_writer_is_noticed() {
    let sink = Sink::default();
    let (one, two) = (DirectStream::over(sink.clone()), DirectStream::over(sink.clone()));
    one.publish(&records(0..2)).await.unwrap();
    two.publish(&records(2..5)).await.unwrap();
    let error = one.publish(&records(5..6)).await.unwrap_err();
    assert!(
        matches!(
            error,
            StreamError::Fenced {
                expected: 3,
                found: 5,
                ..
            }
        ),
        "{error}"
    );
    // Told, not swallowed: publishing again goes on from where the storage stands.
    one.publish(&records(5..6)).await.unwrap();
    assert_eq!(sink.0.lock().unwrap().rows.len(), 6);
}
