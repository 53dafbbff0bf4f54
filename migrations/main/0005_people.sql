-- What an account shows beside its name and rights. Structures are JSON text.
ALTER TABLE users ADD COLUMN license_type BIGINT;
ALTER TABLE users ADD COLUMN is_external_licensed BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE users ADD COLUMN account_id {text};
ALTER TABLE users ADD COLUMN update_policy {text};
ALTER TABLE users ADD COLUMN notification_subscription {text};
CREATE INDEX user_roles_role ON user_roles (role_id, user_id);
CREATE INDEX folder_user_roles_role ON folder_user_roles (role_id);

ALTER TABLE roles ADD COLUMN role_groups {text};

-- Every permission that a role can grant, and where it can be granted: for the tenant (0), in a
-- folder (1), or in both (2).
CREATE TABLE permissions (
    id BIGINT PRIMARY KEY,
    name {text} NOT NULL UNIQUE,
    scope BIGINT NOT NULL
);
INSERT INTO permissions (id, name, scope)
SELECT 4 * (things.column1 - 1) + accesses.column1, things.column2 || '.' || accesses.column2,
       things.column3
FROM (VALUES
    (1, 'Alerts', 0), (2, 'Audit', 0), (3, 'BackgroundTasks', 0), (4, 'Libraries', 0),
    (5, 'License', 0), (6, 'Machines', 0), (7, 'Packages', 0), (8, 'Roles', 0),
    (9, 'Settings', 0), (10, 'Units', 0), (11, 'Users', 0), (12, 'Webhooks', 0),
    (13, 'Robots', 2), (14, 'ActionDesign', 1), (15, 'Assets', 1), (16, 'BlobFiles', 1),
    (17, 'Buckets', 1), (18, 'BusinessRules', 1), (19, 'Environments', 1),
    (20, 'ExecutionMedia', 1), (21, 'FolderPackages', 1), (22, 'Jobs', 1), (23, 'Logs', 1),
    (24, 'Monitoring', 1), (25, 'Processes', 1), (26, 'Queues', 1), (27, 'RemoteControl', 1),
    (28, 'Schedules', 1), (29, 'SubFolders', 1), (30, 'TaskAssignments', 1),
    (31, 'TaskCatalogs', 1), (32, 'Tasks', 1), (33, 'TestDataQueueItems', 1),
    (34, 'TestDataQueues', 1), (35, 'TestSetExecutions', 1), (36, 'TestSetSchedules', 1),
    (37, 'TestSets', 1), (38, 'Transactions', 1)) AS things
CROSS JOIN (VALUES (1, 'View'), (2, 'Edit'), (3, 'Create'), (4, 'Delete')) AS accesses;

-- What was changed from its default: for the tenant (user_id 0), or by one user for themselves.
CREATE TABLE settings (
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    user_id BIGINT NOT NULL DEFAULT 0,
    name {text} NOT NULL,
    value {text} NOT NULL,
    -- A password, kept sealed and never shown.
    sealed BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (tenant_id, user_id, name)
);

CREATE TABLE audit_logs (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    execution_time BIGINT NOT NULL,
    action BIGINT NOT NULL,
    component BIGINT NOT NULL,
    display_name {text},
    entity_id BIGINT,
    operation_text {text} NOT NULL,
    user_id BIGINT,
    user_name {text},
    user_type BIGINT,
    external_client_id {text}
);
CREATE INDEX audit_logs_newest ON audit_logs (tenant_id, id DESC);
CREATE INDEX audit_logs_component ON audit_logs (tenant_id, component, id DESC);

CREATE TABLE audit_log_entities (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    audit_log_id BIGINT NOT NULL REFERENCES audit_logs (id) ON DELETE CASCADE,
    custom_data {text},
    entity_id BIGINT,
    entity_name {text} NOT NULL,
    action BIGINT NOT NULL
);
CREATE INDEX audit_log_entities_log ON audit_log_entities (audit_log_id, id);

