use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body::Frame;
use prost::Message as _;
use sla_proto::peer::Rank;
use sla_proto::violation::v1::watch_violations_response::Event;
use sla_proto::violation::v1::{
    Heartbeat, ObjectiveStatus, Overview, OverviewUpdate, State, WatchViolationsRequest, WatchViolationsResponse,
};
use sla_runtime::caller::{Caller, Known, Rights};
use tokio::sync::broadcast;

use super::*;
use crate::options::RING_MESSAGES;

/// A manager that says what the test wants, to every stream it has.
#[derive(Clone)]
struct Manager {
    opened: Arc<AtomicUsize>,
    says: broadcast::Sender<Option<Bytes>>,
}

impl Manager {
    fn new() -> Self {
        Self {
            opened: Arc::default(),
            says: broadcast::Sender::new(4096),
        }
    }

    fn peer(&self) -> Peer {
        let me = self.clone();
        Peer::local(tower::service_fn(move |_: http::Request<Body>| {
            me.opened.fetch_add(1, Ordering::SeqCst);
            let said = futures::stream::unfold(me.says.subscribe(), |mut says| async move {
                let Some(frame) = says.recv().await.ok()? else {
                    let mut trailers = http::HeaderMap::new();
                    Status::unavailable("gone").add_header(&mut trailers).unwrap();
                    return Some((Ok(Frame::trailers(trailers)), says));
                };
                Some((Ok::<_, Status>(Frame::data(frame)), says))
            });
            let mut answer = http::Response::new(Body::new(StreamBody::new(said)));
            let kind = HeaderValue::from_static("application/grpc");
            answer.headers_mut().insert(CONTENT_TYPE, kind);
            std::future::ready(Ok::<_, std::convert::Infallible>(answer))
        }))
    }

    fn say(&self, sequence: u64, event: Event) {
        let message = WatchViolationsResponse {
            sequence,
            time: None,
            event: Some(event),
        };
        self.says.send(Some(framed(&message))).unwrap();
    }
}

fn framed(message: &impl prost::Message) -> Bytes {
    let body = message.encode_to_vec();
    let mut frame = vec![0];
    frame.extend((body.len() as u32).to_be_bytes());
    frame.extend(body);
    Bytes::from(frame)
}

fn status(id: &str, state: State) -> ObjectiveStatus {
    ObjectiveStatus {
        set_id: id.to_owned(),
        state: state.into(),
        ..ObjectiveStatus::default()
    }
}

fn snapshot() -> Event {
    Event::Snapshot(Overview {
        objectives: vec![status("a", State::AtRisk), status("b", State::Ok)],
        ..Overview::default()
    })
}

async fn join(fan: &Fan, set: &str, rights: Option<&str>) -> Body {
    let body = framed(&WatchViolationsRequest { set: set.to_owned() });
    let mut request = http::Request::new(Body::new(http_body_util::Full::new(body)));
    *request.uri_mut() = story::WATCH_VIOLATIONS.parse().unwrap();
    if let Some(rights) = rights {
        let known = Known {
            user_id: "1".to_owned(),
            user: "zoe".to_owned(),
            rank: Rank::Viewer,
            session_id: String::new(),
        };
        let caller = Caller {
            known: Some(known),
            ..Caller::role(None)
        };
        request.extensions_mut().insert(caller);
        // Who is known by his uid shows none.
        if !rights.is_empty() {
            request.extensions_mut().insert(Rights(rights.parse().unwrap()));
        }
    }
    fan.join(request).await.unwrap().into_body()
}

/// The next message, or the code in the trailers.
async fn next(body: &mut Body) -> Result<WatchViolationsResponse, Code> {
    let frame = tokio::time::timeout(Duration::from_secs(5), body.frame()).await;
    let frame = frame.expect("a frame in time").expect("a frame").unwrap();
    match frame.into_data() {
        Ok(data) => Ok(WatchViolationsResponse::decode(&data[PREFIX..]).unwrap()),
        Err(frame) => Err(Status::from_header_map(&frame.into_trailers().unwrap()).unwrap().code()),
    }
}

