-- Every application has an account among the users, to which roles are given: its number in `type` is
-- 5, its client id stands in `directory_identifier`. Deleting the account deletes the application.
ALTER TABLE clients ADD COLUMN user_id BIGINT REFERENCES users (id) ON DELETE CASCADE;

INSERT INTO users (tenant_id, key, user_name, directory_identifier, type, may_have_user_session,
    may_have_robot_session, creation_time)
SELECT c.tenant_id,
    {sqlite:lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
        || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))}
    {postgres:CAST(gen_random_uuid() AS TEXT)},
    -- The name may be taken by a person, or by an application that differs in case only.
    c.name || CASE WHEN EXISTS (SELECT 1 FROM users u
                WHERE u.tenant_id = c.tenant_id AND fold(u.user_name) = fold(c.name))
            OR EXISTS (SELECT 1 FROM clients o WHERE o.tenant_id = c.tenant_id AND o.id < c.id
                AND fold(o.name) = fold(c.name))
        THEN ' (application ' || c.id || ')' ELSE '' END,
    c.client_id, 5, FALSE, FALSE, c.creation_time
FROM clients c ORDER BY c.id;

-- The newest: somebody may have made an account of that kind by hand, to which nobody belonged.
UPDATE clients SET user_id = (SELECT MAX(u.id) FROM users u WHERE u.tenant_id = clients.tenant_id
    AND u.type = 5 AND u.directory_identifier = clients.client_id);
CREATE UNIQUE INDEX clients_user ON clients (user_id);
