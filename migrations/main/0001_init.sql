-- The main store: everything but robot logs. Times are 100 ns ticks since 1970, enums the numbers
-- of the API, GUIDs lower-case text. {text} orders by code point on both engines.

-- Whose keys signed the tokens and sealed the secrets here: one row.
CREATE TABLE installation (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    key_id {text} NOT NULL
);

CREATE TABLE tenants (
    id {id},
    key {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    display_name {text} NOT NULL,
    organization_key {text} NOT NULL,
    organization_name {text} NOT NULL,
    creation_time BIGINT NOT NULL
);
CREATE UNIQUE INDEX tenants_name ON tenants (fold(organization_name), fold(name));

-- External applications: who asks for a token with client_credentials.
CREATE TABLE clients (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    client_id {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    secret_hash {text} NOT NULL,
    scopes {text} NOT NULL,
    creation_time BIGINT NOT NULL
);

CREATE TABLE users (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    key {text} NOT NULL UNIQUE,
    user_name {text} NOT NULL,
    name {text},
    surname {text},
    email_address {text},
    domain {text},
    directory_identifier {text},
    password_hash {text},
    type BIGINT NOT NULL,
    provision_type BIGINT NOT NULL DEFAULT 0,
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    may_have_user_session BOOLEAN NOT NULL DEFAULT TRUE,
    may_have_robot_session BOOLEAN NOT NULL DEFAULT TRUE,
    may_have_unattended_session BOOLEAN NOT NULL DEFAULT FALSE,
    may_have_personal_workspace BOOLEAN NOT NULL DEFAULT FALSE,
    restrict_to_personal_workspace BOOLEAN NOT NULL DEFAULT FALSE,
    last_login_time BIGINT,
    creation_time BIGINT NOT NULL,
    creator_user_id BIGINT,
    last_modification_time BIGINT,
    last_modifier_user_id BIGINT
);
CREATE UNIQUE INDEX users_name ON users (tenant_id, fold(user_name));
CREATE INDEX users_email ON users (tenant_id, fold(email_address));

CREATE TABLE roles (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    name {text} NOT NULL,
    display_name {text} NOT NULL,
    type BIGINT NOT NULL,
    is_static BOOLEAN NOT NULL,
    is_editable BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX roles_name ON roles (tenant_id, fold(name));

CREATE TABLE role_permissions (
    role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    permission {text} NOT NULL,
    PRIMARY KEY (role_id, permission)
);

CREATE TABLE user_roles (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    PRIMARY KEY (user_id, role_id)
);

CREATE TABLE folders (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    key {text} NOT NULL UNIQUE,
    display_name {text} NOT NULL,
    fully_qualified_name {text} NOT NULL,
    fully_qualified_name_orderable {text} NOT NULL,
    description {text},
    folder_type BIGINT NOT NULL,
    provision_type BIGINT NOT NULL,
    permission_model BIGINT NOT NULL,
    feed_type BIGINT NOT NULL,
    parent_id BIGINT REFERENCES folders (id),
    is_active BOOLEAN NOT NULL DEFAULT TRUE
);
CREATE UNIQUE INDEX folders_path ON folders (tenant_id, fold(fully_qualified_name));
CREATE INDEX folders_parent ON folders (parent_id);

-- Every folder with itself (distance 0) and each of its ancestors: what a folder inherits is one join.
CREATE TABLE folder_tree (
    folder_id BIGINT NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    ancestor_id BIGINT NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    distance BIGINT NOT NULL,
    PRIMARY KEY (folder_id, ancestor_id)
);
CREATE INDEX folder_tree_down ON folder_tree (ancestor_id, folder_id);

CREATE TABLE folder_users (
    folder_id BIGINT NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (folder_id, user_id)
);
CREATE INDEX folder_users_user ON folder_users (user_id, folder_id);

CREATE TABLE folder_user_roles (
    folder_id BIGINT NOT NULL,
    user_id BIGINT NOT NULL,
    role_id BIGINT NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
    PRIMARY KEY (folder_id, user_id, role_id),
    FOREIGN KEY (folder_id, user_id) REFERENCES folder_users (folder_id, user_id) ON DELETE CASCADE
);

CREATE TABLE machines (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    key {text} NOT NULL UNIQUE,
    license_key {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    description {text},
    type BIGINT NOT NULL,
    scope BIGINT NOT NULL,
    non_production_slots BIGINT NOT NULL DEFAULT 0,
    unattended_slots BIGINT NOT NULL DEFAULT 0,
    headless_slots BIGINT NOT NULL DEFAULT 0,
    test_automation_slots BIGINT NOT NULL DEFAULT 0,
    hosting_slots BIGINT NOT NULL DEFAULT 0,
    app_test_slots BIGINT NOT NULL DEFAULT 0,
    performance_test_slots BIGINT NOT NULL DEFAULT 0,
    automation_cloud_slots BIGINT NOT NULL DEFAULT 0,
    automation_cloud_test_automation_slots BIGINT NOT NULL DEFAULT 0,
    automation_type BIGINT NOT NULL,
    target_framework BIGINT NOT NULL,
    creation_time BIGINT NOT NULL
);
CREATE UNIQUE INDEX machines_name ON machines (tenant_id, fold(name));

CREATE TABLE machine_secrets (
    id {id},
    machine_id BIGINT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
    secret_hash {text} NOT NULL,
    creation_time BIGINT NOT NULL
);
CREATE INDEX machine_secrets_machine ON machine_secrets (machine_id);

CREATE TABLE folder_machines (
    folder_id BIGINT NOT NULL REFERENCES folders (id) ON DELETE CASCADE,
    machine_id BIGINT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
    propagate BOOLEAN NOT NULL DEFAULT FALSE,
    PRIMARY KEY (folder_id, machine_id)
);
CREATE INDEX folder_machines_machine ON folder_machines (machine_id, folder_id);

CREATE TABLE robots (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    key {text} NOT NULL UNIQUE,
    user_id BIGINT REFERENCES users (id) ON DELETE CASCADE,
    machine_id BIGINT REFERENCES machines (id),
    name {text} NOT NULL,
    username {text},
    password {text},
    external_name {text},
    description {text},
    type BIGINT NOT NULL,
    hosting_type BIGINT NOT NULL,
    provision_type BIGINT NOT NULL,
    credential_store_id BIGINT,
    credential_type BIGINT,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    limit_concurrent_execution BOOLEAN NOT NULL DEFAULT TRUE,
    execution_settings {text},
    creation_time BIGINT NOT NULL,
    creator_user_id BIGINT,
    last_modification_time BIGINT,
    last_modifier_user_id BIGINT
);
CREATE UNIQUE INDEX robots_name ON robots (tenant_id, fold(name));
CREATE UNIQUE INDEX robots_of_user ON robots (user_id, type) WHERE user_id IS NOT NULL;

-- A host that serves a machine template, or a person who signed in to a robot on it (robot_id).
CREATE TABLE sessions (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    machine_id BIGINT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
    robot_id BIGINT REFERENCES robots (id) ON DELETE CASCADE,
    host_machine_name {text} NOT NULL,
    service_user_name {text} NOT NULL,
    state BIGINT NOT NULL,
    is_unresponsive BOOLEAN NOT NULL DEFAULT FALSE,
    reporting_time BIGINT NOT NULL,
    info {text},
    slots BIGINT,
    version {text},
    platform BIGINT NOT NULL DEFAULT 0,
    installation_id {text}
);
CREATE UNIQUE INDEX sessions_host
    ON sessions (machine_id, fold(host_machine_name), fold(service_user_name));
CREATE INDEX sessions_robot ON sessions (robot_id);

CREATE TABLE packages (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    feed_id {text} NOT NULL,
    package_id {text} NOT NULL,
    version {text} NOT NULL,
    normalized_version {text} NOT NULL,
    sort_key {text} NOT NULL,
    title {text},
    description {text},
    authors {text},
    tags {text},
    release_notes {text},
    project_url {text},
    license_url {text},
    published BIGINT NOT NULL,
    is_latest BOOLEAN NOT NULL,
    project_type BIGINT NOT NULL,
    process_type BIGINT NOT NULL,
    target_framework BIGINT,
    target_runtime {text},
    main_entry_point {text},
    requires_user_interaction BOOLEAN NOT NULL,
    is_attended BOOLEAN NOT NULL,
    blob {text} NOT NULL,
    size BIGINT NOT NULL
);
CREATE UNIQUE INDEX packages_version
    ON packages (tenant_id, feed_id, fold(package_id), normalized_version);
CREATE INDEX packages_latest ON packages (tenant_id, feed_id, fold(package_id)) WHERE is_latest;

CREATE TABLE package_entry_points (
    id {id},
    package_id BIGINT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    path {text} NOT NULL,
    unique_id {text},
    kind {text},
    -- {"Input":…,"Output":…}, each a text in the package's own notation.
    arguments {text} NOT NULL
);
CREATE INDEX package_entry_points_package ON package_entry_points (package_id, id);

CREATE TABLE releases (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    folder_id BIGINT NOT NULL REFERENCES folders (id),
    key {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    description {text},
    package_id BIGINT NOT NULL REFERENCES packages (id),
    entry_point_id BIGINT REFERENCES package_entry_points (id),
    input_arguments {text},
    environment_variables {text},
    specific_priority_value BIGINT NOT NULL,
    auto_update BOOLEAN NOT NULL DEFAULT FALSE,
    hidden_for_attended_user BOOLEAN NOT NULL DEFAULT FALSE,
    remote_control_access BIGINT NOT NULL DEFAULT 0,
    creation_time BIGINT NOT NULL,
    creator_user_id BIGINT,
    last_modification_time BIGINT,
    last_modifier_user_id BIGINT
);
CREATE UNIQUE INDEX releases_name ON releases (folder_id, fold(name));
CREATE INDEX releases_package ON releases (package_id);

CREATE TABLE jobs (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    folder_id BIGINT NOT NULL REFERENCES folders (id),
    key {text} NOT NULL UNIQUE,
    release_id BIGINT NOT NULL REFERENCES releases (id),
    release_name {text} NOT NULL,
    package_id BIGINT NOT NULL REFERENCES packages (id),
    state BIGINT NOT NULL,
    specific_priority_value BIGINT NOT NULL,
    source {text} NOT NULL,
    source_type BIGINT NOT NULL,
    batch_execution_key {text} NOT NULL,
    info {text},
    creation_time BIGINT NOT NULL,
    start_time BIGINT,
    end_time BIGINT,
    last_modification_time BIGINT,
    starting_schedule_id BIGINT,
    type BIGINT NOT NULL,
    runtime_type BIGINT NOT NULL,
    process_type BIGINT NOT NULL,
    entry_point_path {text},
    input_arguments {text},
    input_file {text},
    environment_variables {text},
    output_arguments {text},
    output_file {text},
    reference {text} NOT NULL DEFAULT '',
    requires_user_interaction BOOLEAN NOT NULL,
    resume_on_same_context BOOLEAN NOT NULL DEFAULT FALSE,
    stop_strategy BIGINT,
    remote_control_access BIGINT NOT NULL DEFAULT 0,
    profiling_options {text},
    parent_operation_id {text},
    trace_id {text},
    parent_span_id {text},
    root_span_id {text},
    error {text},
    error_code {text},
    creator_user_id BIGINT,
    -- What the caller asked for; the dispatcher may only choose within it.
    wanted_robot_id BIGINT REFERENCES robots (id),
    wanted_machine_id BIGINT REFERENCES machines (id),
    wanted_session_id BIGINT REFERENCES sessions (id),
    -- Who has it: a job is handed to one session at a time; every new hand-out is a new attempt.
    robot_id BIGINT REFERENCES robots (id),
    machine_id BIGINT REFERENCES machines (id),
    session_id BIGINT REFERENCES sessions (id),
    host_machine_name {text},
    attempt BIGINT NOT NULL DEFAULT 0,
    stop_after BIGINT,
    kill_after BIGINT,
    deadline BIGINT
);
CREATE INDEX jobs_folder ON jobs (folder_id, id);
CREATE INDEX jobs_folder_state ON jobs (folder_id, state, id);
CREATE INDEX jobs_release ON jobs (release_id, id);
CREATE INDEX jobs_robot ON jobs (robot_id, id);
-- The live jobs only: finished ones must not slow the dispatcher down.
CREATE INDEX jobs_waiting ON jobs (folder_id, runtime_type, specific_priority_value DESC, id)
    WHERE session_id IS NULL AND state IN (0, 8);
CREATE INDEX jobs_active ON jobs (session_id) WHERE state IN (0, 1, 2, 3, 8);
CREATE INDEX jobs_deadline ON jobs (deadline) WHERE deadline IS NOT NULL;
