-- Pages of jobs of several folders, or of all, in the order they were made: read from the index
-- until the page is full, the folder checked on the way.
CREATE INDEX jobs_tenant_created ON jobs (tenant_id, creation_time, id, folder_id);
