-- Who may write: on every database, made before anything else and without a lock, so that one node migrates the rest.
-- expires_at is UTC milliseconds by the database's clock. A new holder is a new epoch; each commit asks for its own.
CREATE TABLE IF NOT EXISTS nodes (
    id BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    epoch BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
)