CREATE TABLE calendars (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    key {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    time_zone_id {text} NOT NULL,
    excluded_dates {text} NOT NULL
);
CREATE UNIQUE INDEX calendars_name ON calendars (tenant_id, fold(name));

CREATE TABLE process_schedules (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    folder_id BIGINT NOT NULL REFERENCES folders (id),
    key {text} NOT NULL UNIQUE,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    name {text} NOT NULL,
    description {text},
    release_id BIGINT NOT NULL REFERENCES releases (id),
    entry_point_path {text},
    specific_priority_value BIGINT,
    runtime_type BIGINT,
    start_process_cron {text},
    start_process_cron_details {text},
    start_process_cron_summary {text},
    start_process_next_occurrence BIGINT,
    start_strategy BIGINT NOT NULL,
    executor_robots {text} NOT NULL,
    machine_robots {text} NOT NULL,
    stop_process_expression {text},
    stop_strategy BIGINT,
    kill_process_expression {text},
    stop_process_date BIGINT,
    alert_pending_expression {text},
    alert_running_expression {text},
    external_job_key {text},
    external_job_key_scheduler {text},
    time_zone_id {text} NOT NULL,
    time_zone_iana {text},
    calendar_id BIGINT REFERENCES calendars (id),
    input_arguments {text},
    input_file {text},
    -- A queue trigger starts jobs when items arrive.
    queue_definition_id BIGINT,
    activate_on_job_complete BOOLEAN NOT NULL DEFAULT FALSE,
    items_activation_threshold BIGINT,
    items_per_job_activation_target BIGINT,
    max_jobs_for_activation BIGINT,
    resume_on_same_context BOOLEAN NOT NULL DEFAULT FALSE,
    run_as_me BOOLEAN NOT NULL DEFAULT FALSE,
    consecutive_job_failures_threshold BIGINT,
    job_failures_grace_period_in_hours BIGINT,
    is_connected BOOLEAN NOT NULL DEFAULT FALSE,
    tags {text} NOT NULL
);
CREATE UNIQUE INDEX process_schedules_name ON process_schedules (folder_id, fold(name));
CREATE INDEX process_schedules_folder ON process_schedules (folder_id, id);
CREATE INDEX process_schedules_release ON process_schedules (release_id);
CREATE INDEX process_schedules_calendar ON process_schedules (calendar_id)
    WHERE calendar_id IS NOT NULL;

CREATE TABLE assets (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    key {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    can_be_deleted BOOLEAN NOT NULL DEFAULT TRUE,
    value_scope BIGINT NOT NULL,
    value_type BIGINT NOT NULL,
    has_default_value BOOLEAN NOT NULL,
    string_value {text},
    bool_value BOOLEAN,
    int_value BIGINT,
    credential_username {text},
    -- Sealed for this asset's key.
    credential_password {text},
    secret_value {text},
    external_name {text},
    credential_store_id BIGINT,
    key_value_list {text} NOT NULL,
    description {text},
    tags {text} NOT NULL,
    last_modification_time BIGINT,
    last_modifier_user_id BIGINT,
    creation_time BIGINT NOT NULL,
    creator_user_id BIGINT
);

-- An asset is one thing in every folder that it is shared with.
CREATE TABLE asset_folders (
    asset_id BIGINT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    folder_id BIGINT NOT NULL REFERENCES folders (id),
    PRIMARY KEY (folder_id, asset_id)
);
CREATE INDEX asset_folders_asset ON asset_folders (asset_id, folder_id);

-- What an account gets instead of the asset's own value, on any machine or on one.
CREATE TABLE asset_user_values (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    asset_id BIGINT NOT NULL REFERENCES assets (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    machine_id BIGINT REFERENCES machines (id) ON DELETE CASCADE,
    string_value {text},
    bool_value BOOLEAN,
    int_value BIGINT,
    credential_username {text},
    credential_password {text},
    secret_value {text},
    external_name {text},
    credential_store_id BIGINT,
    key_value_list {text} NOT NULL
);
CREATE INDEX asset_user_values_asset ON asset_user_values (asset_id, id);
