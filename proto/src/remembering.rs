//! What a role remembers in the storage: reading and writing `StateEntry`s in requests of the right size, and numbers as
//! their bodies.

use tonic::Status;

use crate::Peer;
use crate::pieces::{PieceLimits, pieces};
use crate::storage::v1::{GetStateRequest, PutStateRequest, StateEntry};

/// Keys of one request.
const KEYS_PER_REQUEST: usize = 1_000;

/// The entries of these keys of an objective, in their order; those without an entry are left out.
pub async fn recall(peer: &Peer, objective_id: &str, keys: &[String]) -> Result<Vec<StateEntry>, Status> {
    let (mut left, mut found) = (keys, Vec::new());
    while !left.is_empty() {
        let request = GetStateRequest {
            objective_id: objective_id.to_owned(),
            keys: left[..left.len().min(KEYS_PER_REQUEST)].to_vec(),
        };
        let answer = peer.state().get_state(request).await?.into_inner();
        found.extend(answer.entries);
        match answer.looked_up as usize {
            0 => return Err(Status::internal("the storage looked up none of the keys")),
            looked_up => left = &left[looked_up.min(left.len())..],
        }
    }
    Ok(found)
}

/// Writes entries; durable when it returns. One that is too large is left out and told.
pub async fn remember(peer: &Peer, entries: impl IntoIterator<Item = StateEntry>) -> Result<(), Status> {
    let cut = pieces(entries, PieceLimits::ROWS);
    for entry in &cut.too_large {
        tracing::warn!(key = entry.key, bytes = entry.body.len(), "too large to be remembered");
    }
    for entries in cut.fitting {
        peer.state().put_state(PutStateRequest { entries }).await?;
    }
    Ok(())
}

/// Numbers as a body: little-endian doubles.
pub fn body_of(numbers: &[f64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The numbers of a body; bytes beyond the last whole number are none.
pub fn numbers_of(body: &[u8]) -> Vec<f64> {
    let (eights, _) = body.as_chunks::<8>();
    eights.iter().map(|&eight| f64::from_le_bytes(eight)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_every_bit() {
        let numbers = [0.1, -0.0, f64::MAX, f64::MIN_POSITIVE];
        let back = numbers_of(&body_of(&numbers));
        assert_eq!(
            back.iter().map(|n| n.to_bits()).collect::<Vec<_>>(),
            numbers.map(f64::to_bits)
        );
        assert_eq!(numbers_of(&[1, 2, 3]), Vec::<f64>::new());
    }
}
