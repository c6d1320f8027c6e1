//! The ports: what a store can do, whatever database stands behind it. Messages are those of the contract.

use async_trait::async_trait;
use sla_domain::SeriesId;
use sla_proto::account::v1::AuditEntry;
use sla_proto::etl::v1::{Run, Schedule};
use sla_proto::notify::v1::{Channel, Delivery, Mark};
use sla_proto::objective::v1::SlaSet;
use sla_proto::result::v1::{ReadShare, SeriesResult};
use sla_proto::series::v1::Series;
use sla_proto::storage::v1::{
    ApplyNoticesRequest, ChangeAccountsRequest, ChangeChannelsRequest, ChangeMarksRequest, ClaimMessagesRequest,
    DeadLetter, LatestResult, Lease, LedgerChange, Message, Placement, ScoredForecast, SettleMessageRequest,
    StateEntry, StoredAccount, StoredToken, Story,
};
use sla_proto::violation::v1::Violation;

use crate::error::StoreError;

pub use sla_bus::{Batch, RawRecord};

/// Records of one batch at most.
pub const MAX_BATCH_RECORDS: usize = 500;
/// Bytes of one batch at most; a single record may be larger and then becomes a dead letter.
pub const MAX_BATCH_BYTES: usize = 512 << 10;
/// Violations, forecasts or entries of one write at most.
pub const MAX_LEDGER_ROWS: usize = 500;
/// Encoded bytes of one violation or forecast at most; a larger one is refused by its place.
pub const MAX_ROW_BYTES: usize = 256 << 10;
/// Bytes of one page or answer at most, unless one row alone is larger.
pub const MAX_PAGE_BYTES: usize = 4 << 20;
/// Bytes of the body of one entry of state at most.
pub const MAX_STATE_BYTES: usize = 64 << 10;
/// Series of one read at most.
pub const MAX_READ_SERIES: usize = 1000;
/// Sets at most: what they cost is bounded by their objectives, where they are judged.
pub const MAX_SETS: usize = 100_000;
/// Partitions of the tasks at most, and claims of one write.
pub const MAX_CLAIMS: usize = 1024;
/// The lease of the one manager that writes the ledger.
pub const MANAGER_LEASE: &str = sla_proto::lease::MANAGER;
/// Accounts at most.
pub const MAX_ACCOUNTS: usize = 10_000;
/// Channels at most.
pub const MAX_CHANNELS: usize = 10_000;
/// Rows of one change of accounts at most: accounts, tokens, ends and entries of the audit log.
pub const MAX_ACCOUNT_ROWS: usize = 500;
/// The stream of the embedded mode; it begins at offset 0.
pub const LOCAL_SOURCE: &str = "local";

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Records that were new.
    pub inserted: u32,
    /// Records that were there already or lay below the position.
    pub duplicates: u32,
    /// Records kept as dead letters.
    pub dead_letters: u32,
    /// Where the stream goes on.
    pub next_offset: u64,
}

/// How far a run's records have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Series records that are stored.
    pub done: u32,
    /// How many of them are failures.
    pub failed: u32,
    /// What the producer announced; `None` before its closing word.
    pub expected: Option<u32>,
    /// What was read for them; `None` when one of them does not tell.
    pub read: Option<ReadShare>,
}

impl Progress {
    /// Whether everything announced has arrived.
    pub fn is_complete(&self) -> bool {
        self.expected == Some(self.done)
    }
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Rows at most, 1 to 1000.
    pub size: usize,
    /// Goes on after this key, as it came in [`Paged::next`].
    pub after: Option<String>,
}

impl Page {
    /// The first page.
    pub fn first(size: usize) -> Self {
        Self { size, after: None }
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Paged<T> {
    /// In the list's order.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// Sets that were saved after some revision.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangedSets {
    /// As they were saved.
    pub sets: Paged<SlaSet>,
    /// The newest revision: each save and each deletion raises it.
    pub revision: u64,
    /// How many sets there are.
    pub total: u64,
}

/// What became of a dead letter that was tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Whether it is a result now; else it stays a dead letter.
    pub applied: bool,
    /// Why it stays; empty when applied.
    pub reason: String,
}

/// A set to be written, and the version it replaces.
#[derive(Debug, Clone, PartialEq)]
pub struct SetPut {
    /// Its `version` is given by the store.
    pub set: SlaSet,
    /// 0 inserts; else the stored version must be this one.
    pub expected_version: u64,
}

/// A set to be deleted, and the version that must be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetDelete {
    /// The set.
    pub id: String,
    /// Its version.
    pub expected_version: u64,
    /// Who deletes it, for the audit log.
    pub author: String,
}

