//! What looks at days have told, kept by the storage: after a restart the days are not read again before their time.

use std::collections::HashSet;
use std::sync::Arc;

use sla_domain::SeriesId;
use sla_proto::remembering::{body_of, numbers_of};
use sla_proto::storage::v1::StateEntry;
use sla_proto::{Peer, convert, remembering};

use super::known_looks::KnownLook;
use super::reader::SampleReader;
use super::reading::SeriesReading;
use crate::steps::seasons::{LongLook, Seasons};

/// The keys of the storage begin with it.
const KIND: &str = "long-look";
/// A look that nobody took again for so many days is forgotten.
const KEEP_DAYS: u32 = 90;
/// First number of each; another one is not understood and the days are read again.
const VERSION: f64 = 1.0;
/// Longest reason that is kept, in characters.
const MAX_REASON_CHARS: usize = 300;

impl SampleReader {
    /// Fills the memory with what the storage knows about series that were not looked at in this life of the process. A
    /// storage that is away costs a read of the days, nothing more.
    pub async fn recall_looks(&self, peer: &Peer, series: &[SeriesReading]) {
        let unknown: Vec<SeriesId> = {
            let looks = &self.0.remembered().looks;
            let ids = series.iter().map(|one| one.id);
            ids.filter(|id| !looks.contains(*id)).collect()
        };
        let keys: Vec<String> = unknown.into_iter().map(item).collect();
        let entries = match remembering::recall(peer, "", &keys).await {
            Ok(entries) => entries,
            Err(status) => {
                tracing::debug!(code = ?status.code(), "looks at days cannot be recalled");
                return;
            }
        };
        let recalled: Vec<_> = entries.iter().filter_map(recalled).collect();
        self.0.metrics.looks_recalled.inc_by(recalled.len() as u64);
        self.0.remembered().looks.remember(recalled);
    }

    /// Gives what was told about these series to the storage; what could not be read is not kept.
    pub async fn keep_looks(&self, peer: &Peer, ids: &HashSet<SeriesId>) {
        let entries: Vec<StateEntry> = {
            let looks = &self.0.remembered().looks;
            let kept = |id: &SeriesId| entry(*id, looks.get(*id)?);
            ids.iter().filter_map(kept).collect()
        };
        if let Err(status) = remembering::remember(peer, entries).await {
            tracing::warn!(error = status.message(), "looks at days are not kept over a restart");
        }
    }
}

fn item(id: SeriesId) -> String {
    format!("{KIND}/{}", id.to_hex())
}

fn entry(id: SeriesId, remembered: &KnownLook) -> Option<StateEntry> {
    Some(StateEntry {
        key: item(id),
        body: body_of(&numbers(&remembered.look)?),
        written: Some(convert::timestamp(remembered.end_ms)),
        keep_days: KEEP_DAYS,
        ..StateEntry::default()
    })
}

fn recalled(entry: &StateEntry) -> Option<(SeriesId, KnownLook)> {
    let (_, id) = entry.key.split_once('/')?;
    let remembered = KnownLook {
        end_ms: convert::millis(entry.written.as_ref()?),
        look: Arc::new(look(&numbers_of(&entry.body))?),
    };
    Some((SeriesId::from_hex(id)?, remembered))
}

/// Version, milliseconds spanned, then 1, strength, count of periods, each with its share, the pattern; or 0 and the
/// characters of the reason why there are no seasons.
fn numbers(look: &LongLook) -> Option<Vec<f64>> {
    let LongLook::Seen { spanned_ms, seasons } = look else {
        return None;
    };
    let mut out = vec![VERSION, *spanned_ms as f64];
    match seasons {
        Ok(seasons) => {
            out.extend([1.0, seasons.strength, seasons.found.len() as f64]);
            let found = seasons.found.iter();
            out.extend(found.flat_map(|(period_ms, share)| [*period_ms as f64, *share]));
            out.extend(&seasons.pattern);
        }
        Err(reason) => {
            out.push(0.0);
            out.extend(reason.chars().take(MAX_REASON_CHARS).map(|c| f64::from(u32::from(c))));
        }
    }
    Some(out)
}

/// The reverse of [`numbers`]; `None` for anything else.
fn look(numbers: &[f64]) -> Option<LongLook> {
    let (&[version, spanned_ms, has_seasons], rest) = numbers.split_first_chunk()?;
    if version != VERSION || !spanned_ms.is_finite() {
        return None;
    }
    let seasons = if has_seasons == 1.0 {
        let (&[strength, count], rest) = rest.split_first_chunk()?;
        let (found, pattern) = rest.split_at_checked((count as usize).checked_mul(2)?)?;
        let found = found.chunks_exact(2).map(|pair| (pair[0] as i64, pair[1]));
        Ok(Seasons {
            found: found.collect(),
            strength,
            pattern: pattern.to_vec(),
        })
    } else {
        Err(rest.iter().map(|&c| char::from_u32(c as u32)).collect::<Option<_>>()?)
    };
    Some(LongLook::Seen {
        spanned_ms: spanned_ms as i64,
        seasons,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_and_garbage_does_not() {
        let seasons = Seasons {
            found: vec![(86_400_000, 0.8), (3_600_000, 0.1)],
            strength: 0.75,
            pattern: vec![1.5, -2.5, 0.1],
        };
        for seasons in [
            Ok(seasons),
            Ok(Seasons::default()),
            Err("34 % missing, für Ü".to_owned()),
        ] {
            let told = LongLook::Seen {
                spanned_ms: 604_800_000,
                seasons,
            };
            let numbers = numbers(&told).unwrap();
            assert_eq!(look(&numbers), Some(told));
        }
        assert_eq!(numbers(&LongLook::Unseen("away".into())), None);
        for garbage in [
            &[][..],
            &[1.0, 5.0],
            &[2.0, 5.0, 0.0],
            &[1.0, f64::NAN, 0.0],
            &[1.0, 5.0, 1.0, 0.5, 7.0, 1.0],
            &[1.0, 5.0, 1.0, 0.5, f64::INFINITY],
            &[1.0, 5.0, 0.0, -1.0, 5e9],
        ] {
            assert!(look(garbage).is_none(), "{garbage:?}");
        }
    }
}
