-- Executions in arrival order, their journals, the components they run and what is deployed.
-- Times are UTC milliseconds. phase: 0 running, 1 committing, 2 rolling-back, 3 succeeded, 4 failed.
-- activity: 0 active, 1 parked, 2 quarantined, 3 finished.

CREATE TABLE executions (
    id INTEGER PRIMARY KEY,
    gid TEXT NOT NULL,
    workflow TEXT NOT NULL,
    digest BLOB NOT NULL,
    input_hash BLOB NOT NULL,
    phase INTEGER NOT NULL,
    activity INTEGER NOT NULL,
    wake_at INTEGER,
    note TEXT,
    result BLOB,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- The idempotency key of a trigger.
CREATE UNIQUE INDEX executions_gid ON executions (gid);

-- An index of SQLite ends in the row's id, so each of these is also in arrival order.

-- Recovery, and lists by activity. Leaves out the finished, which only grow.
CREATE INDEX executions_activity ON executions (activity) WHERE activity <> 3;

-- Timers. Parked executions that wait for a signal have no time and are not here.
CREATE INDEX executions_due ON executions (wake_at) WHERE activity = 1 AND wake_at IS NOT NULL;

-- A deployment wakes the quarantined executions of its workflow. Nearly always empty.
CREATE INDEX executions_quarantined ON executions (workflow) WHERE activity = 2;

-- Lists by workflow. Written once, when an execution is created.
CREATE INDEX executions_workflow ON executions (workflow);

-- Lists by phase. Leaves out the succeeded: they are the many, and walking back from the newest finds them at once.
CREATE INDEX executions_phase ON executions (phase) WHERE phase <> 3;

-- In order of arrival: a batch that appends to many executions fills a few pages at the end, and the index entries of
-- recent executions stand together. Clustered by (execution, seq), the same batch dirties a page per execution.
CREATE TABLE journal (
    execution INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    -- The 64 bits of the hash, as a signed number.
    fingerprint INTEGER NOT NULL,
    data BLOB NOT NULL
);

CREATE UNIQUE INDEX journal_position ON journal (execution, seq);

CREATE TABLE components (
    digest BLOB PRIMARY KEY,
    data BLOB NOT NULL
);

CREATE TABLE deployments (
    workflow TEXT NOT NULL,
    version INTEGER NOT NULL,
    digest BLOB NOT NULL REFERENCES components (digest),
    deployed_at INTEGER NOT NULL,
    PRIMARY KEY (workflow, version)
) WITHOUT ROWID;
