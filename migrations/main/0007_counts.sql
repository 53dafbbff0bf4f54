-- How many jobs a folder has in each state. Triggers keep it in the transaction of every change, so
-- that a listing knows its number of entities without walking over them.
CREATE TABLE job_counts (
    tenant_id BIGINT NOT NULL,
    folder_id BIGINT NOT NULL,
    state BIGINT NOT NULL,
    entities BIGINT NOT NULL,
    PRIMARY KEY (folder_id, state)
);
INSERT INTO job_counts (tenant_id, folder_id, state, entities)
SELECT tenant_id, folder_id, state, COUNT(*) FROM jobs GROUP BY tenant_id, folder_id, state;

{sqlite:
CREATE TRIGGER jobs_counted_in AFTER INSERT ON jobs BEGIN
    INSERT INTO job_counts (tenant_id, folder_id, state, entities)
    VALUES (NEW.tenant_id, NEW.folder_id, NEW.state, 1)
    ON CONFLICT (folder_id, state) DO UPDATE SET entities = entities + 1;
END;
CREATE TRIGGER jobs_counted_on AFTER UPDATE OF state, folder_id ON jobs
WHEN OLD.state <> NEW.state OR OLD.folder_id <> NEW.folder_id BEGIN
    UPDATE job_counts SET entities = entities - 1
    WHERE folder_id = OLD.folder_id AND state = OLD.state;
    INSERT INTO job_counts (tenant_id, folder_id, state, entities)
    VALUES (NEW.tenant_id, NEW.folder_id, NEW.state, 1)
    ON CONFLICT (folder_id, state) DO UPDATE SET entities = entities + 1;
END;
CREATE TRIGGER jobs_counted_out AFTER DELETE ON jobs BEGIN
    UPDATE job_counts SET entities = entities - 1
    WHERE folder_id = OLD.folder_id AND state = OLD.state;
END;
}
{postgres:
CREATE FUNCTION jobs_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE job_counts SET entities = entities - 1
        WHERE folder_id = OLD.folder_id AND state = OLD.state;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO job_counts (tenant_id, folder_id, state, entities)
        VALUES (NEW.tenant_id, NEW.folder_id, NEW.state, 1)
        ON CONFLICT (folder_id, state) DO UPDATE SET entities = job_counts.entities + 1;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER jobs_counted_in_out AFTER INSERT OR DELETE ON jobs
    FOR EACH ROW EXECUTE FUNCTION jobs_counted();
CREATE TRIGGER jobs_counted_on AFTER UPDATE OF state, folder_id ON jobs
    FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.folder_id <> NEW.folder_id)
    EXECUTE FUNCTION jobs_counted();
}
