-- Items are handed out, ended, tried again and given up.

-- Seconds without a sign of life after which an item returns to its queue; null: it is abandoned
-- after the limit of the tenant.
ALTER TABLE queue_definitions ADD COLUMN lease_seconds BIGINT;
-- Set while the items of a deleted queue are being removed; nobody sees it any more.
ALTER TABLE queue_definitions ADD COLUMN deletion_time BIGINT;

-- Items, their events and comments name what they belong to without a foreign key: it is checked by
-- whoever writes them, and a check of the database for each row costs as much as the row. Whoever
-- removes items removes their events and comments (`queues::items::remove`).
--
-- The new columns of an item:
-- turn         When its turn is among the items that wait: what is handed out next has the smallest.
--              Null unless the item may be handed out now. From the highest bit down: no due date,
--              priority (2 bits), due date (59 bits, within them).
-- lease_until  When its lease ends, unless its result comes before; null in a queue without one.
-- returns      How often it returned to its queue because its lease ended.
{postgres:
ALTER TABLE queue_item_events DROP CONSTRAINT queue_item_events_queue_item_id_fkey;
ALTER TABLE queue_item_comments DROP CONSTRAINT queue_item_comments_queue_item_id_fkey;
ALTER TABLE queue_items DROP CONSTRAINT queue_items_queue_definition_id_fkey;
ALTER TABLE queue_items ADD COLUMN turn BIGINT;
ALTER TABLE queue_items ADD COLUMN lease_until BIGINT;
ALTER TABLE queue_items ADD COLUMN returns BIGINT NOT NULL DEFAULT 0;
}
-- SQLite cannot drop a foreign key: the tables are made anew. Numbers of events may be used again
-- when the last are gone, those of items never.
{sqlite:
CREATE TABLE new_events (
    id INTEGER PRIMARY KEY,
    tenant_id BIGINT NOT NULL,
    queue_definition_id BIGINT NOT NULL,
    queue_item_id BIGINT NOT NULL,
    timestamp BIGINT NOT NULL,
    action BIGINT NOT NULL,
    data TEXT,
    user_id BIGINT,
    external_client_id TEXT,
    status BIGINT NOT NULL,
    review_status BIGINT NOT NULL,
    reviewer_user_id BIGINT
);
INSERT INTO new_events SELECT id, tenant_id, queue_definition_id, queue_item_id, timestamp, action,
    data, user_id, external_client_id, status, review_status, reviewer_user_id
    FROM queue_item_events ORDER BY id;
DROP TABLE queue_item_events;
ALTER TABLE new_events RENAME TO queue_item_events;
CREATE INDEX queue_item_events_item ON queue_item_events (queue_item_id, id);

CREATE TABLE new_comments (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id BIGINT NOT NULL,
    queue_definition_id BIGINT NOT NULL,
    queue_item_id BIGINT NOT NULL,
    text TEXT NOT NULL,
    creation_time BIGINT NOT NULL,
    user_id BIGINT,
    external_client_id TEXT
);
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'new_comments', seq FROM sqlite_sequence WHERE name = 'queue_item_comments';
INSERT INTO new_comments SELECT id, tenant_id, queue_definition_id, queue_item_id, text,
    creation_time, user_id, external_client_id FROM queue_item_comments ORDER BY id;
DROP TABLE queue_item_comments;
ALTER TABLE new_comments RENAME TO queue_item_comments;
CREATE INDEX queue_item_comments_item ON queue_item_comments (queue_item_id, id);

CREATE TABLE new_items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id BIGINT NOT NULL,
    queue_definition_id BIGINT NOT NULL,
    status BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    defer_date BIGINT,
    due_date BIGINT,
    risk_sla_date BIGINT,
    turn BIGINT,
    lease_until BIGINT,
    returns BIGINT NOT NULL DEFAULT 0,
    version BIGINT NOT NULL DEFAULT 1,
    robot_id BIGINT,
    start_processing BIGINT,
    end_processing BIGINT,
    seconds_in_previous_attempts BIGINT NOT NULL DEFAULT 0,
    review_status BIGINT NOT NULL DEFAULT 0,
    reviewer_user_id BIGINT,
    processing_exception_type BIGINT,
    retry_number BIGINT NOT NULL DEFAULT 0,
    manual_retry_number BIGINT NOT NULL DEFAULT 0,
    ancestor_id BIGINT,
    manual_ancestor_id BIGINT,
    encrypted BOOLEAN NOT NULL DEFAULT FALSE,
    creation_time BIGINT NOT NULL,
    key TEXT NOT NULL,
    unique_key TEXT NOT NULL,
    ancestor_unique_key TEXT,
    manual_ancestor_unique_key TEXT,
    creator_job_key TEXT,
    executor_job_key TEXT,
    reference TEXT,
    unique_reference TEXT,
    source TEXT,
    parent_operation_id TEXT,
    operation_id TEXT,
    progress TEXT,
    processing_exception TEXT,
    specific_content TEXT,
    output TEXT,
    analytics TEXT
);
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'new_items', seq FROM sqlite_sequence WHERE name = 'queue_items';
INSERT INTO new_items SELECT id, tenant_id, queue_definition_id, status, priority, defer_date,
    due_date, risk_sla_date, NULL, NULL, 0, version, robot_id, start_processing, end_processing,
    seconds_in_previous_attempts, review_status, reviewer_user_id, processing_exception_type,
    retry_number, manual_retry_number, ancestor_id, manual_ancestor_id, encrypted, creation_time, key,
    unique_key, ancestor_unique_key, manual_ancestor_unique_key, creator_job_key, executor_job_key,
    reference, unique_reference, source, parent_operation_id, operation_id, progress,
    processing_exception, specific_content, output, analytics FROM queue_items ORDER BY id;
