//! Who asks, and what he may.

use sla_proto::notify::v1::Channel;
use sla_proto::objective::v1::SlaSet;
use sla_proto::peer::Rank;
use sla_runtime::caller::{self, Caller, Way};

use crate::error::NotifyError;

/// The caller of a request.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    /// For the record.
    pub(crate) name: String,
    /// `None`: nobody was asked who he is.
    rank: Option<Rank>,
}

impl Asker {
    /// Of a request. Whoever came over the network without being anybody has no channels.
    pub(crate) fn of(extensions: &tonic::Extensions) -> Result<Self, NotifyError> {
        let caller = extensions.get::<Caller>();
        let known = caller.and_then(|caller| caller.known.as_ref());
        if known.is_none() && caller.is_some_and(|caller| caller.way == Way::Guest) {
            return Err(NotifyError::NotAllowed {
                words: "nobody knows who you are: messages are for those who are somebody".to_owned(),
                hint: "log in, show a certificate, or ask on the host of the instance",
            });
        }
        Ok(Self {
            name: caller::user(extensions),
            rank: known.map(|known| known.rank),
        })
    }

    /// Whose a channel is that he makes.
    pub(crate) fn owner(&self) -> &str {
        if self.rank.is_some() { &self.name } else { "" }
    }

    /// Whether he sees what is another's.
    pub(crate) fn sees_all(&self) -> bool {
        self.rank.is_none_or(|rank| rank == Rank::Admin)
    }

    /// Whether a channel is his, or he may act for its owner.
    pub(crate) fn has(&self, channel: &Channel) -> bool {
        self.sees_all() || channel.owner == self.name
    }

    /// Whether he may make the instance call any address.
    pub(crate) fn may_name_addresses(&self) -> bool {
        self.rank.is_none_or(|rank| rank >= Rank::Operator)
    }

    /// Whether he may know of a set.
    pub(crate) fn sees(&self, set: &SlaSet) -> bool {
        !set.private || self.sees_all() || set.owner == self.name
    }

    /// Whether he may acknowledge what becomes of a set: whoever may change it, and who owns it whatever his rank.
    pub(crate) fn may_speak_for(&self, set: &SlaSet) -> bool {
        let by_rank = self.rank.is_none_or(|rank| rank >= Rank::Operator);
        let nobodys = set.owner.is_empty() && self.rank.is_none_or(|rank| rank >= Rank::Editor);
        self.sees(set) && (by_rank || nobodys || set.owner == self.name)
    }
}
