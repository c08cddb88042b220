-- Topics and who has subscribed to them: JSON, in the form of those who read it. The version grows with each change.

CREATE TABLE IF NOT EXISTS topics (
    name VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL PRIMARY KEY,
    subscribers LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
) ENGINE = InnoDB;

-- Runtimes that know no topics can go on.
UPDATE compatibility SET newest = 4 WHERE id = 1;