/// Which violations are wanted. Empty text and bytes mean all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ViolationFilter {
    /// Of this set.
    pub set_id: String,
    /// Of this objective.
    pub objective_id: String,
    /// Of this series (16 bytes).
    pub series: Vec<u8>,
    /// That overlap (after, until], Unix milliseconds.
    pub after_ms: Option<i64>,
    /// See `after_ms`.
    pub until_ms: Option<i64>,
    /// Only such that go on.
    pub open_only: bool,
    /// Also of deleted objectives.
    pub with_retired: bool,
}

/// Which forecasts are wanted. Empty text and bytes mean all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ForecastFilter {
    /// Of this objective.
    pub objective_id: String,
    /// Of this series (16 bytes).
    pub series: Vec<u8>,
    /// Without an outcome and due before this instant, Unix milliseconds.
    pub due_before_ms: Option<i64>,
    /// With an outcome.
    pub scored_only: bool,
}

/// How much of the changes of the ledger is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeLimits {
    /// Changes at most, 1 to 1000.
    pub count: usize,
    /// Encoded bytes at most, unless the first change alone is larger.
    pub bytes: usize,
}

/// How many rows of a ledger write were new and how many changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// New rows.
    pub inserted: u32,
    /// Rows that were there and changed.
    pub updated: u32,
}

/// The token of the lease under which the ledger is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Fence(pub u64);

impl Fence {
    /// Without a lease: goes until one is taken for the first time.
    pub const NONE: Self = Self(0);
}

/// A wish to own a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Which, below [`MAX_CLAIMS`].
    pub partition: u32,
    /// The epoch that must be stored; 0 = nobody ever claimed it.
    pub expected_epoch: u64,
}

/// Results of runs: applied exactly once, read back by series.
#[async_trait]
pub trait ResultStore: Send + Sync + 'static {
    /// Applies records and moves the position of their stream in one transaction. Safe to repeat.
    async fn apply(&self, batch: Batch) -> Result<Applied, StoreError>;
    /// The next offset of a stream; 0 when nothing was applied yet.
    async fn position(&self, source: &str, partition: u32) -> Result<u64, StoreError>;
    /// Goes on at `to`, which lies before where the stream stands when `back`, else beyond it. Gives where it stood. A reader
    /// at work notices with its next batch.
    async fn move_position(&self, source: &str, partition: u32, to: u64, back: bool) -> Result<u64, StoreError>;
    /// The newest parts of each series, in the order asked; series without a result are left out.
    async fn latest(&self, series: &[SeriesId]) -> Result<Vec<LatestResult>, StoreError>;
    /// The series that have stored results, in a stable order.
    async fn result_series(&self, page: Page) -> Result<Paged<Series>, StoreError>;
    /// The results of a series whose instant lies in (`after_ms`, `until_ms`], Unix milliseconds, newest first.
    async fn history(
        &self,
        series: SeriesId,
        after_ms: i64,
        until_ms: i64,
        page: Page,
    ) -> Result<Paged<SeriesResult>, StoreError>;
    /// All results of a run, in a stable order.
    async fn run_results(
        &self,
        run_id: &str,
        failures_only: bool,
        page: Page,
    ) -> Result<Paged<SeriesResult>, StoreError>;
    /// How far a run's records have come; `None` when nothing of it was seen.
    async fn progress(&self, run_id: &str) -> Result<Option<Progress>, StoreError>;
    /// Dead letters, newest first, and how many there are.
    async fn dead_letters(&self, page: Page) -> Result<(Paged<DeadLetter>, u32), StoreError>;
    /// Tries a dead letter again.
    async fn replay(&self, body_hash: &[u8]) -> Result<Replayed, StoreError>;
}

