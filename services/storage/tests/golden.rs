//! Promise 8: records that older and newer producers have sent. The files are never rewritten; a change of the contract
//! that breaks them needs a new schema number.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sla_domain::ManualClock;
use sla_storage::port::{Applied, Batch, LOCAL_SOURCE, Page, RawRecord};
use sla_storage::specimen::{ALL, body, failure, finished, result, series_id};
use sla_storage::{ResultStore, SqliteStore};

const NOW_MS: i64 = 1_700_000_000_000;

fn golden() -> [(&'static str, Vec<u8>); 3] {
    [
        ("series_result_v1.bin", body(result("golden", 1, NOW_MS, ALL))),
        ("failure_v1.bin", body(failure("golden", 2, NOW_MS))),
        ("run_finished_v1.bin", finished("golden", 2, NOW_MS)),
    ]
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

#[test]
#[ignore = "writes the golden files; only for a new schema number"]
fn write_the_golden_files() {
    for (name, bytes) in golden() {
        std::fs::write(file(name), bytes).unwrap();
    }
}

#[test]
fn version_1_is_still_written() {
    for (name, bytes) in golden() {
        assert_eq!(
            bytes,
            std::fs::read(file(name)).unwrap(),
            "{name}: what is sent has changed on the wire"
        );
    }
}

#[tokio::test]
async fn version_1_is_still_read_and_newer_words_are_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path(), 1, Arc::new(ManualClock::at(NOW_MS))).unwrap();
    let mut bodies: Vec<Vec<u8>> = golden()
        .iter()
        .map(|(name, _)| std::fs::read(file(name)).unwrap())
        .collect();
    // A newer producer of the same schema adds a field 200 that this version does not know: skipped.
    let mut added = body(failure("golden", 3, NOW_MS));
    added.extend_from_slice(&[0xc2, 0x0c, 0x03, b'n', b'e', b'w']);
    bodies.push(added);
    // A newer schema: kept for the version that knows it.
    let mut newer = bodies[0].clone();
    assert_eq!(newer[..2], [0x08, 0x01], "the schema number comes first");
    newer[1] = 2;
    bodies.push(newer);
    let records = bodies
        .into_iter()
        .zip(0..)
        .map(|(body, offset)| RawRecord { offset, body })
        .collect();
    let applied = store
        .apply(Batch {
            source: LOCAL_SOURCE.to_owned(),
            partition: 0,
            after: 0,
            records,
        })
        .await
        .unwrap();
    assert_eq!(
        applied,
        Applied {
            inserted: 4,
            duplicates: 0,
            dead_letters: 1,
            next_offset: 5
        }
    );
    let latest = store.latest(&[series_id(1)]).await.unwrap();
    assert_eq!(
        latest[0].result.as_ref().unwrap().outcome,
        result("golden", 1, NOW_MS, ALL).outcome
    );
    let progress = store.progress("golden").await.unwrap().unwrap();
    assert_eq!((progress.done, progress.failed, progress.expected), (3, 2, Some(2)));
    assert_eq!(progress.read, None, "records of that version do not tell what was read");
    let (letters, _) = store.dead_letters(Page::first(5)).await.unwrap();
    assert_eq!(letters.rows[0].reason, "unknown_schema");
    store.close().await;
}
