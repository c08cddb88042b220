-- Participants that an operator has paused: nothing is sent to them until they are resumed.

CREATE TABLE paused_participants (
    name TEXT PRIMARY KEY,
    paused_at INTEGER NOT NULL
) WITHOUT ROWID;
