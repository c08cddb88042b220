-- Who brings the schema up to date: on every database, made before anything else and without a lock, so that one node at
-- a time makes the rest. expires_at is UTC milliseconds by the database's clock; a new holder is a new epoch.
CREATE TABLE IF NOT EXISTS schema_lease (
    id BIGINT NOT NULL PRIMARY KEY,
    name VARCHAR(255) NOT NULL,
    epoch BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
)
