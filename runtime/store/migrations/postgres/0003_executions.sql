-- Executions in arrival order, their journals, the components they run and what is deployed.
-- Times are UTC milliseconds. phase: 0 running, 1 committing, 2 rolling-back, 3 succeeded, 4 failed.
-- activity: 0 active, 1 parked, 2 quarantined, 3 finished.
--
-- Each change of the schema says in `compatibility` which runtimes can still work on it.

CREATE TABLE executions (
    id BIGINT NOT NULL PRIMARY KEY,
    gid TEXT COLLATE "C" NOT NULL,
    workflow TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    input_hash BYTEA NOT NULL,
    phase BIGINT NOT NULL,
    activity BIGINT NOT NULL,
    wake_at BIGINT,
    note TEXT,
    result BYTEA,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- The node that admitted, claimed or adopted it last. It works on it while it is active.
    owner BIGINT NOT NULL,
    -- Only of the active, only of the parked, only of the quarantined: all others take no place in their indexes.
    worker BIGINT GENERATED ALWAYS AS (CASE WHEN activity = 0 THEN owner END) STORED,
    due_at BIGINT GENERATED ALWAYS AS (CASE WHEN activity = 1 THEN wake_at END) STORED,
    quarantined TEXT COLLATE "C" GENERATED ALWAYS AS (CASE WHEN activity = 2 THEN workflow END) STORED
);

-- The idempotency key of a trigger.
CREATE UNIQUE INDEX executions_gid ON executions (gid);

-- What a node works on, and what one left behind.
CREATE INDEX executions_worker ON executions (worker, id) WHERE worker IS NOT NULL;

-- Lists by activity. Leaves out the finished, which only grow.
CREATE INDEX executions_activity ON executions (activity, id) WHERE activity <> 3;

-- Timers. Parked executions that wait for a signal have no time and are not here.
CREATE INDEX executions_due ON executions (due_at, id) WHERE due_at IS NOT NULL;

-- A deployment wakes the quarantined executions of its workflow. Nearly always empty.
CREATE INDEX executions_quarantined ON executions (quarantined, id) WHERE quarantined IS NOT NULL;

-- Lists by workflow.
CREATE INDEX executions_workflow ON executions (workflow, id);

-- Lists by phase. Leaves out the succeeded: they are the many, and walking back from the newest finds them at once.
CREATE INDEX executions_phase ON executions (phase, id) WHERE phase <> 3;

-- The table is in order of arrival, its index in the order of reading. The entries of one write are one row: `seq` is the
-- number of the first one, `entries` how many there are, `data` all of them, each with a head (src/packed.rs): time,
-- fingerprint, kind and length of its data, then the data.
CREATE TABLE journal (
    execution BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (execution, seq)
);

-- In parts, because databases that replicate bound the size of a row.
CREATE TABLE components (
    digest BYTEA NOT NULL,
    part BIGINT NOT NULL,
    data BYTEA NOT NULL,
    PRIMARY KEY (digest, part)
);

CREATE TABLE deployments (
    workflow TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    digest BYTEA NOT NULL,
    deployed_at BIGINT NOT NULL,
    PRIMARY KEY (workflow, version)
);

-- Participants that an operator has paused: nothing is sent to them until they are resumed.
CREATE TABLE paused_participants (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    paused_at BIGINT NOT NULL
);

-- One row per process. expires_at is UTC milliseconds by the database's clock; alive is 0 once another node has taken the
-- process for dead, or it has ended. The row goes when none of its executions is active any more. turn changes with each
-- transaction of the process, so that one which it has given up comes too late.
CREATE TABLE nodes (
    id BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    alive BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    turn BIGINT NOT NULL DEFAULT 0
);

-- What is said to an execution through another node than the one that works on it.
CREATE TABLE inbox (
    id BIGINT NOT NULL PRIMARY KEY,
    execution BIGINT NOT NULL,
    content BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

-- Read from the oldest on, and cleaned up there.
CREATE INDEX inbox_created ON inbox (created_at, id);

-- Numbers that no two nodes may have: the next one of each kind.
CREATE TABLE counters (
    name VARCHAR(32) NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);

INSERT INTO counters (name, next) VALUES ('execution', 1), ('node', 1);

-- One row: the newest schema here, and the oldest one whose runtimes can work on it.
CREATE TABLE compatibility (
    id BIGINT NOT NULL PRIMARY KEY,
    newest BIGINT NOT NULL,
    oldest BIGINT NOT NULL
);

INSERT INTO compatibility (id, newest, oldest) VALUES (1, 3, 3);
