-- The account of a classic robot is called after its own key. It was called after the robot's, with which
-- whoever may list accounts could have signed in as the robot.
UPDATE users SET user_name = 'robot-' || key
WHERE id IN (SELECT user_id FROM robots WHERE folder_id IS NOT NULL AND users.user_name = 'robot-' || robots.key);
