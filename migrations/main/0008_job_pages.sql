-- Pages of jobs in the order they were made, of one state or of all. The order ends with the key,
-- so that a page is read from the index as it stands and nothing is sorted; the tenant is part of
-- every condition, so that counting never leaves the index.
CREATE INDEX jobs_state_created ON jobs (folder_id, state, creation_time, id, tenant_id);
CREATE INDEX jobs_created ON jobs (folder_id, creation_time, id, tenant_id);
-- As above: what they held is the same with the tenant behind it.
DROP INDEX jobs_folder;
CREATE INDEX jobs_folder ON jobs (folder_id, id, tenant_id);
DROP INDEX jobs_folder_state;
CREATE INDEX jobs_folder_state ON jobs (folder_id, state, id, tenant_id);
DROP INDEX jobs_robot;
CREATE INDEX jobs_robot ON jobs (robot_id, id, folder_id, tenant_id) WHERE robot_id IS NOT NULL;
