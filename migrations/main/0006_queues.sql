-- Queues: definitions, the folders they are in, their items, what happened to those, and counters.

CREATE TABLE queue_definitions (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    key {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    description {text},
    max_number_of_retries BIGINT NOT NULL DEFAULT 0,
    accept_automatically_retry BOOLEAN NOT NULL DEFAULT FALSE,
    retry_abandoned_items BOOLEAN NOT NULL DEFAULT FALSE,
    enforce_unique_reference BOOLEAN NOT NULL DEFAULT FALSE,
    encrypted BOOLEAN NOT NULL DEFAULT FALSE,
    specific_data_json_schema {text},
    output_data_json_schema {text},
    analytics_data_json_schema {text},
    release_id BIGINT REFERENCES releases (id) ON DELETE SET NULL,
    sla_in_minutes BIGINT,
    risk_sla_in_minutes BIGINT,
    tags {text} NOT NULL DEFAULT '[]',
    creation_time BIGINT NOT NULL
);
CREATE INDEX queue_definitions_tenant ON queue_definitions (tenant_id, id);
CREATE INDEX queue_definitions_release ON queue_definitions (release_id);

-- A queue is in one or several folders. The name is that of the queue: names are unique in each
-- folder, and callers name a queue by its folder and name.
CREATE TABLE queue_folders (
    queue_definition_id BIGINT NOT NULL REFERENCES queue_definitions (id) ON DELETE CASCADE,
    folder_id BIGINT NOT NULL REFERENCES folders (id),
    name {text} NOT NULL,
    PRIMARY KEY (queue_definition_id, folder_id)
);
CREATE UNIQUE INDEX queue_folders_name ON queue_folders (folder_id, fold(name));

-- One row for each attempt. What is compared and counted comes first, large texts last: SQLite reads
-- a row from its start. The attempts of one item share `key`; the first one's `unique_key` is the
-- same, so that only retries need an index of their own. Robots, reviewers and accounts are kept by
-- number and may be gone.
CREATE TABLE queue_items (
    id {id},
    tenant_id BIGINT NOT NULL,
    queue_definition_id BIGINT NOT NULL REFERENCES queue_definitions (id) ON DELETE CASCADE,
    status BIGINT NOT NULL,
    priority BIGINT NOT NULL,
    defer_date BIGINT,
    due_date BIGINT,
    risk_sla_date BIGINT,
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
    key {text} NOT NULL,
    unique_key {text} NOT NULL,
    ancestor_unique_key {text},
    manual_ancestor_unique_key {text},
    creator_job_key {text},
    executor_job_key {text},
    reference {text},
    -- The reference, as long as it is taken: in queues with unique references, and not any more
    -- when the item is deleted or retried.
    unique_reference {text},
    source {text},
    parent_operation_id {text},
    operation_id {text},
    progress {text},
    processing_exception {text},
    -- JSON objects; sealed where `encrypted`.
    specific_content {text},
    output {text},
    analytics {text}
);
CREATE INDEX queue_items_queue ON queue_items (queue_definition_id, id);
CREATE INDEX queue_items_status ON queue_items (queue_definition_id, status, id);
CREATE INDEX queue_items_reference ON queue_items (queue_definition_id, fold(reference), id);
CREATE INDEX queue_items_key ON queue_items (key);
CREATE UNIQUE INDEX queue_items_retry ON queue_items (unique_key) WHERE unique_key <> key;
CREATE UNIQUE INDEX queue_items_taken_reference
    ON queue_items (queue_definition_id, fold(unique_reference))
    WHERE unique_reference IS NOT NULL;

CREATE TABLE queue_item_events (
    id {id},
    tenant_id BIGINT NOT NULL,
    queue_definition_id BIGINT NOT NULL,
    queue_item_id BIGINT NOT NULL REFERENCES queue_items (id) ON DELETE CASCADE,
    timestamp BIGINT NOT NULL,
    action BIGINT NOT NULL,
    data {text},
    user_id BIGINT,
    external_client_id {text},
    -- The item as it was afterwards.
    status BIGINT NOT NULL,
    review_status BIGINT NOT NULL,
    reviewer_user_id BIGINT
);
CREATE INDEX queue_item_events_item ON queue_item_events (queue_item_id, id);

CREATE TABLE queue_item_comments (
    id {id},
    tenant_id BIGINT NOT NULL,
    queue_definition_id BIGINT NOT NULL,
    queue_item_id BIGINT NOT NULL REFERENCES queue_items (id) ON DELETE CASCADE,
    text {text} NOT NULL,
    creation_time BIGINT NOT NULL,
    user_id BIGINT,
    external_client_id {text}
);
CREATE INDEX queue_item_comments_item ON queue_item_comments (queue_item_id, id);

-- How many items of a queue are in each status now.
CREATE TABLE queue_counts (
    queue_definition_id BIGINT NOT NULL REFERENCES queue_definitions (id) ON DELETE CASCADE,
    status BIGINT NOT NULL,
    items BIGINT NOT NULL,
    PRIMARY KEY (queue_definition_id, status)
);

-- What a queue has processed: since ever (period 0, from 0) and in each minute (period 1, from the
-- minute's first tick). Times are sums of ticks.
CREATE TABLE queue_results (
    queue_definition_id BIGINT NOT NULL REFERENCES queue_definitions (id) ON DELETE CASCADE,
    period BIGINT NOT NULL,
    begins BIGINT NOT NULL,
    successful BIGINT NOT NULL DEFAULT 0,
    successful_time BIGINT NOT NULL DEFAULT 0,
    application_exceptions BIGINT NOT NULL DEFAULT 0,
    application_exceptions_time BIGINT NOT NULL DEFAULT 0,
    business_exceptions BIGINT NOT NULL DEFAULT 0,
    business_exceptions_time BIGINT NOT NULL DEFAULT 0,
    retried BIGINT NOT NULL DEFAULT 0,
    last_processed BIGINT,
    PRIMARY KEY (queue_definition_id, period, begins)
);

CREATE TABLE queue_retention (
    id {id},
    tenant_id BIGINT NOT NULL,
    queue_definition_id BIGINT NOT NULL REFERENCES queue_definitions (id) ON DELETE CASCADE,
    type BIGINT NOT NULL,
    action BIGINT NOT NULL,
    period BIGINT NOT NULL,
    bucket_id BIGINT
);
CREATE UNIQUE INDEX queue_retention_queue ON queue_retention (queue_definition_id, type);
