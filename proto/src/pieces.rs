//! Cutting many messages into requests that the other side accepts: by count and by bytes.

use prost::Message;

use crate::objective::v1::SlaSet;
use crate::set::v1::ApplySetsRequest;

/// What one request may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceLimits {
    /// Messages at most.
    pub count: usize,
    /// Encoded bytes of all its messages at most.
    pub bytes: usize,
    /// Encoded bytes of one message at most; not above `bytes`.
    pub one: usize,
}

impl PieceLimits {
    /// Rows of one write to the storage.
    pub const ROWS: Self = Self {
        count: 500,
        bytes: 4 << 20,
        one: 256 << 10,
    };

    /// Sets of one message at a door: one of two hundred objectives fits.
    pub const SETS: Self = Self {
        count: 100,
        bytes: 768 << 10,
        one: 768 << 10,
    };
}

/// Messages in requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Pieces<T> {
    /// In order; none is empty, each keeps the limits.
    pub fitting: Vec<Vec<T>>,
    /// Those that are too large for any request: to be told, and to hold up nothing else.
    pub too_large: Vec<T>,
}

/// Cuts greedily.
pub fn pieces<T: Message>(messages: impl IntoIterator<Item = T>, limits: PieceLimits) -> Pieces<T> {
    let mut cut = Pieces {
        fitting: Vec::new(),
        too_large: Vec::new(),
    };
    let (mut piece, mut sum) = (Vec::new(), 0);
    for message in messages {
        let bytes = message.encoded_len();
        if bytes > limits.one {
            cut.too_large.push(message);
            continue;
        }
        if piece.len() == limits.count || (sum + bytes > limits.bytes && !piece.is_empty()) {
            cut.fitting.push(std::mem::take(&mut piece));
            sum = 0;
        }
        sum += bytes;
        piece.push(message);
    }
    if !piece.is_empty() {
        cut.fitting.push(piece);
    }
    cut
}

/// The first set that no request can carry, and its encoded bytes.
pub fn too_large(sets: &[SlaSet]) -> Option<(&SlaSet, usize)> {
    let sized = sets.iter().map(|set| (set, set.encoded_len()));
    sized.into_iter().find(|(_, bytes)| *bytes > PieceLimits::SETS.one)
}

/// The messages of one `ApplySets` call, at least one.
pub fn apply_requests(sets: &[SlaSet], prune: bool, dry_run: bool) -> Vec<ApplySetsRequest> {
    let cut = pieces(sets.iter().cloned(), PieceLimits::SETS);
    // One that fits nowhere goes alone: who refuses it says why.
    let alone = cut.too_large.into_iter().map(|set| vec![set]);
    let mut requests: Vec<_> = cut
        .fitting
        .into_iter()
        .chain(alone)
        .map(|sets| ApplySetsRequest { sets, prune, dry_run })
        .collect();
    if requests.is_empty() {
        requests.push(ApplySetsRequest {
            sets: Vec::new(),
            prune,
            dry_run,
        });
    }
    requests
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::storage::v1::StateEntry;

    fn of(bytes: usize) -> StateEntry {
        StateEntry {
            body: vec![7; bytes],
            ..StateEntry::default()
        }
    }

    proptest! {
        /// Whatever the sizes: nothing is lost or reordered, no piece breaks a limit, and only what is too large alone is
        /// left out.
        #[test]
        fn pieces_keep_the_limits(
            sizes in prop::collection::vec(prop_oneof![0usize..50, 900usize..1_100, 1_990usize..2_010], 0..60),
            count in 1usize..9,
        ) {
            let limits = PieceLimits { count, bytes: 2_500, one: 2_000 };
            let all: Vec<StateEntry> = sizes.into_iter().map(of).collect();
            let cut = pieces(all.clone(), limits);
            for piece in &cut.fitting {
                let bytes: usize = piece.iter().map(Message::encoded_len).sum();
                prop_assert!(!piece.is_empty() && piece.len() <= count && bytes <= limits.bytes);
            }
            let (fits, large): (Vec<_>, Vec<_>) = all.into_iter().partition(|one| one.encoded_len() <= limits.one);
            prop_assert_eq!(cut.fitting.concat(), fits);
            prop_assert_eq!(cut.too_large, large);
        }
    }
}
