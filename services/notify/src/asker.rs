//! Who asks, and what he may.

use sla_proto::notify::v1::Channel;
use sla_proto::objective::v1::SlaSet;
use sla_proto::peer::Rank;
use sla_runtime::ownership::Claimant;

/// The caller of a request: the rules of what has an owner, and those of messages.
#[derive(Debug, Clone)]
pub(crate) struct Asker(Claimant);

impl Asker {
    /// Of a request. The doors let nobody in who is nobody.
    pub(crate) fn of(extensions: &tonic::Extensions) -> Self {
        Self(Claimant::of(extensions))
    }

    /// For the record.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Whose a channel is that he makes.
    pub(crate) fn owner(&self) -> String {
        self.0.owner_of("")
    }

    /// Whether he sees what is another's.
    pub(crate) fn sees_all(&self) -> bool {
        self.0.sees_all()
    }

    /// Whether a channel is his, or he may act for its owner.
    pub(crate) fn has(&self, channel: &Channel) -> bool {
        self.0.sees(&channel.owner, true)
    }

    /// Whether he may make the instance call any address.
    pub(crate) fn may_name_addresses(&self) -> bool {
        self.0.is_at_least(Rank::Operator)
    }

    /// Whether he may know of a set.
    pub(crate) fn sees(&self, set: &SlaSet) -> bool {
        self.0.sees(&set.owner, set.private)
    }

    /// Whether he may acknowledge what becomes of a set: whoever may change it, and who owns it whatever his rank.
    pub(crate) fn may_speak_for(&self, set: &SlaSet) -> bool {
        self.0.may_change(&set.owner, set.private)
    }
}
