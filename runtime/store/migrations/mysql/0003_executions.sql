-- Executions in arrival order, their journals, the components they run and what is deployed.
-- Times are UTC milliseconds. phase: 0 running, 1 committing, 2 rolling-back, 3 succeeded, 4 failed.
-- activity: 0 active, 1 parked, 2 quarantined, 3 finished.
--
-- Each change of the schema says in `compatibility` which runtimes can still work on it.
--
-- Each statement can be repeated: here a migration that was interrupted is not rolled back, but run again.

CREATE TABLE IF NOT EXISTS executions (
    id BIGINT NOT NULL PRIMARY KEY,
    gid VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    workflow VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    digest BINARY(32) NOT NULL,
    input_hash BINARY(32) NOT NULL,
    phase TINYINT NOT NULL,
    activity TINYINT NOT NULL,
    wake_at BIGINT,
    note LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
    result LONGBLOB,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- The node that admitted, claimed or adopted it last. It works on it while it is active.
    owner BIGINT NOT NULL,
    -- Only of the active, only of the parked, only of the quarantined. There are no partial indexes here, but the NULLs
    -- of all others are a range of their own that no query enters.
    worker BIGINT GENERATED ALWAYS AS (CASE WHEN activity = 0 THEN owner END) STORED,
    due_at BIGINT GENERATED ALWAYS AS (CASE WHEN activity = 1 THEN wake_at END) STORED,
    quarantined VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin
        GENERATED ALWAYS AS (CASE WHEN activity = 2 THEN workflow END) STORED,

    -- The idempotency key of a trigger.
    UNIQUE KEY executions_gid (gid),
    -- What a node works on, and what one left behind.
    KEY executions_worker (worker, id),
    -- Lists by activity.
    KEY executions_activity (activity, id),
    -- Timers. Parked executions that wait for a signal have no time.
    KEY executions_due (due_at, id),
    -- A deployment wakes the quarantined executions of its workflow.
    KEY executions_quarantined (quarantined, id),
    -- Lists by workflow.
    KEY executions_workflow (workflow, id),
    -- Lists by phase.
    KEY executions_phase (phase, id)
) ENGINE = InnoDB;

-- InnoDB keeps a table in the order of its key. This one starts with the number of the execution, so what is at work
-- stands together near the end, and a journal is read in one place. The entries of one write are one row: `seq` is the
-- number of the first one, `entries` how many there are, `data` all of them, each with a head (src/packed.rs): time,
-- fingerprint, kind and length of its data, then the data.
CREATE TABLE IF NOT EXISTS journal (
    execution BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    entries BIGINT NOT NULL,
    data LONGBLOB NOT NULL,
    PRIMARY KEY (execution, seq)
) ENGINE = InnoDB;

-- In parts, because a server bounds the size of a message (max_allowed_packet), and a cluster that of a transaction.
CREATE TABLE IF NOT EXISTS components (
    digest BINARY(32) NOT NULL,
    part BIGINT NOT NULL,
    data LONGBLOB NOT NULL,
    PRIMARY KEY (digest, part)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS deployments (
    workflow VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    version BIGINT NOT NULL,
    digest BINARY(32) NOT NULL,
    deployed_at BIGINT NOT NULL,
    PRIMARY KEY (workflow, version)
) ENGINE = InnoDB;

-- Participants that an operator has paused: nothing is sent to them until they are resumed.
CREATE TABLE IF NOT EXISTS paused_participants (
    name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    paused_at BIGINT NOT NULL
) ENGINE = InnoDB;

-- One row per process. expires_at is UTC milliseconds by the database's clock; alive is 0 once another node has taken the
-- process for dead, or it has ended. The row goes when none of its executions is active any more. turn changes with each
-- transaction of the process, so that one which it has given up comes too late.
CREATE TABLE IF NOT EXISTS nodes (
    id BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    alive TINYINT NOT NULL,
    expires_at BIGINT NOT NULL,
    turn BIGINT NOT NULL DEFAULT 0
) ENGINE = InnoDB;

-- What is said to an execution through another node than the one that works on it.
CREATE TABLE IF NOT EXISTS inbox (
    id BIGINT NOT NULL PRIMARY KEY,
    execution BIGINT NOT NULL,
    content LONGBLOB NOT NULL,
    created_at BIGINT NOT NULL,
    -- Read from the oldest on, and cleaned up there.
    KEY inbox_created (created_at, id)
) ENGINE = InnoDB;

-- Numbers that no two nodes may have: the next one of each kind.
CREATE TABLE IF NOT EXISTS counters (
    name VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
) ENGINE = InnoDB;

INSERT IGNORE INTO counters (name, next) VALUES ('execution', 1), ('node', 1);

-- One row: the newest schema here, and the oldest one whose runtimes can work on it.
CREATE TABLE IF NOT EXISTS compatibility (
    id BIGINT NOT NULL PRIMARY KEY,
    newest BIGINT NOT NULL,
    oldest BIGINT NOT NULL
) ENGINE = InnoDB;

INSERT IGNORE INTO compatibility (id, newest, oldest) VALUES (1, 3, 3);
