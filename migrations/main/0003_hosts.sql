-- Machines with all their settings, hosts under maintenance, and who may use which machine.

ALTER TABLE machines ADD COLUMN tags {text};
ALTER TABLE machines ADD COLUMN update_policy {text};
ALTER TABLE machines ADD COLUMN maintenance_window {text};
ALTER TABLE machines ADD COLUMN vpn_settings {text};

-- A machine with rows here takes jobs of these robots only: everywhere …
CREATE TABLE machine_robots (
    machine_id BIGINT NOT NULL REFERENCES machines (id) ON DELETE CASCADE,
    robot_id BIGINT NOT NULL REFERENCES robots (id) ON DELETE CASCADE,
    PRIMARY KEY (machine_id, robot_id)
);
CREATE INDEX machine_robots_robot ON machine_robots (robot_id);

-- … or in one folder.
CREATE TABLE folder_machine_robots (
    folder_id BIGINT NOT NULL,
    machine_id BIGINT NOT NULL,
    robot_id BIGINT NOT NULL REFERENCES robots (id) ON DELETE CASCADE,
    PRIMARY KEY (folder_id, machine_id, robot_id),
    FOREIGN KEY (folder_id, machine_id)
        REFERENCES folder_machines (folder_id, machine_id) ON DELETE CASCADE
);
CREATE INDEX folder_machine_robots_robot ON folder_machine_robots (robot_id);

ALTER TABLE sessions ADD COLUMN maintenance_mode BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN debug_mode_expiration_date BIGINT;

-- Before a machine or session goes, the jobs that name it are found.
CREATE INDEX jobs_machine ON jobs (machine_id) WHERE machine_id IS NOT NULL;
CREATE INDEX jobs_session ON jobs (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX jobs_wanted_machine ON jobs (wanted_machine_id) WHERE wanted_machine_id IS NOT NULL;
CREATE INDEX jobs_wanted_session ON jobs (wanted_session_id) WHERE wanted_session_id IS NOT NULL;
