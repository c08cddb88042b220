//! The place of one call in the barrier: claimed once, by the op that comes first, and the reply that is kept beside it.
//!
//! For programs that run the local transaction themselves, for example between `XA START` and `XA END`; everybody else
//! has [`crate::Barrier::call`], which is built on this. Nothing here opens or ends a transaction.

use crate::{BarrierDatabase, BarrierError, Branch, Tables, database::TextEquality};

const CLAIM: &str = "{insert} INTO {table} \
    (trans_type, gid, branch_id, op, barrier_id, reason, create_time, update_time) \
    VALUES (?, ?, ?, ?, ?, ?, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP) {on_conflict}";

const REASON: &str =
    "SELECT reason FROM {table} WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ?{exact} {current}";

const EXACT: &str = " AND CAST(gid AS BINARY) = CAST(? AS BINARY) \
    AND CAST(branch_id AS BINARY) = CAST(? AS BINARY) AND CAST(op AS BINARY) = CAST(? AS BINARY)";

const RELEASE: &str = "DELETE FROM {table} WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ?";

/// Strict: two that both think they were first are told apart here at the latest.
const SAVE_REPLY: &str = "INSERT INTO {table} (gid, branch_id, op, barrier_id, reply) VALUES (?, ?, ?, ?, ?)";

const LOAD_REPLY: &str =
    "SELECT reply FROM {table} WHERE gid = ? AND branch_id = ? AND op = ? AND barrier_id = ? {current}";

/// Whether a place in the barrier was free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It was, and is now ours; others who want it wait until this transaction ends.
    New,
    /// It was not: somebody was here before.
    Taken,
}

/// The place of one call on one branch.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    branch: &'a Branch,
    barrier_id: &'a str,
    tables: &'a Tables,
}

/// Which reads a reply is looked for with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// Sees what is committed by now; on MySQL a locking read.
    Current,
    /// Leaves no locks; on MySQL it may see the past.
    Plain,
}

impl<'a> Place<'a> {
    /// Names a place. `barrier_id`: which call of the request it is, from `01` on.
    #[must_use]
    pub fn new(branch: &'a Branch, barrier_id: &'a str, tables: &'a Tables) -> Self {
        Self { branch, barrier_id, tables }
    }

    /// Claims the place of `op` on this branch, for the branch's own op, which becomes the reason.
    ///
    /// Waits while another transaction holds it.
    ///
    /// # Errors
    /// [`BarrierError::Database`]: a deadlock or the like, drop the transaction and try again.
    /// [`BarrierError::GidAlias`]: the table takes another gid for this one.
    pub async fn claim<DB: BarrierDatabase>(
        self,
        connection: &mut DB::Connection,
        op: &str,
    ) -> Result<Claim, BarrierError> {
        let sql = CLAIM.replace("{insert}", DB::DIALECT.insert).replace("{on_conflict}", DB::DIALECT.on_conflict);
        let parameters = [
            self.branch.trans_type(),
            self.branch.gid(),
            self.branch.branch_id(),
            op,
            self.barrier_id,
            self.branch.op(),
        ];
        let rows = DB::execute(connection, DB::DIALECT.render(&sql, self.tables.barrier()), &parameters).await?;
        if rows > 0 {
            return Ok(Claim::New);
        }
        if DB::DIALECT.text_equality == TextEquality::Collated && self.reason::<DB>(connection, op).await?.is_none() {
            return Err(BarrierError::GidAlias {
                gid: self.branch.gid().to_owned(),
                table: self.tables.barrier().to_owned(),
            });
        }
        Ok(Claim::Taken)
    }

    /// Which op holds the place of `op`; `None` if it is free. Call it after [`Claim::Taken`].
    ///
    /// # Errors
    /// [`BarrierError::Database`]: drop the transaction and try again.
    pub async fn reason<DB: BarrierDatabase>(
        self,
        connection: &mut DB::Connection,
        op: &str,
    ) -> Result<Option<String>, BarrierError> {
        let (gid, branch_id) = (self.branch.gid(), self.branch.branch_id());
        let mut parameters = vec![gid, branch_id, op, self.barrier_id];
        let exact = match DB::DIALECT.text_equality {
            TextEquality::Exact => "",
            TextEquality::Collated => {
                parameters.extend([gid, branch_id, op]);
                EXACT
            }
        };
        let sql = REASON.replace("{exact}", exact).replace("{current}", DB::DIALECT.current);
        Ok(DB::text(connection, DB::DIALECT.render(&sql, self.tables.barrier()), &parameters).await?)
    }

    /// Gives the place of `op` up again; it is free when the transaction has committed.
    ///
    /// # Errors
    /// [`BarrierError::Database`]: drop the transaction and try again.
    pub async fn release<DB: BarrierDatabase>(
        self,
        connection: &mut DB::Connection,
        op: &str,
    ) -> Result<(), BarrierError> {
        let parameters = [self.branch.gid(), self.branch.branch_id(), op, self.barrier_id];
        DB::execute(connection, DB::DIALECT.render(RELEASE, self.tables.barrier()), &parameters).await?;
        Ok(())
    }

    /// Keeps the reply of the branch's own op, as JSON, for its repeats.
    ///
    /// # Errors
    /// [`BarrierError::Database`]: also if there is one already, because somebody else was faster; drop the transaction.
    pub async fn save_reply<DB: BarrierDatabase>(
        self,
        connection: &mut DB::Connection,
        reply: &str,
    ) -> Result<(), BarrierError> {
        let parameters = [self.branch.gid(), self.branch.branch_id(), self.branch.op(), self.barrier_id, reply];
        DB::execute(connection, DB::DIALECT.render(SAVE_REPLY, &self.tables.reply()), &parameters).await?;
        Ok(())
    }

    /// The reply that the branch's own op had before. Call it after [`Claim::Taken`].
    ///
    /// # Errors
    /// [`BarrierError::Database`]: drop the transaction and try again.
    pub async fn load_reply<DB: BarrierDatabase>(
        self,
        connection: &mut DB::Connection,
    ) -> Result<Option<String>, BarrierError> {
        self.read_reply::<DB>(connection, Read::Current).await
    }

    /// The reply of an op whose place was free: only a refusal leaves one.
    ///
    /// It locks nothing. If the transaction read something before, it may miss a refusal that was committed since then;
    /// [`Place::save_reply`] fails in that case.
    ///
    /// # Errors
    /// [`BarrierError::Database`]: drop the transaction and try again.
    pub async fn load_refusal<DB: BarrierDatabase>(
        self,
        connection: &mut DB::Connection,
    ) -> Result<Option<String>, BarrierError> {
        self.read_reply::<DB>(connection, Read::Plain).await
    }

    async fn read_reply<DB: BarrierDatabase>(
        self,
        connection: &mut DB::Connection,
        read: Read,
    ) -> Result<Option<String>, BarrierError> {
        let current = match read {
            Read::Current => DB::DIALECT.current,
            Read::Plain => "",
        };
        let sql = DB::DIALECT.render(&LOAD_REPLY.replace("{current}", current), &self.tables.reply());
        let parameters = [self.branch.gid(), self.branch.branch_id(), self.branch.op(), self.barrier_id];
        Ok(DB::text(connection, sql, &parameters).await?)
    }
}