DROP TABLE queue_items;
ALTER TABLE new_items RENAME TO queue_items;
CREATE INDEX queue_items_queue ON queue_items (queue_definition_id, id);
CREATE INDEX queue_items_status ON queue_items (queue_definition_id, status, id);
CREATE INDEX queue_items_key ON queue_items (key);
CREATE UNIQUE INDEX queue_items_retry ON queue_items (unique_key) WHERE unique_key <> key;
}

UPDATE queue_items SET turn = CASE
    WHEN due_date IS NULL THEN (4 + priority) * 576460752303423488
    WHEN due_date < 0 THEN priority * 576460752303423488
    WHEN due_date > 576460752303423487 THEN priority * 576460752303423488 + 576460752303423487
    ELSE priority * 576460752303423488 + due_date END
WHERE status = 0 AND defer_date IS NULL;

-- Only what waits is in these, so that a history of millions slows nobody down.
CREATE INDEX queue_items_ready ON queue_items (queue_definition_id, turn, id)
    WHERE turn IS NOT NULL;
CREATE INDEX queue_items_ready_reference
    ON queue_items (queue_definition_id, fold(reference), turn, id)
    WHERE turn IS NOT NULL AND fold(reference) IS NOT NULL;
CREATE INDEX queue_items_deferred ON queue_items (queue_definition_id, defer_date)
    WHERE status = 0 AND turn IS NULL;

-- Most items of most queues have no reference.
DROP INDEX {sqlite:IF EXISTS }queue_items_reference;
CREATE INDEX queue_items_reference ON queue_items (queue_definition_id, fold(reference), id)
    WHERE fold(reference) IS NOT NULL;

-- The reference comes first, so that no other index can be taken for a better one, however few rows
-- there were when the statement was planned.
DROP INDEX {sqlite:IF EXISTS }queue_items_taken_reference;
CREATE UNIQUE INDEX queue_items_taken_reference
    ON queue_items (fold(unique_reference), queue_definition_id)
    WHERE unique_reference IS NOT NULL;