/// SLA sets, durable and versioned.
#[async_trait]
pub trait SetStore: Send + Sync + 'static {
    /// The sets that were saved after the revision `after`, in the order in which they were; after 0 all.
    async fn changed_sets(&self, after: u64, page: Page) -> Result<ChangedSets, StoreError>;
    /// One set.
    async fn set(&self, id: &str) -> Result<SlaSet, StoreError>;
    /// Deletes, then writes: all or none, together with what becomes of objectives that are no longer there: their
    /// violations are kept, marked retired, and their state is forgotten. Gives back the written sets with their new
    /// versions.
    async fn put_sets(&self, puts: Vec<SetPut>, deletes: Vec<SetDelete>) -> Result<Vec<SlaSet>, StoreError>;
    /// Deletes the version named, and retires its objectives as [`SetStore::put_sets`] does.
    async fn delete_set(&self, delete: SetDelete) -> Result<(), StoreError>;
}

/// Runs and the schedule, durable.
#[async_trait]
pub trait RunStore: Send + Sync + 'static {
    /// Inserts a run under its request id and numbers it; `true` when that request id was there, with the run it started.
    async fn create_run(&self, request_id: &str, run: Run) -> Result<(Run, bool), StoreError>;
    /// Replaces what changes while a run goes on; a run that has ended stays as it is.
    async fn update_run(&self, run: Run) -> Result<(), StoreError>;
    /// One run.
    async fn run(&self, id: &str) -> Result<Run, StoreError>;
    /// Runs, newest first.
    async fn list_runs(&self, unfinished_only: bool, page: Page) -> Result<Paged<Run>, StoreError>;
    /// The schedule; `None` when it was never changed.
    async fn schedule(&self) -> Result<Option<Schedule>, StoreError>;
    /// Replaces the schedule; `author` stands in the audit log.
    async fn put_schedule(&self, schedule: Schedule, author: &str) -> Result<(), StoreError>;
}

/// Violations as they were opened and closed, forecasts as they were made and scored. A write whose fence is lower than the
/// newest token of [`MANAGER_LEASE`] is refused: another manager has taken over.
#[async_trait]
pub trait LedgerStore: Send + Sync + 'static {
    /// Upserts by natural key (objective, generation, series, start). Safe to repeat and to reorder: closed wins over
    /// open, longer over shorter.
    async fn put_violations(&self, fence: Fence, violations: Vec<Violation>) -> Result<Written, StoreError>;
    /// Newest first.
    async fn list_violations(&self, filter: &ViolationFilter, page: Page) -> Result<Paged<Violation>, StoreError>;
    /// Violations that have changed since the change number `after`, by rising number, and the newest number there is.
    /// Numbers rise in the order of the commits, so that a reader who keeps the last one misses nothing.
    async fn changes(&self, after: u64, limits: ChangeLimits) -> Result<(Vec<LedgerChange>, u64), StoreError>;
    /// Inserts forecasts; one that is there stays as it is. Gives the number of new ones.
    async fn put_forecasts(&self, fence: Fence, forecasts: Vec<ScoredForecast>) -> Result<u32, StoreError>;
    /// Writes outcomes; a forecast that has one keeps it. Gives the number of changed ones.
    async fn score_forecasts(&self, fence: Fence, forecasts: Vec<ScoredForecast>) -> Result<u32, StoreError>;
    /// Newest first.
    async fn list_forecasts(&self, filter: &ForecastFilter, page: Page) -> Result<Paged<ScoredForecast>, StoreError>;
}

/// What roles remember, opaque to the store.
#[async_trait]
pub trait StateStore: Send + Sync + 'static {
    /// Writes entries, all or none; one that was written earlier than what is stored changes nothing.
    async fn put_state(&self, entries: Vec<StateEntry>) -> Result<(), StoreError>;
    /// The entries of these keys, in the order asked, and how many keys were looked up until [`MAX_PAGE_BYTES`] were full;
    /// keys without an entry are left out.
    async fn state(&self, objective_id: &str, keys: &[String]) -> Result<(Vec<StateEntry>, usize), StoreError>;
}

