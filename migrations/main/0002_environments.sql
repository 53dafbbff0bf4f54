-- Classic folders: robots belong to one folder, environments group them, processes are deployed to
-- an environment.

ALTER TABLE robots ADD COLUMN folder_id BIGINT REFERENCES folders (id);
-- Few installations have classic robots: where there are none, looking for them costs nothing.
CREATE INDEX robots_classic ON robots (tenant_id, machine_id) WHERE folder_id IS NOT NULL;
CREATE INDEX robots_folder ON robots (folder_id, id) WHERE folder_id IS NOT NULL;

CREATE TABLE environments (
    id {id},
    tenant_id BIGINT NOT NULL REFERENCES tenants (id),
    folder_id BIGINT NOT NULL REFERENCES folders (id),
    name {text} NOT NULL,
    description {text},
    type BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX environments_name ON environments (folder_id, fold(name));
CREATE INDEX environments_folder ON environments (folder_id, id);

CREATE TABLE environment_robots (
    environment_id BIGINT NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    robot_id BIGINT NOT NULL REFERENCES robots (id) ON DELETE CASCADE,
    PRIMARY KEY (environment_id, robot_id)
);
CREATE INDEX environment_robots_robot ON environment_robots (robot_id, environment_id);

ALTER TABLE releases ADD COLUMN environment_id BIGINT REFERENCES environments (id);
CREATE INDEX releases_environment ON releases (environment_id, id) WHERE environment_id IS NOT NULL;

-- The session of a person who signed in to a robot. The session of a host shows the robot that runs
-- on it, or ran last, so that robot_id does not tell them apart any more.
ALTER TABLE sessions ADD COLUMN is_attended BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE sessions SET is_attended = TRUE WHERE robot_id IS NOT NULL;
