//! What keeps the barrier from deciding; a refusal of the business is no error.

/// The barrier could not be asked. Drop the transaction: nothing was changed, and the runtime sends the operation again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BarrierError {
    /// The database refused a statement: a deadlock, a lost connection, tables that are missing.
    #[error("the barrier tables could not be read or written")]
    Database(#[from] sqlx::Error),
    /// A reply could not be turned into JSON, or an earlier one could not be read back.
    #[error("the reply of the operation could not be stored or read")]
    Reply(#[from] serde_json::Error),
    /// A name that can't be written into SQL as it is.
    #[error(
        "`{name}` can't name the barrier table: letters, digits and `_`, up to 40 of them, and as many before a dot"
    )]
    TableName {
        /// What was given.
        name: String,
    },
    /// The table's collation takes this gid for another one, so its operations could not be told apart.
    #[error(
        "gid `{gid}` equals another gid in `{table}`, whose collation ignores case: give gids that differ by more, or \
         `ALTER TABLE {table} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`"
    )]
    GidAlias {
        /// The gid of the request.
        gid: String,
        /// The barrier table.
        table: String,
    },
    /// A place was taken and is gone: old rows were deleted at this moment.
    #[error("a row of the barrier disappeared while it was looked at; the next try will see why")]
    Vanished,
    /// The request is for another kind of operation than its handler serves.
    #[error("this handler serves {serves}, and the request has op `{op}`; give each its own URL in the workflow")]
    WrongOp {
        /// The op of the request.
        op: String,
        /// The ops that the handler serves.
        serves: &'static str,
    },
    /// The business is still at it: it changed nothing, and wants to be asked again after a pause.
    #[error("the operation is still going on; ask again")]
    Ongoing,
    /// Redis refused the script, or can't be reached.
    #[cfg(feature = "redis")]
    #[error("the barrier in Redis could not be read or written")]
    Redis(#[from] redis::RedisError),
}
