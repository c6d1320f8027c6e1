//! What an estate has agreed on through its storage: who holds which lease, which worker owns how much.

use std::collections::BTreeMap;

use sla_proto::Peer;
use sla_proto::lease::MANAGER;
use sla_proto::server::v1::Owner;
use sla_proto::storage::v1::{GetLeaseRequest, Lease, ListPlacementsRequest, Placement};

use crate::processes::ASK_LIMIT;

/// Both, as far as the storage says it in time; nothing is unknown.
pub(crate) async fn ask(peer: &Peer) -> (Vec<Lease>, Vec<Owner>) {
    let (mut leases, mut placements) = (peer.leases(), peer.placements());
    let asked = async {
        tokio::join!(
            leases.get_lease(GetLeaseRequest {
                name: MANAGER.to_owned()
            }),
            placements.list_placements(ListPlacementsRequest {}),
        )
    };
    let Ok((lease, placements)) = tokio::time::timeout(ASK_LIMIT, asked).await else {
        return (Vec::new(), Vec::new());
    };
    let lease = lease.ok().and_then(|answer| answer.into_inner().lease);
    let placements = placements.map(|answer| answer.into_inner().placements);
    (
        lease.into_iter().filter(|lease| lease.token > 0).collect(),
        owners(placements.unwrap_or_default()),
    )
}

fn owners(placements: Vec<Placement>) -> Vec<Owner> {
    let mut owners: BTreeMap<String, Owner> = BTreeMap::new();
    for placement in placements {
        let owner = owners.entry(placement.address).or_default();
        owner.partitions += 1;
        let newest = owner.since.as_ref().map(|since| (since.seconds, since.nanos));
        if placement.since.as_ref().map(|since| (since.seconds, since.nanos)) > newest {
            owner.since = placement.since;
        }
    }
    let named = owners.into_iter().map(|(address, owner)| Owner { address, ..owner });
    named.collect()
}

#[cfg(test)]
mod tests {
    use sla_proto::convert;

    use super::*;

    #[test]
    fn owners_are_counted_with_what_they_took_last() {
        let placement = |partition: u32, address: &str, since_ms| Placement {
            partition,
            address: address.to_owned(),
            epoch: 1,
            since: Some(convert::timestamp(since_ms)),
        };
        let found = owners(vec![
            placement(0, "http://b:1", 5_000),
            placement(1, "http://a:1", 7_000),
            placement(2, "http://b:1", 9_000),
        ]);
        let told: Vec<(&str, u32, i64)> = found
            .iter()
            .map(|one| {
                (
                    one.address.as_str(),
                    one.partitions,
                    convert::millis(one.since.as_ref().unwrap()),
                )
            })
            .collect();
        assert_eq!(told, [("http://a:1", 1, 7_000), ("http://b:1", 2, 9_000)]);
    }
}
