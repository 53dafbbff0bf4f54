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
