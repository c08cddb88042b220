-- Topics and who has subscribed to them: JSON, in the form of those who read it. The version grows with each change.

CREATE TABLE topics (
    name TEXT PRIMARY KEY,
    subscribers TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) WITHOUT ROWID;
