-- What several servers on one database do side by side.

-- The process that writes an export, and until when it is believed to: then another begins it again.
ALTER TABLE exports ADD COLUMN claimed_by {text};
ALTER TABLE exports ADD COLUMN claimed_until BIGINT;

-- Numbers of items that were missing when those around them were indexed for searches: a transaction
-- that was open then may still have come with one of them. After `settled` none comes any more.
CREATE TABLE queue_item_search_gaps (
    first BIGINT PRIMARY KEY,
    last BIGINT NOT NULL,
    settled BIGINT NOT NULL
);
