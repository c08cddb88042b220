-- Topics and who has subscribed to them: JSON, in the form of those who read it. The version grows with each change.

CREATE TABLE topics (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    subscribers TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Runtimes that know no topics can go on.
UPDATE compatibility SET newest = 4 WHERE id = 1;
