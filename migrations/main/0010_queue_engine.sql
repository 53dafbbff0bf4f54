-- Items are handed out, ended, tried again and given up.

-- Seconds without a sign of life after which an item returns to its queue; null: it is abandoned
-- after the limit of the tenant.
ALTER TABLE queue_definitions ADD COLUMN lease_seconds BIGINT;
-- Set while the items of a deleted queue are being removed; nobody sees it any more.
ALTER TABLE queue_definitions ADD COLUMN deletion_time BIGINT;

-- When its turn is among the items that wait: what is handed out next has the smallest. Null unless
-- the item may be handed out now. From the highest bit down: no due date, priority (2 bits), due date
-- (59 bits, within them).
ALTER TABLE queue_items ADD COLUMN turn BIGINT;
-- When it is given up, unless its result comes before.
ALTER TABLE queue_items ADD COLUMN lease_until BIGINT;
-- How often it returned to its queue because its lease ended.
ALTER TABLE queue_items ADD COLUMN returns BIGINT NOT NULL DEFAULT 0;

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
DROP INDEX queue_items_reference;
CREATE INDEX queue_items_reference ON queue_items (queue_definition_id, fold(reference), id)
    WHERE fold(reference) IS NOT NULL;

-- The reference comes first, so that no other index can be taken for a better one, however few rows
-- there were when the statement was planned.
DROP INDEX queue_items_taken_reference;
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