#[tokio::test]
async fn many_readers_share_one_stream_and_who_comes_later_gets_the_picture() {
    let manager = Manager::new();
    let fan = Fan::new(manager.peer(), Shutdown::new());
    let mut first = join(&fan, "", None).await;
    while manager.opened.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    manager.say(1, snapshot());
    assert_eq!(next(&mut first).await.unwrap().sequence, 1);
    let update = OverviewUpdate {
        objectives: vec![status("b", State::Violated)],
        headlines: vec!["b is violated".to_owned()],
        ..OverviewUpdate::default()
    };
    manager.say(2, Event::Update(update));
    assert_eq!(next(&mut first).await.unwrap().sequence, 2);

    let mut second = join(&fan, "", None).await;
    let picture = next(&mut second).await.unwrap();
    let Some(Event::Snapshot(overview)) = picture.event else {
        panic!("no snapshot")
    };
    let states: Vec<_> = overview
        .objectives
        .iter()
        .map(|one| (one.set_id.as_str(), one.state()))
        .collect();
    assert_eq!(
        states,
        [("b", State::Violated), ("a", State::AtRisk)],
        "carried on, worst first"
    );
    assert_eq!((picture.sequence, overview.headlines.len()), (2, 1));
    manager.say(3, Event::Heartbeat(Heartbeat {}));
    assert_eq!(next(&mut first).await.unwrap(), next(&mut second).await.unwrap());
    assert_eq!(manager.opened.load(Ordering::SeqCst), 1);

    let _other_set = join(&fan, "x", None).await;
    let _by_token = join(&fan, "", Some("Bearer t")).await;
    let _by_uid = join(&fan, "", Some("")).await;
    while manager.opened.load(Ordering::SeqCst) < 4 {
        tokio::task::yield_now().await;
    }
    manager.says.send(None).unwrap();
    assert_eq!(next(&mut first).await, Err(Code::Unavailable));
    assert_eq!(next(&mut second).await, Err(Code::Unavailable));
}

#[tokio::test]
async fn who_lags_behind_gets_the_newest_picture_and_still_the_end() {
    let manager = Manager::new();
    let fan = Fan::new(manager.peer(), Shutdown::new());
    let (mut quick, mut slow) = (join(&fan, "", None).await, join(&fan, "", None).await);
    while manager.opened.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    manager.say(1, snapshot());
    let last = 3 * RING_MESSAGES as u64;
    for sequence in 2..=last {
        manager.say(sequence, Event::Heartbeat(Heartbeat {}));
    }
    for sequence in 1..=last {
        // The quick one may be told a picture in the middle as well, if this test is slow.
        if next(&mut quick).await.unwrap().sequence >= last {
            break;
        }
        assert!(sequence < last, "the quick one hears all");
    }
    let picture = next(&mut slow).await.unwrap();
    assert!(
        matches!(picture.event, Some(Event::Snapshot(_))) && picture.sequence == last,
        "{picture:?}"
    );
    manager.says.send(None).unwrap();
    assert_eq!(next(&mut slow).await, Err(Code::Unavailable));
}

#[tokio::test]
async fn a_stream_that_nobody_reads_is_given_up() {
    let manager = Manager::new();
    let fan = Fan::new(manager.peer(), Shutdown::new());
    let reader = join(&fan, "", None).await;
    assert_eq!(fan.lock().len(), 1);
    drop(reader);
    let begun = std::time::Instant::now();
    while !fan.lock().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let fan = Fan::new(Manager::new().peer(), Shutdown::new());
    for body in [
        vec![],
        vec![0, 0, 0, 0, 9],
        vec![1, 0, 0, 0, 0],
        vec![0, 0, 0, 0, 1, 255],
        vec![0; 70 << 10],
    ] {
        let mut request = http::Request::new(Body::new(http_body_util::Full::new(Bytes::from(body))));
        *request.uri_mut() = story::WATCH_RUN.parse().unwrap();
        assert_eq!(fan.join(request).await.unwrap_err().code(), Code::InvalidArgument);
    }
}
