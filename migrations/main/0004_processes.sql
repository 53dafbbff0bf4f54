-- Processes and packages in full, and webhooks.

-- A deleted package version stays as a row, because jobs and releases of the past name it; its file
-- goes. The version can be uploaded again.
ALTER TABLE packages ADD COLUMN deletion_time BIGINT;
ALTER TABLE packages ADD COLUMN is_conversational BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE packages ADD COLUMN owners {text};
ALTER TABLE packages ADD COLUMN icon_url {text};
ALTER TABLE packages ADD COLUMN summary {text};
DROP INDEX packages_version;
CREATE UNIQUE INDEX packages_version
    ON packages (tenant_id, feed_id, fold(package_id), normalized_version)
    WHERE deletion_time IS NULL;

-- The two halves of `arguments`, each as a text of its own.
ALTER TABLE package_entry_points ADD COLUMN input_arguments {text} GENERATED ALWAYS AS
    ({sqlite:json_extract(arguments, '$.Input')}{postgres:arguments::json ->> 'Input'})
    {sqlite:VIRTUAL}{postgres:STORED};
ALTER TABLE package_entry_points ADD COLUMN output_arguments {text} GENERATED ALWAYS AS
    ({sqlite:json_extract(arguments, '$.Output')}{postgres:arguments::json ->> 'Output'})
    {sqlite:VIRTUAL}{postgres:STORED};

-- A deleted release stays as a row for as long as there are jobs of it.
ALTER TABLE releases ADD COLUMN deletion_time BIGINT;
ALTER TABLE releases ADD COLUMN current_version_id BIGINT;
ALTER TABLE releases ADD COLUMN automation_hub_idea_url {text};
ALTER TABLE releases ADD COLUMN process_settings {text};
ALTER TABLE releases ADD COLUMN video_recording_settings {text};
ALTER TABLE releases ADD COLUMN robot_size BIGINT;
ALTER TABLE releases ADD COLUMN tags {text};
DROP INDEX releases_name;
CREATE UNIQUE INDEX releases_name ON releases (folder_id, fold(name)) WHERE deletion_time IS NULL;
CREATE INDEX releases_folder ON releases (folder_id, id) WHERE deletion_time IS NULL;

-- Which package version a release had when: a row for every change.
CREATE TABLE release_versions (
    id {id},
    release_id BIGINT NOT NULL REFERENCES releases (id) ON DELETE CASCADE,
    package_id BIGINT NOT NULL REFERENCES packages (id),
    creation_time BIGINT NOT NULL
);
CREATE INDEX release_versions_release ON release_versions (release_id, id);
INSERT INTO release_versions (release_id, package_id, creation_time)
    SELECT id, package_id, creation_time FROM releases ORDER BY id;
UPDATE releases SET current_version_id =
    (SELECT v.id FROM release_versions v WHERE v.release_id = releases.id);

CREATE TABLE webhooks (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    key {text} NOT NULL UNIQUE,
    name {text} NOT NULL,
    description {text},
    url {text} NOT NULL,
    enabled BOOLEAN NOT NULL,
    -- Sealed for the webhook's key.
    secret {text},
    subscribe_to_all_events BOOLEAN NOT NULL,
    allow_insecure_ssl BOOLEAN NOT NULL,
    -- [{"EventType":…}]
    events {text} NOT NULL DEFAULT '[]',
    creation_time BIGINT NOT NULL
);
CREATE UNIQUE INDEX webhooks_name ON webhooks (tenant_id, fold(name));