/// What only one process does at a time. All times are those of the database's clock.
#[async_trait]
pub trait LeaseStore: Send + Sync + 'static {
    /// Takes a lease that is free, over, or this holder's already, for `keep_ms` milliseconds; `true` when the caller has it
    /// now, else the lease says who has. Its token rises with each taking.
    async fn acquire_lease(&self, name: &str, holder: &str, keep_ms: i64) -> Result<(Lease, bool), StoreError>;
    /// Holds it longer; `false` when somebody else took it since.
    async fn renew_lease(&self, name: &str, token: u64, keep_ms: i64) -> Result<(Lease, bool), StoreError>;
    /// Gives it up; a token that is not the newest changes nothing.
    async fn release_lease(&self, name: &str, token: u64) -> Result<(), StoreError>;
    /// Who holds it; token 0 when it was never taken.
    async fn lease(&self, name: &str) -> Result<Lease, StoreError>;
}

/// Which worker owns which partition.
#[async_trait]
pub trait PlacementStore: Send + Sync + 'static {
    /// Claims partitions for whoever is at `address`, or gives them up when that is empty. Each is a compare-and-set of its
    /// own; gives what is stored now, and whether this claim made it so, in their order.
    async fn claim(&self, address: &str, claims: Vec<Claim>) -> Result<Vec<(Placement, bool)>, StoreError>;
    /// All partitions that were ever claimed, by number.
    async fn placements(&self) -> Result<Vec<Placement>, StoreError>;
}

/// Accounts, their tokens, and the audit log, whose entries are never changed.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// All accounts, in the order of their ids.
    async fn accounts(&self, page: Page) -> Result<Paged<StoredAccount>, StoreError>;
    /// All tokens, in a stable order.
    async fn tokens(&self, page: Page) -> Result<Paged<StoredToken>, StoreError>;
    /// All of it or nothing; gives back the written accounts with their ids and versions.
    async fn change_accounts(&self, change: ChangeAccountsRequest) -> Result<Vec<StoredAccount>, StoreError>;
    /// The audit log, newest first.
    async fn audit(&self, page: Page) -> Result<Paged<AuditEntry>, StoreError>;
}

/// How far notifiers have read the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotifyProgress {
    /// Rises with each write; 0 = there was none.
    pub revision: u64,
    /// Number of the last change of the ledger that was read.
    pub position: u64,
}

/// Channels, what each was told, acknowledgements, and the outbox.
#[async_trait]
pub trait NotifyStore: Send + Sync + 'static {
    /// All channels, in the order of their ids.
    async fn channels(&self, page: Page) -> Result<Paged<Channel>, StoreError>;
    /// All of it or nothing; gives back the written channels with their ids and versions.
    async fn change_channels(&self, change: ChangeChannelsRequest) -> Result<Vec<Channel>, StoreError>;
    /// All acknowledgements and snoozes, in a stable order.
    async fn marks(&self, page: Page) -> Result<Paged<Mark>, StoreError>;
    /// All of it or nothing.
    async fn change_marks(&self, change: ChangeMarksRequest) -> Result<(), StoreError>;
    /// How far the ledger was read.
    async fn notify_progress(&self) -> Result<NotifyProgress, StoreError>;
    /// What channels were told, in the order of the ids.
    async fn stories(&self, page: Page) -> Result<Paged<Story>, StoreError>;
    /// All of it or nothing, if the revision is the expected one; gives the new one.
    async fn apply_notices(&self, told: ApplyNoticesRequest) -> Result<u64, StoreError>;
    /// Takes messages that are due, and counts an attempt of each.
    async fn claim_messages(&self, wanted: ClaimMessagesRequest) -> Result<Vec<Message>, StoreError>;
    /// Writes what became of a message.
    async fn settle_message(&self, settled: SettleMessageRequest) -> Result<(), StoreError>;
    /// The outbox of these channels, newest first; of all, where none is named. `channel` is an id.
    async fn deliveries(&self, channels: Vec<String>, page: Page) -> Result<Paged<Delivery>, StoreError>;
}

/// All ports in one.
pub trait Store:
    ResultStore + SetStore + RunStore + LedgerStore + StateStore + LeaseStore + PlacementStore + AccountStore + NotifyStore
{
}

impl<S> Store for S where
    S: ResultStore
        + SetStore
        + RunStore
        + LedgerStore
        + StateStore
        + LeaseStore
        + PlacementStore
        + AccountStore
        + NotifyStore
{
}
