//! The lease under which one process of a role works: the others stand by and take over when it is silent.
//!
//! While the storage is away nobody can say who holds it. The last holder goes on, so that screens stay alive; what a manager
//! writes carries its token, and a token that is no longer the newest is refused.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sla_proto::storage::v1::{AcquireLeaseRequest, Lease, ReleaseLeaseRequest, RenewLeaseRequest};
use sla_proto::{Peer, convert};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::status::{Problem, reason};

/// How long the lease lasts without a renewal, milliseconds. With [`ASK_EVERY`] and an answer this is below the 15 s that a
/// takeover may take.
const KEEP_MS: i64 = 10_000;
/// Two renewals may be lost.
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// How often one that stands by asks.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// How long an answer is waited for.
const ANSWER_LIMIT: Duration = Duration::from_millis(2_500);
/// The first pause while the storage is not there yet; then it grows.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Whether this process works.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// Nobody was asked yet.
    Starting,
    /// It does, under this token.
    Active(u64),
    /// Another one does.
    Standby(String),
}

/// What this process knows of the lease.
#[derive(Debug)]
pub struct Mandate {
    lease: &'static str,
    holder: String,
    standing: watch::Sender<Standing>,
    /// Why the storage could not say last time who holds it.
    trouble: Mutex<Option<Status>>,
}

impl Mandate {
    /// Of a new process; `lease` is one of [`sla_proto::lease`], and what its holders are called.
    pub fn of(lease: &'static str) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let mut random = [0; 8];
        // A pid and a time that are the same on two hosts of one name: the random part tells them apart.
        let _ = getrandom::fill(&mut random);
        let random = u64::from_le_bytes(random);
        Self {
            lease,
            holder: format!("{} pid {} {random:016x}", host.trim(), std::process::id()),
            standing: watch::Sender::new(Standing::Starting),
            trouble: Mutex::default(),
        }
    }

    /// The token that writes carry; 0 while nobody was asked.
    pub fn fence(&self) -> u64 {
        match *self.standing.borrow() {
            Standing::Active(token) => token,
            Standing::Starting | Standing::Standby(_) => 0,
        }
    }

    /// Refuses a call while another process is known to work: it has the answers.
    ///
    /// # Errors
    /// UNAVAILABLE, after which whoever calls asks the next process.
    pub fn refuse_standby(&self) -> Result<(), Status> {
        match &*self.standing.borrow() {
            // The other one may be gone: what keeps this one from taking its place is what is wrong.
            Standing::Standby(_) if self.trouble().is_some() => self.trouble().clone().map_or(Ok(()), Err),
            Standing::Standby(holder) => Err(Problem::new(
                Code::Unavailable,
                reason::UNAVAILABLE,
                format!("this {} stands by for the active one ({holder})", self.lease),
            )
            .hint("ask again; the gateway finds the active one")
            .status()),
            Standing::Starting | Standing::Active(_) => Ok(()),
        }
    }

    /// Waits until this process works, and gives its token; `None` at the end of the process.
    pub async fn active(&self) -> Option<u64> {
        let mut standing = self.standing.subscribe();
        let active = standing
            .wait_for(|standing| matches!(standing, Standing::Active(_)))
            .await;
        match active.as_deref() {
            Ok(Standing::Active(token)) => Some(*token),
            _ => None,
        }
    }

    /// Waits until `token` is no longer what this process works under.
    pub async fn over(&self, token: u64) {
        let mut standing = self.standing.subscribe();
        // An error is the end of the process.
        let _ = standing.wait_for(|standing| *standing != Standing::Active(token)).await;
    }

    /// Waits until another process works.
    pub async fn standby(&self) {
        let mut standing = self.standing.subscribe();
        // An error is the end of the process.
        let _ = standing
            .wait_for(|standing| matches!(standing, Standing::Standby(_)))
            .await;
    }

    fn is(&self, new: Standing) {
        self.standing.send_if_modified(|standing| {
            if *standing == new {
                return false;
            }
            match &new {
                Standing::Active(token) => tracing::info!(lease = self.lease, token, "this process is the active one"),
                Standing::Standby(holder) => tracing::info!(lease = self.lease, holder, "this process stands by"),
                Standing::Starting => {}
            }
            *standing = new;
            true
        });
    }

