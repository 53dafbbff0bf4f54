-- Robot logs live in a store of their own: a flood of lines never delays a job.
CREATE TABLE robot_logs (
    id {id},
    tenant_id BIGINT NOT NULL,
    folder_id BIGINT NOT NULL,
    level BIGINT NOT NULL,
    windows_identity {text},
    process_name {text},
    time_stamp BIGINT NOT NULL,
    message {text} NOT NULL,
    job_key {text},
    raw_message {text} NOT NULL,
    robot_name {text},
    host_machine_name {text},
    machine_id BIGINT,
    machine_key {text},
    runtime_type BIGINT
);
CREATE INDEX robot_logs_folder ON robot_logs (folder_id, time_stamp);
CREATE INDEX robot_logs_job ON robot_logs (job_key, time_stamp);
