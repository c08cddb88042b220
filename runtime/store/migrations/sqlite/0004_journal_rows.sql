-- The entries of one write are one row: `seq` is the number of the first one, `entries` how many there are, `data` all of
-- them, each with a head (src/packed.rs): time, fingerprint, kind and length of its data, then the data.

ALTER TABLE journal RENAME TO journal_entries;
DROP INDEX journal_position;

-- In order of arrival: a batch that appends to many executions fills a few pages at the end, and the index entries of
-- recent executions stand together. Clustered by (execution, seq), the same batch dirties a page per execution.
CREATE TABLE journal (
    execution INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    data BLOB NOT NULL
);

-- A number that no version of this crate writes may have an odd number of digits, of which unhex makes NULL. No data is a
-- damaged entry, and the others of the file are read as before.
INSERT INTO journal (execution, seq, entries, data)
SELECT execution, seq, 1,
    coalesce(unhex(printf('%016X%016X%02X%08X', at, fingerprint, kind, length(data)) || hex(data)), x'')
FROM journal_entries ORDER BY rowid;

CREATE UNIQUE INDEX journal_position ON journal (execution, seq);
DROP TABLE journal_entries;