    /// What an answer says about the lease.
    fn heard(&self, lease: Option<Lease>, ours: bool) {
        let lease = lease.unwrap_or_default();
        self.is(if ours {
            Standing::Active(lease.token)
        } else {
            Standing::Standby(lease.holder)
        });
    }

    fn trouble(&self) -> MutexGuard<'_, Option<Status>> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One question to the storage.
    async fn ask(&self, peer: &Peer) -> Result<(), Status> {
        let keep = Some(convert::duration(KEEP_MS));
        let name = self.lease.to_owned();
        let token = match *self.standing.borrow() {
            Standing::Active(token) => Some(token),
            Standing::Starting | Standing::Standby(_) => None,
        };
        if let Some(token) = token {
            let request = RenewLeaseRequest { name, token, keep };
            let answer = peer.leases().renew_lease(request).await?.into_inner();
            self.heard(answer.lease, answer.held);
        } else {
            let holder = self.holder.clone();
            let request = AcquireLeaseRequest { name, holder, keep };
            match peer.leases().acquire_lease(request).await {
                // A storage of before leases keeps one process of each role.
                Err(status) if status.code() == Code::Unimplemented => self.is(Standing::Active(0)),
                answer => {
                    let answer = answer?.into_inner();
                    self.heard(answer.lease, answer.acquired);
                }
            }
        }
        Ok(())
    }
}

/// Takes the lease, holds it, and stands by while another one has it, until shutdown.
pub async fn hold(mandate: Arc<Mandate>, peer: Peer, token: CancellationToken) {
    let mut pause = FIRST_PAUSE;
    loop {
        let asked = tokio::time::timeout(ANSWER_LIMIT, mandate.ask(&peer)).await;
        *mandate.trouble() = asked.as_ref().ok().and_then(|answer| answer.clone().err());
        let next = if let Ok(Ok(())) = asked {
            pause = FIRST_PAUSE;
            if mandate.refuse_standby().is_ok() {
                RENEW_EVERY
            } else {
                ASK_EVERY
            }
        } else {
            pause = (pause * 2).min(ASK_EVERY);
            pause
        };
        tokio::select! {
            () = token.cancelled() => return,
            () = tokio::time::sleep(next) => {}
        }
    }
}

/// Gives the lease up, so that the next one need not wait. One that cannot be given up runs out.
pub async fn give_up(mandate: &Mandate, peer: &Peer) {
    let token = mandate.fence();
    if token > 0 {
        let name = mandate.lease.to_owned();
        let request = ReleaseLeaseRequest { name, token };
        let _ = tokio::time::timeout(ANSWER_LIMIT, peer.leases().release_lease(request)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(token: u64, holder: &str) -> Lease {
        Lease {
            token,
            holder: holder.to_owned(),
            ..Lease::default()
        }
    }

    #[tokio::test]
    async fn writes_carry_the_token_only_while_it_is_held() {
        let mandate = Mandate::of("manager");
        assert_eq!(mandate.fence(), 0);
        assert!(mandate.refuse_standby().is_ok(), "nobody knows yet");
        mandate.heard(Some(lease(7, "a")), true);
        assert_eq!((mandate.fence(), mandate.active().await), (7, Some(7)));
        mandate.heard(Some(lease(7, "a")), true);
        let over = mandate.over(7);
        mandate.heard(Some(lease(8, "b")), false);
        over.await;
        assert_eq!(mandate.fence(), 0);
        let refused = mandate.refuse_standby().unwrap_err();
        assert!(refused.message().contains("(b)"), "{refused}");
        *mandate.trouble() = Some(Status::failed_precondition("the disk is full"));
        let refused = mandate.refuse_standby().unwrap_err();
        assert_eq!(refused.message(), "the disk is full", "who holds it cannot be told");
        *mandate.trouble() = None;
        mandate.heard(Some(lease(9, "a")), true);
        assert_eq!(mandate.active().await, Some(9));
    }

    #[test]
    fn a_takeover_fits_into_fifteen_seconds() {
        let longest = Duration::from_millis(KEEP_MS.unsigned_abs()) + ASK_EVERY + ANSWER_LIMIT;
        assert!(longest <= Duration::from_secs(15), "{longest:?}");
        assert!(RENEW_EVERY * 3 < Duration::from_millis(KEEP_MS.unsigned_abs()));
    }
}