-- Answers to requests with an Idempotency-Key, for those who ask again. Sealed: they may hold the
-- content of encrypted queues.
CREATE TABLE idempotency_keys (
    tenant_id BIGINT NOT NULL,
    caller {text} NOT NULL,
    key {text} NOT NULL,
    request {text} NOT NULL,
    status BIGINT NOT NULL,
    answer {text} NOT NULL,
    creation_time BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, caller, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (creation_time);

-- Exports: files that were asked for and are written behind the scenes. Who asked may be gone: accounts,
-- applications, folders and what is exported are kept by number and name.
CREATE TABLE exports (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name {text} NOT NULL,
    type BIGINT NOT NULL,
    status BIGINT NOT NULL,
    requested_at BIGINT NOT NULL,
    -- When it was completed, or failed.
    executed_at BIGINT,
    size BIGINT,
    user_id BIGINT,
    external_client_id {text},
    -- Those of the token, with blanks between.
    scopes {text} NOT NULL,
    folder_id BIGINT NOT NULL,
    -- Key and options of the report, as they were asked for.
    subject_id BIGINT NOT NULL,
    query {text} NOT NULL
);
CREATE INDEX exports_requests ON exports (tenant_id, requested_at);
CREATE INDEX exports_status ON exports (status, id);

-- What searches in specific contents look into first: texts without case, by the parts of three
-- characters that are in them. An item is in it by its number, unless it is encrypted or a later one
-- than `indexed`. There is no such row before the first search of many items.
CREATE TABLE queue_item_search (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    indexed BIGINT NOT NULL
);
{sqlite:
CREATE VIRTUAL TABLE queue_item_texts USING fts5 (
    text, content = '', contentless_delete = 1, detail = none,
    tokenize = 'trigram case_sensitive 1'
);
CREATE TRIGGER queue_item_texts_out AFTER DELETE ON queue_items BEGIN
    DELETE FROM queue_item_texts WHERE rowid = OLD.id;
END;
CREATE TRIGGER queue_item_texts_on AFTER UPDATE OF specific_content ON queue_items
WHEN OLD.specific_content IS NOT NEW.specific_content BEGIN
    DELETE FROM queue_item_texts WHERE rowid = NEW.id;
    INSERT INTO queue_item_texts (rowid, text)
    SELECT NEW.id, fold(NEW.specific_content) FROM queue_item_search
    WHERE indexed >= NEW.id AND NOT NEW.encrypted AND NEW.specific_content IS NOT NULL;
END;
}
{postgres:
CREATE TABLE queue_item_texts (
    rowid BIGINT PRIMARY KEY,
    text {text} NOT NULL
);
-- SQLite has a function like this for each of its indexes.
CREATE FUNCTION queue_item_texts(pattern TEXT) RETURNS TABLE (rowid BIGINT) LANGUAGE sql STABLE
    AS $$ SELECT t.rowid FROM queue_item_texts t WHERE t.text LIKE pattern $$;
-- Without the extension there is no index, and no row that says how far it goes.
CREATE FUNCTION queue_item_search_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX IF NOT EXISTS queue_item_texts_trigrams
        ON queue_item_texts USING gin (text gin_trgm_ops);
    RETURN NEW;
EXCEPTION WHEN OTHERS THEN
    RAISE LOG 'no index for searches: %', SQLERRM;
    RETURN NULL;
END $$;
CREATE TRIGGER queue_item_search_begins BEFORE INSERT ON queue_item_search
    FOR EACH ROW EXECUTE FUNCTION queue_item_search_begins();
CREATE FUNCTION queue_item_texts_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM queue_item_texts WHERE rowid = OLD.id;
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO queue_item_texts (rowid, text)
        SELECT NEW.id, fold(NEW.specific_content) FROM queue_item_search
        WHERE indexed >= NEW.id AND NOT NEW.encrypted AND NEW.specific_content IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER queue_item_texts_out AFTER DELETE ON queue_items
    FOR EACH ROW EXECUTE FUNCTION queue_item_texts_changes();
CREATE TRIGGER queue_item_texts_on AFTER UPDATE OF specific_content ON queue_items
    FOR EACH ROW WHEN (OLD.specific_content IS DISTINCT FROM NEW.specific_content)
    EXECUTE FUNCTION queue_item_texts_changes();
}
