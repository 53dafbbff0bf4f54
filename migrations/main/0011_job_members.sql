-- What a start of jobs says besides and the jobs show: texts for the robot, help with automations that
-- fail, and the job that started them.
ALTER TABLE jobs ADD COLUMN fps_context {text};
ALTER TABLE jobs ADD COLUMN fps_properties {text};
ALTER TABLE jobs ADD COLUMN autopilot_for_robots {text};
ALTER TABLE jobs ADD COLUMN parent_job_key {text};
